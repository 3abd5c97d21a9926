internal import ArgumentParser
internal import Formats
internal import Pipeline

/// Fills a buffer with made-up rollouts and their scores, and measures the writing.
struct StorageMake: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "make", abstract: "Fill a buffer with made-up rollouts and scores; print the speed of writing them.")

  @Argument(help: "A buffer that is not there yet.")
  var buffer: String
  @Option var rollouts = 50_000
  @Option(help: "One shard a step.")
  var shards = 50
  @Option var seed = 1

  func run() throws {
    guard rollouts > 0, shards > 0, shards <= rollouts else {
      throw RollbookError.usage("expected at least one rollout a shard, found \(rollouts) in \(shards)")
    }
    let buffer = try Buffer.open(path: buffer, create: true)
    var source = SyntheticRows(seed: seed)
    var encoding = Clock()
    var writing = (rollouts: Clock(), scores: Clock())
    let baselines = (rollouts: try LZ4Baseline(), scores: try LZ4Baseline())
    for step in 0..<shards {
      let count = rollouts * (step + 1) / shards - rollouts * step / shards
      let rows = try source.step(step, count: count)
      let groups = stride(from: 0, to: count, by: SyntheticRows.groupSize).map { start in
        Array(rows.rollouts[start..<min(start + SyntheticRows.groupSize, count)])
      }
      let tokens = rows.rollouts.reduce(0) { $0 + $1.responseTokens.count }
      try encoding.measure { try encode(groups) }
      let rolloutManifest = try writing.rollouts.measure {
        try write(groups, lengthMean: Double(tokens) / Double(count), step: step, to: buffer)
      }
      let scoreManifest = try writing.scores.measure {
        try write(rows.scores, of: rolloutManifest, step: step, to: buffer)
      }
      try baselines.rollouts.run(shard: buffer.path(of: rolloutManifest))
      try baselines.scores.run(shard: buffer.path(of: scoreManifest))
    }
    var table = StorageTable()
    table.append("encode rollouts", encoding, baselines.rollouts, \.compression)
    table.append("write rollouts", writing.rollouts, baselines.rollouts, \.compression)
    table.append("write scores", writing.scores, baselines.scores, \.compression)
    try Output.print(table.rendered, terminator: "")
  }

  /// The bytes of a shard and their digest, which go nowhere.
  private func encode(_ groups: [[Rollout]]) throws {
    let writer = try RolloutShardWriter(staging: "nowhere", fileSystem: DroppingFileSystem(), resume: false)
    for group in groups { try writer.append(group) }
    try writer.finish()
  }

  /// As a stage does: a group at a time.
  private func write(_ groups: [[Rollout]], lengthMean: Double, step: Int, to buffer: Buffer) throws -> Manifest {
    let policy = SyntheticRows.policy(step: step)
    let provenance = Provenance(
      "generate", parameters: ["step": "\(step)"], inputs: [], seed: seed, policy: policy, kernels: "none", threads: 1)
    let staging = buffer.stagingPath(.rollouts, step: step, part: 0)
    let writer = try RolloutShardWriter(staging: staging, metadata: ["rollbook.action": provenance.key])
    for group in groups { try writer.append(group) }
    try writer.finish()
    let manifest = Manifest(
      kind: .rollouts, name: Buffer.shardName(step: step, part: 0), schemaVersion: writer.codec.schemaVersion,
      step: step, action: provenance.action(), summary: ["length_mean": lengthMean])
    return try Publisher(buffer: buffer).publishShard(staged: staging, manifest: manifest, digest: writer.digest).manifest
  }

  private func write(_ rows: [ScoreRow], of shard: Manifest, step: Int, to buffer: Buffer) throws -> Manifest {
    let input = Manifest.Input(role: "rollouts", name: buffer.path(of: shard), digest: shard.digest)
    let set = SyntheticRows.set
    let provenance = Provenance(
      "score", parameters: ["step": "\(step)", "scores": set], inputs: [input], kernels: "none", threads: 1)
    let staging = buffer.stagingPath(.scores, step: step, part: 0, set: set)
    let writer = try ScoreShardWriter(
      staging: staging, components: SyntheticRows.components, metadata: ["rollbook.action": provenance.key])
    try writer.append(rows)
    try writer.finish()
    let rewards = rows.compactMap(\.reward)
    let manifest = Manifest(
      kind: .scores, name: Buffer.shardName(step: step, part: 0, set: set), schemaVersion: writer.codec.schemaVersion,
      step: step, set: set, inputs: [input], action: provenance.action(),
      summary: ["reward_mean": rewards.reduce(0, +) / Double(max(rewards.count, 1))])
    return try Publisher(buffer: buffer).publishShard(staged: staging, manifest: manifest, digest: writer.digest).manifest
  }
}

extension LZ4Baseline {
  /// Runs over the very buffers that a shard holds.
  func run(shard path: String) throws {
    let reader = try ArrowFileReader(path: path)
    for index in 0..<reader.batchCount { try run(try reader.batch(index).columns) }
  }
}
