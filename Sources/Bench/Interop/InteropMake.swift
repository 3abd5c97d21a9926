internal import ArgumentParser
internal import Formats
internal import Foundation
internal import Pipeline

/// A buffer with a shard of every kind, and files of random schemas, each with FILE.jsonl beside it.
///
/// The rows are compared with what our reader finds before the lines are written.
struct InteropMake: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "make", abstract: "Make shards of every kind and files of random schemas.")

  @Argument(help: "A folder that is not there yet.")
  var folder: String
  @Option(help: "Files of random schemas.")
  var files = 30
  @Option var seed = 1

  func run() throws {
    let buffer = try Buffer.open(path: "\(folder)/buffer", create: true)
    for (step, count) in [(0, 1), (1, 64), (2, 150)] {
      let rows = InteropRows.rollouts(step: step, count: count)
      try publish(
        rows, RolloutShardWriter(staging: buffer.stagingPath(.rollouts, step: step, part: 0), resume: false), buffer,
        Manifest(
          kind: .rollouts, name: Buffer.shardName(step: step, part: 0), schemaVersion: 1, step: step, action: action)
      ) { try RolloutShardReader(path: $0).rows() }
      let scores = InteropRows.scores(rows)
      let staging = buffer.stagingPath(.scores, step: step, part: 0, set: "main")
      try publish(
        scores, ScoreShardWriter(staging: staging, components: ["exact", "längé"], resume: false), buffer,
        Manifest(
          kind: .scores, name: Buffer.shardName(step: step, part: 0, set: "main"), schemaVersion: 1, step: step,
          set: "main", action: action)
      ) { try ScoreShardReader(path: $0).rows() }
      try publish(
        InteropRows.updates(rows),
        UpdateShardWriter(staging: buffer.stagingPath(.updates, step: step, part: 0), resume: false), buffer,
        Manifest(
          kind: .updates, name: Buffer.shardName(step: step, part: 0), schemaVersion: 1, step: step, action: action)
      ) { try UpdateShardReader(path: $0).rows() }
    }
    try randomFiles()
  }

  private var action: Manifest.Action { Manifest.Action(key: "interop", stage: "bench", code: .init(version: "0")) }

  private func publish<Codec: ShardCodec>(
    _ rows: [Codec.Row], _ writer: ShardWriter<Codec>, _ buffer: Buffer, _ manifest: Manifest,
    read: (String) throws -> [Codec.Row]
  ) throws where Codec.Row: Equatable {
    try writer.append(rows)
    try writer.finish()
    let manifest = try Publisher(buffer: buffer)
      .publishShard(staged: writer.path, manifest: manifest, digest: writer.digest).manifest
    let path = try buffer.intactPath(of: manifest)
    guard try read(path) == rows else { throw RollbookError.bug("\(path): other rows than were written") }
    try expect(path)
  }

  private func expect(_ path: String) throws {
    var text = ""
    try InteropDump.lines(path) { text += $0 + "\n" }
    try Data(text.utf8).write(to: URL(fileURLWithPath: path + ".jsonl"))
  }

  private func randomFiles() throws {
    var source = RandomColumns(seed: seed)
    try FileManager.default.createDirectory(atPath: "\(folder)/types", withIntermediateDirectories: true)
    for number in 0..<files {
      let path = "\(folder)/types/\(number).arrow"
      let schema = source.schema()
      let writer = try ArrowFileWriter(path: path, schema: schema, compression: number % 4 == 3 ? .none : .lz4Frame)
      var batches: [[ArrowColumn]] = []
      for _ in 0..<source.random(1...3) {
        let rows = source.random(1...70)
        let columns = try schema.fields.map { try source.column($0, rows: rows) }
        batches.append(columns)
        try writer.append(columns)
      }
      try writer.finish()
      let reader = try ArrowFileReader(path: path)
      for (index, columns) in batches.enumerated() {
        guard try reader.batch(index).columns == columns else {
          throw RollbookError.bug("\(path), batch \(index): other values than were written")
        }
      }
      try expect(path)
    }
  }
}
