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
  /// - Returns: How many shards were made, and the means over all of them.
  func make(
    _ shards: [Manifest], workers: Int, progress: @escaping @Sendable (Int) -> Void
  ) throws -> (made: Int, tally: Tally) {
    let tallies = Shared((made: 0, all: [Tally?](repeating: nil, count: shards.count)))
    try concurrently(shards.count, workers: workers) { index, _ in
      let wasDone = try isDone(shards[index])
      let tally = wasDone ? try self.tally(shards[index]) : try make(shards[index], progress)
      if wasDone { progress(shards[index].rows) }
      tallies.change {
        $0.all[index] = tally
        $0.made += wasDone ? 0 : 1
      }
    }
    // In the order of the shards: sums of floating-point numbers depend on it.
    return tallies.change { ($0.made, $0.all.compactMap { $0 }.reduce(into: Tally()) { $0.add($1) }) }
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

  /// The means of a shard that is scored.
  func tally(_ shard: Manifest) throws -> Tally {
    let done = try Manifest.read(buffer.manifestPath(.scores, name: name(shard)))
    return try Tally(ScoreShardReader(path: buffer.path(of: done)))
  }

  private func name(_ shard: Manifest) -> String { Buffer.shardName(step: step, part: shard.part, set: set) }

  private func provenance(_ shard: Manifest) -> Provenance {
    var parameters = ["scores": set, "step": "\(step)", "part": "\(shard.part)"]
    parameters["where"] = selection
    if rewards.isStateful { parameters["stateful"] = "true" }
    for (index, (term, scorer)) in zip(rewards.terms, rewards.scorers).enumerated() {
      let settings = scorer.parameters.map { "\($0.name)=\($0.value)" }.joined(separator: ",")
      let modifiers = term.modifiers
      // Where a model lies, how many ask a server: what decides is in the parameters, unless the component is named
      // after the spec.
      let spec = scorer is any Reward || term.name == term.spec ? term.spec : scorer.name
      parameters["reward.\(index)"] =
        "\(spec) version \(scorer.version)\(settings.isEmpty ? "" : " \(settings)") × \(term.weight)"
        + (modifiers.isEmpty ? "" : "; \(modifiers)")
    }
    for (name, value) in rewards.combination.parameters { parameters[name] = value }
    var inputs = [Manifest.Input(role: "rollouts", name: shard.name, digest: shard.digest)] + (reference?.inputs ?? [])
    let models = rewards.scorers.compactMap { $0 as? any ModelScorer }
    for input in models.map(\.input) where !inputs.contains(input) { inputs.append(input) }
    let kernels = Set(models.map(\.kernels)).sorted().joined(separator: "; ")
    return Provenance(
      "score", parameters: parameters, inputs: inputs, kernels: kernels.isEmpty ? "none" : kernels,
      threads: models.map(\.threads).max() ?? 1)
  }

  /// Scores one rollout shard, group by group; what an earlier run of it kept is not scored again.
  private func make(_ shard: Manifest, _ progress: (Int) -> Void) throws -> Tally {
    let provenance = provenance(shard)
    let staging = buffer.stagingPath(.scores, step: step, part: shard.part, set: set)
    let lock = try StagingLock(path: staging + ".lock")
    defer { lock.release() }
    let reader = try RolloutShardReader(path: buffer.intactPath(of: shard))
    let limit = Int(shard.action.parameters["max-new-tokens"] ?? "")
    let temperature = Float(shard.action.parameters["temperature"] ?? "")
    let writer = try ScoreShardWriter(
      staging: staging, components: rewards.names, metadata: ["rollbook.action": provenance.key], resume: !restarts)
    let recovered = writer.recoveredRowCount
    var skip = recovered
    var tally = Tally()
    try checkResumption(of: shard, rows: skip)
    progress(skip)
    let columns = RolloutCodec.columns(for: rewards.needs)
    var pending: [[StoredResponse]] = []
    var pendingRows = 0
    func score() throws {
      for rows in try scored(pending, limit: limit, temperature: temperature) {
        try writer.append(rows)
        tally.add(rows, rewards.names)
      }
      progress(pendingRows)
      pending.removeAll(keepingCapacity: true)
      pendingRows = 0
    }
    for batch in 0..<reader.batchCount {
      if Interrupt.requested { throw Interrupt.error("\(writer.storedRowCount) of \(shard.rows) scores are kept") }
      for group in try reader.responses(batch: batch, columns: columns).grouped() {
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
    if recovered > 0 { tally = try Tally(ScoreShardReader(path: staging)) }
    let manifest = Manifest(
      kind: .scores, name: name(shard), schemaVersion: 1, step: step, part: shard.part, set: set,
      inputs: provenance.inputs, action: provenance.action(), summary: tally.summary)
    _ = try Publisher(buffer: buffer).publishShard(staged: staging, manifest: manifest, digest: writer.digest)
    return tally
  }

  /// One row a rollout: those that are not selected have nulls.
  private func scored(_ groups: [[StoredResponse]], limit: Int?, temperature: Float?) throws -> [[ScoreRow]] {
    let needs = rewards.needs
    let inputs = groups.map { group in
      group.map { response in
        var input = response.rewardInput(needs)
        input.lengthLimit = limit
        input.temperature = temperature
        input.referenceLength = reference?.lengths[response.rollout.promptID]
        input.isSelected = selected?.contains(response.rollout.id) ?? true
        return input
      }
    }
    let scores = try rewards.score(groups: consume inputs)
    return zip(groups, scores).map { group, scores in
      zip(group, scores).map { response, scored in
        let rollout = response.rollout
        let counts = selected?.contains(rollout.id) ?? true
        return ScoreRow(
          rollout: rollout.id, step: rollout.step, promptID: rollout.promptID, sample: rollout.sample,
          reward: counts ? scored.total : nil,
          components: counts ? scored.components : scored.components.map { _ in nil },
          extracted: counts ? scored.extracted : nil)
      }
    }
  }
}
