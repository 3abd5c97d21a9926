internal import ArgumentParser
internal import Formats
internal import Foundation
internal import Pipeline
internal import Rewards

/// Scores stored rollouts into a named score set: one score shard per rollout shard. Rollouts are never changed, and
/// any number of sets may stand beside one another.
@main struct Score: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rollbook-score", abstract: "Score stored rollouts with verifiers, format and length rewards.",
    discussion: """
      EXAMPLES
        Right answers count 1, the asked form 0.2:
          rollbook score --buffer runs/add --step 0 --reward math=1 --reward format=0.2
        Another set over the same rollouts, with a reward for short right answers:
          rollbook score --buffer runs/add --step 0 --scores short --reward math=1 --reward o1-pruner=0.1
        The same against the lengths of a reference model's responses, sampled into a buffer of their own:
          rollbook score --buffer runs/add --step 0 --scores short --reference-buffer runs/reference \\
            --reward math=1 --reward o1-pruner:reference=given=0.1
        Only some of them; the others' rewards are null:
          rollbook score --buffer runs/add --step 0 --scores long --reward math=1 --where 'response_length > 100'
        A form of one's own:
          rollbook score --buffer runs/add --step 0 --reward 'format:pattern=Answer: [0-9]+=0.2' …

      The reward of a rollout is the sum of weight × component; each component is stored under its own name. The first
      component counts as passed where it is 1.

      REWARDS (name[:key=value,…][=WEIGHT])
      \(RewardRegistry.table.map { "  \($0.name): \($0.summary)" }.joined(separator: "\n"))
      """)

  @OptionGroup var stage: StageOptions
  @OptionGroup var selection: SelectionOptions

  @Option(help: ArgumentHelp("The score set's name.", valueName: "name"))
  var scores = "main"
  @Option(help: ArgumentHelp("A reward and its weight, name[:key=value,…][=WEIGHT]; several may be given.", valueName: "spec"))
  var reward: [String]

  @Option(
    help: ArgumentHelp(
      "A buffer whose rollouts to the same prompts give the reference length of o1-pruner:reference=given.",
      valueName: "dir"))
  var referenceBuffer: String?
  @Option(help: ArgumentHelp("Only this step of --reference-buffer (default: all).", valueName: "n"))
  var referenceStep: Int?

  static func main() { Stage.main(Self.self) }

  func run() throws {
    try Buffer.validate(set: scores)
    let rewards = try rewardSet()
    let buffer = try Buffer.open(path: stage.buffer, create: false)
    let shards = try buffer.completeRollouts(step: stage.step)
    let reference = try referenceBuffer.map {
      try LengthReference(Buffer.open(path: $0, create: false), step: referenceStep)
    }
    let selected = try selection.ids(buffer, step: stage.step, making: scores)
    var tally = Tally()
    var made = 0
    var progress = Progress("score", stage, total: shards.reduce(0) { $0 + $1.rows }, unit: "rollouts")
    for shard in shards {
      let provenance = provenance(shard, rewards, reference)
      if try !isDone(shard, provenance, buffer) {
        try make(shard, provenance, rewards, reference, selected, buffer)
        made += 1
      }
      let done = try Manifest.read(buffer.manifestPath(.scores, name: name(shard)))
      let reader = try ScoreShardReader(path: buffer.path(of: done))
      for batch in 0..<reader.batchCount { tally.add(try reader.rows(batch: batch), reader.components) }
      progress.update(tally.rows)
    }
    progress.finish()
    try finish(buffer, tally, shards: shards.count, made: made)
  }

  private func rewardSet() throws -> RewardSet {
    do { return try RewardSet(specs: reward) } catch {
      throw RollbookError.usage("--reward: \(error.description)")
    }
  }

  private func name(_ shard: Manifest) -> String {
    Buffer.shardName(step: stage.step, part: shard.part, set: scores)
  }

  private func isDone(_ shard: Manifest, _ provenance: Provenance, _ buffer: Buffer) throws -> Bool {
    let path = buffer.manifestPath(.scores, name: name(shard))
    guard FileManager.default.fileExists(atPath: path) else { return false }
    let manifest = try Manifest.read(path)
    if manifest.action.key == provenance.key { return true }
    throw RollbookError.usage(
      "score set '\(scores)' of step \(stage.step) is there already, made differently: "
        + provenance.difference(from: manifest.action),
      hint: "give the set another name with --scores; nothing that is stored is ever changed")
  }

  private func provenance(_ shard: Manifest, _ rewards: RewardSet, _ reference: LengthReference?) -> Provenance {
    var parameters = ["scores": scores, "step": "\(stage.step)", "part": "\(shard.part)"]
    parameters["where"] = selection.text
    for (index, component) in rewards.components.enumerated() {
      let settings = component.reward.parameters.map { "\($0.name)=\($0.value)" }.joined(separator: ",")
      parameters["reward.\(index)"] =
        "\(component.name) version \(component.reward.version)\(settings.isEmpty ? "" : " \(settings)") × \(component.weight)"
    }
    return Provenance(
      "score", parameters: parameters,
      inputs: [Manifest.Input(role: "rollouts", name: shard.name, digest: shard.digest)] + (reference?.inputs ?? []),
      kernels: "none", threads: 1)
  }

  /// Scores one rollout shard, group by group.
  private func make(
    _ shard: Manifest, _ provenance: Provenance, _ rewards: RewardSet, _ reference: LengthReference?,
    _ selected: Set<RolloutID>?, _ buffer: Buffer
  ) throws {
    let staging = buffer.stagingPath(.scores, step: stage.step, part: shard.part, set: scores)
    let lock = try StagingLock(path: staging + ".lock")
    defer { lock.release() }
    let reader = try RolloutShardReader(path: buffer.intactPath(of: shard))
    let writer = try ScoreShardWriter(
      staging: staging, components: rewards.names, metadata: ["rollbook.action": provenance.key])
    var skip = writer.recoveredRowCount
    var tally = Tally()
    for batch in 0..<reader.batchCount {
      if Interrupt.requested { throw Interrupt.error("\(writer.storedRowCount) of \(shard.rows) scores are kept") }
      for group in try reader.rows(batch: batch).grouped() {
        let rows = scored(group, rewards, reference, selected)
        tally.add(rows, rewards.names)
        if skip >= rows.count { skip -= rows.count } else { try writer.append(rows) }
      }
    }
    try writer.finish()
    let manifest = Manifest(
      kind: .scores, name: name(shard), schemaVersion: 1, step: stage.step, part: shard.part, set: scores,
      inputs: provenance.inputs, action: provenance.action(), summary: tally.summary)
    _ = try Publisher(buffer: buffer).publishShard(staged: staging, manifest: manifest, digest: writer.digest)
  }

  /// One row a rollout: those that are not selected have nulls.
  private func scored(
    _ group: [Rollout], _ rewards: RewardSet, _ reference: LengthReference?, _ selected: Set<RolloutID>?
  ) -> [ScoreRow] {
    let inputs = group.map { $0.rewardInput(referenceLength: reference?.lengths[$0.promptID]) }
    return zip(group, rewards.score(inputs)).map { rollout, scored in
      let counts = selected?.contains(rollout.id) ?? true
      return ScoreRow(
        rollout: rollout.id, step: rollout.step, promptID: rollout.promptID, sample: rollout.sample,
        reward: counts ? scored.total : nil, components: counts ? scored.components : scored.components.map { _ in nil },
        extracted: counts ? scored.extracted : nil)
    }
  }

  private func finish(_ buffer: Buffer, _ tally: Tally, shards: Int, made: Int) throws {
    if made > 0 {
      try Metrics(buffer).record(
        step: stage.step, stage: "score:\(scores)", tally.summary.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
    }
    var summary: JSONObject = [
      "stage": "score", "step": .int(stage.step), "scores": .string(scores), "rollouts": .int(tally.rows),
      "shards": .int(shards), "made": .int(made),
    ]
    for (name, value) in tally.summary.sorted(by: { $0.key < $1.key }) { summary[name] = JSON.finite(value) }
    let mean = tally.summary["reward_mean"].map { Format.decimal($0, 3) } ?? "none"
    let passed = tally.summary["pass_rate"].map { ", pass rate \(Format.percent($0))" } ?? ""
    try stage.finish(
      summary,
      "\(made == 0 ? "already done: " : "")step \(stage.step), set '\(scores)': \(tally.rows) rollouts, "
        + "mean reward \(mean)\(passed)")
  }
}
