internal import Formats
internal import Foundation
internal import Pipeline
internal import Rewards

/// Makes the score shards of one set and step.
struct ShardScoring: @unchecked Sendable {  // `buffer` is a value whose members are all constants
  let buffer: Buffer
  let set: String
  let step: Int
  let rewards: RewardSet
  let reference: LengthReference?
  /// The text of `--where`.
  let selection: String?
  let selected: Set<RolloutID>?
  /// Score rows again that an interrupted run has kept.
  let restarts: Bool

  /// Scores the shards that are not scored yet, `workers` of them at a time.
  ///
  /// - Parameter progress: Called with every number of rows that is done, from any thread.
  /// - Returns: How many shards were made.
  func make(_ shards: [Manifest], workers: Int, progress: @escaping @Sendable (Int) -> Void) throws -> Int {
    let made = Shared(0)
    try concurrently(shards.count, workers: workers) { index, _ in
      if try isDone(shards[index]) {
        progress(shards[index].rows)
      } else {
        try make(shards[index], progress)
        made.change { $0 += 1 }
      }
    }
    return made.change { $0 }
  }

  /// Whether the shard is scored already.
  /// - Throws: `usage` when it is, by other rewards.
  func isDone(_ shard: Manifest) throws -> Bool {
    let path = buffer.manifestPath(.scores, name: name(shard))
    guard FileManager.default.fileExists(atPath: path) else { return false }
    let manifest = try Manifest.read(path)
    let provenance = provenance(shard)
    if manifest.action.key == provenance.key { return true }
    throw RollbookError.usage(
      "score set '\(set)' of step \(step) is there already, made differently: "
        + provenance.difference(from: manifest.action),
      hint: "give the set another name with --scores; nothing that is stored is ever changed")
  }

  /// Adds the scores that are stored of a shard.
  func tally(_ shard: Manifest, into tally: inout Tally) throws {
    let done = try Manifest.read(buffer.manifestPath(.scores, name: name(shard)))
    try tally.add(ScoreShardReader(path: buffer.path(of: done)))
  }

  private func name(_ shard: Manifest) -> String { Buffer.shardName(step: step, part: shard.part, set: set) }

  private func provenance(_ shard: Manifest) -> Provenance {
    var parameters = ["scores": set, "step": "\(step)", "part": "\(shard.part)"]
    parameters["where"] = selection
    if rewards.isStateful { parameters["stateful"] = "true" }
    for (index, (term, scorer)) in zip(rewards.terms, rewards.scorers).enumerated() {
      let settings = scorer.parameters.map { "\($0.name)=\($0.value)" }.joined(separator: ",")
      let modifiers = term.modifiers
      parameters["reward.\(index)"] =
        "\(term.spec) version \(scorer.version)\(settings.isEmpty ? "" : " \(settings)") × \(term.weight)"
        + (modifiers.isEmpty ? "" : "; \(modifiers)")
    }
    for (name, value) in rewards.combination.parameters { parameters[name] = value }
    return Provenance(
      "score", parameters: parameters,
      inputs: [Manifest.Input(role: "rollouts", name: shard.name, digest: shard.digest)] + (reference?.inputs ?? []),
      kernels: "none", threads: 1)
  }

  /// Scores one rollout shard, group by group; what an earlier run of it kept is not scored again.
  private func make(_ shard: Manifest, _ progress: (Int) -> Void) throws {
    let provenance = provenance(shard)
    let staging = buffer.stagingPath(.scores, step: step, part: shard.part, set: set)
    let lock = try StagingLock(path: staging + ".lock")
    defer { lock.release() }
    let reader = try RolloutShardReader(path: buffer.intactPath(of: shard))
    let limit = Int(shard.action.parameters["max-new-tokens"] ?? "")
    let writer = try ScoreShardWriter(
      staging: staging, components: rewards.names, metadata: ["rollbook.action": provenance.key], resume: !restarts)
    var skip = writer.recoveredRowCount
    try checkResumption(of: shard, rows: skip)
    progress(skip)
    var pending: [[Rollout]] = []
    var pendingRows = 0
    func score() throws {
      for rows in try scored(pending, limit: limit) { try writer.append(rows) }
      progress(pendingRows)
      pending.removeAll(keepingCapacity: true)
      pendingRows = 0
    }
    for batch in 0..<reader.batchCount {
      if Interrupt.requested { throw Interrupt.error("\(writer.storedRowCount) of \(shard.rows) scores are kept") }
      for group in try reader.rows(batch: batch).grouped() {
        if skip >= group.count {
          skip -= group.count
        } else {
          pending.append(group)
          pendingRows += group.count
        }
      }
      if rewards.isPure || pendingRows >= rewards.rowsAtOnce { try score() }
    }
    try score()
    try writer.finish()
    var tally = Tally()
    try tally.add(ScoreShardReader(path: staging))
    let manifest = Manifest(
      kind: .scores, name: name(shard), schemaVersion: 1, step: step, part: shard.part, set: set,
      inputs: provenance.inputs, action: provenance.action(), summary: tally.summary)
    _ = try Publisher(buffer: buffer).publishShard(staged: staging, manifest: manifest, digest: writer.digest)
  }

  /// One row a rollout: those that are not selected have nulls.
  private func scored(_ groups: [[Rollout]], limit: Int?) throws -> [[ScoreRow]] {
    let needs = rewards.needs
    let inputs = groups.map { group in
      group.map { rollout in
        var input = rollout.rewardInput(needs)
        input.lengthLimit = limit
        input.referenceLength = reference?.lengths[rollout.promptID]
        input.isSelected = selected?.contains(rollout.id) ?? true
        return input
      }
    }
    let scores = try rewards.score(groups: inputs)
    return zip(zip(groups, inputs), scores).map { group, scores in
      zip(zip(group.0, group.1), scores).map { row, scored in
        let (rollout, counts) = (row.0, row.1.isSelected)
        return ScoreRow(
          rollout: rollout.id, step: rollout.step, promptID: rollout.promptID, sample: rollout.sample,
          reward: counts ? scored.total : nil,
          components: counts ? scored.components : scored.components.map { _ in nil },
          extracted: counts ? scored.extracted : nil)
      }
    }
  }
}
