internal import ArgumentParser
internal import Formats
internal import Pipeline

/// Measures the reading of a buffer's rollout and score shards, of one rollout, and of few columns.
struct StorageRead: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "read", abstract: "Print the speed of reading the shards of a buffer.")

  @Argument var buffer: String
  @Option(help: "Rollouts to read by themselves.")
  var samples = 200
  @Option var seed = 1

  func run() throws {
    let buffer = try Buffer.open(path: buffer, create: false)
    let rollouts = try buffer.manifests(.rollouts).map { buffer.path(of: $0) }
    let scores = try buffer.manifests(.scores).map { buffer.path(of: $0) }
    guard !rollouts.isEmpty else { throw RollbookError.missing(buffer.root, "expected rollouts, found none") }
    let baselines = (rollouts: try LZ4Baseline(), scores: try LZ4Baseline())
    var columns = Clock()
    var rows = (rollouts: Clock(), scores: Clock())
    var count = 0
    for path in rollouts {
      try baselines.rollouts.run(shard: path)
      try columns.measure {
        let reader = try ArrowFileReader(path: path)
        for index in 0..<reader.batchCount { count += try reader.batch(index).rowCount }
      }
      try rows.rollouts.measure { try read(RolloutShardReader(path: path)) { count += $0.count } }
    }
    for path in scores {
      try baselines.scores.run(shard: path)
      try rows.scores.measure { try read(ScoreShardReader(path: path)) { count += $0.count } }
    }
    var table = StorageTable()
    table.append("read rollouts as columns", columns, baselines.rollouts, \.decompression)
    table.append("read rollouts as rows", rows.rollouts, baselines.rollouts, \.decompression)
    if !scores.isEmpty { table.append("read scores as rows", rows.scores, baselines.scores, \.decompression) }
    try Output.print(table.rendered, terminator: "")
    try selective(rollouts)
    try single(rollouts)
  }

  private func read<Codec>(_ reader: ShardReader<Codec>, _ body: ([Codec.Row]) -> Void) throws {
    for index in 0..<reader.batchCount { body(try reader.rows(batch: index)) }
  }

  /// Lengths and ids of every rollout: what listings take.
  private func selective(_ paths: [String]) throws {
    var clock = Clock()
    var count = 0
    try clock.measure {
      for path in paths {
        let reader = try RolloutShardReader(path: path)
        for index in 0..<reader.batchCount { count += try reader.summaries(batch: index).count }
      }
    }
    let rate = Format.decimal(Double(count) / clock.wall / 1e6, 2)
    try Output.print("columns of the summary alone: \(rate) million rollouts/s")
  }

  /// Opens a shard, finds the batch of a row and decodes it, all anew each time.
  private func single(_ paths: [String]) throws {
    var random = SplitMix(state: UInt64(truncatingIfNeeded: seed))
    var times: [Double] = []
    var address = ""
    for _ in 0..<samples {
      let path = paths[Int(random.next() % UInt64(paths.count))]
      let start = Timestamp.steady
      let reader = try RolloutShardReader(path: path)
      var row = Int(random.next() % UInt64(max(reader.rowCount, 1)))
      var batch = 0
      while row >= reader.file.batchRowCounts[batch] {
        row -= reader.file.batchRowCounts[batch]
        batch += 1
      }
      let found = try reader.rows(batch: batch)[row]
      times.append(Timestamp.steady - start)
      address = "\(found.step)/\(found.promptID)/\(found.sample)"
      guard found.responseTokens.count > 0 else { throw RollbookError.bug("\(path): an empty response") }
    }
    times.sort()
    try Output.print(
      "one rollout: \(Format.decimal(times[times.count / 2] * 1000, 3)) ms in the median, "
        + "\(Format.decimal(times[times.count * 99 / 100] * 1000, 3)) ms at 99 %")
    // What scripts/bench_storage.sh asks `rollbook show` for.
    try Output.print("the last of them: \(address)")
  }
}
