internal import ArgumentParser
internal import Formats
internal import Pipeline

/// Fills a buffer with one step of made-up responses that end in answers.
struct ScoreMake: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "make", abstract: "Fill a buffer with one step of made-up rollouts whose responses end in answers.")

  @Argument(help: "A buffer that is not there yet.")
  var buffer: String
  @Option var rollouts = 50_000
  @Option var shards = 50
  @Option var seed = 1

  func run() throws {
    guard rollouts > 0, shards > 0, shards <= rollouts else {
      throw RollbookError.usage("expected at least one rollout a shard, found \(rollouts) in \(shards)")
    }
    let buffer = try Buffer.open(path: buffer, create: true)
    var source = SyntheticRows(seed: seed)
    var answers = SyntheticAnswers(seed: seed)
    var firstGroup = 0
    for part in 0..<shards {
      let count = rollouts * (part + 1) / shards - rollouts * part / shards
      var rows = try source.step(0, count: count).rollouts
      for index in rows.indices {
        rows[index].group += firstGroup
        answers.finish(&rows[index])
      }
      firstGroup = (rows.last?.group ?? firstGroup) + 1
      try write(rows, part: part, to: buffer)
    }
  }

  private func write(_ rows: [Rollout], part: Int, to buffer: Buffer) throws {
    let provenance = Provenance(
      "generate", parameters: ["step": "0", "part": "\(part)", "parts": "\(shards)", "max-new-tokens": "1000"],
      inputs: [], seed: seed, policy: SyntheticRows.policy(step: 0), kernels: "none", threads: 1)
    let staging = buffer.stagingPath(.rollouts, step: 0, part: part)
    let writer = try RolloutShardWriter(staging: staging, metadata: ["rollbook.action": provenance.key])
    try writer.append(rows)
    try writer.finish()
    let manifest = Manifest(
      kind: .rollouts, name: Buffer.shardName(step: 0, part: part), schemaVersion: writer.codec.schemaVersion,
      step: 0, part: part, action: provenance.action())
    _ = try Publisher(buffer: buffer).publishShard(staged: staging, manifest: manifest, digest: writer.digest)
  }
}

/// Ends responses as models that were asked for numbers do: in boxes, tags and lines, as integers, fractions, decimals,
/// with units and separators; a third of them right.
struct SyntheticAnswers {
  private var random: SplitMix

  init(seed: Int) { random = SplitMix(state: UInt64(truncatingIfNeeded: seed &+ 7)) }

  mutating func finish(_ rollout: inout Rollout) {
    let right = Int(rollout.answer ?? "") ?? 0
    let value = random.next() % 3 == 0 ? right : right + 1 + Int(random.next() % 9)
    let number =
      switch random.next() % 6 {
      case 0: "\\frac{\(2 * value)}{2}"
      case 1: "\(value).0"
      case 2: value >= 1000 ? "\(value / 1000),\(String(1000 + value % 1000).dropFirst())" : "\(value)"
      default: "\(value)"
      }
    let end =
      switch random.next() % 5 {
      case 0: "So the answer is $\\boxed{\(number)}$."
      case 1: "<answer>\(number)</answer>"
      case 2: "\n#### \(number)"
      case 3: "\nAnswer: \(number) apples"
      default: "Therefore x = \(number)."
      }
    rollout.responseText = "<think>\(rollout.responseText)</think>\n\(end)"
  }
}
