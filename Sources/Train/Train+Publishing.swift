internal import Formats
internal import Foundation
internal import Kernels
internal import Model
internal import Objectives
internal import Pipeline
internal import Tokenizer

extension Train {
  func provenance(
    _ recipe: Recipe, _ data: TrainingData, _ policy: Policy, _ others: [Manifest.Input], _ matmul: Matmul
  ) throws -> Provenance {
    let files = policy.files
    var parameters = options.parameters.merging(optimizer.parameters) { $1 }
    if let adapter = policy.adapter { parameters.merge(AdapterOptions.parameters(adapter)) { $1 } }
    parameters.merge(mixture.parameters) { $1 }
    if let rate = critic.learningRate { parameters["critic-lr"] = "\(rate)" }
    if let what = critic.critic { parameters["critic"] = what }
    if let maxStaleness { parameters["max-staleness"] = "\(maxStaleness)" }
    parameters["precision"] = matmul.precision.rawValue
    parameters["recipe"] = "\(recipe.name) \(recipe.preset)"
    for (name, value) in recipe.parameters { parameters["recipe.\(name)"] = value }
    parameters["step"] = "\(stage.step)"
    parameters["scores"] = scores
    parameters["where"] = selection.text
    parameters["temperature"] = "\(data.temperature)"
    var inputs = data.inputs
    inputs.append(Manifest.Input(role: "policy", name: policy.source.path, digest: files.weightsDigest))
    if let base = policy.base { inputs.append(base) }
    inputs.append(
      Manifest.Input(role: "config", name: "config.json", digest: Digest.xxh3(try files.config.serialized(sortedKeys: true))))
    if !optimizer.freshOptimizer, !policy.isFreshAdapter {
      let roles = [
        CheckpointWriter.optimizerName: "optimizer", CheckpointWriter.averageName: "average",
        CheckpointWriter.headName: "value-head", CriticSource.weightsName: "critic",
        CriticSource.optimizerName: "critic-optimizer",
      ]
      for file in policy.checkpoint?.manifest.files ?? [] {
        guard let role = roles[file.name], role != "average" || optimizer.averageDecay != nil else { continue }
        inputs.append(Manifest.Input(role: role, name: file.name, digest: file.digest))
      }
    }
    inputs += others
    return Provenance(
      "train", parameters: parameters, inputs: inputs, seed: stage.seed, policy: files.weightsDigest,
      tokenizer: policy.tokenizer.digest, kernels: matmul.description, threads: stage.threadCount)
  }

  /// A step that the same action trained is left alone; one that another did is an error. A step whose checkpoint
  /// `--keep-last` removed counts as done by its update shard. An update shard that a kill kept from being published
  /// after its checkpoint is published now.
  func isDone(_ buffer: Buffer, _ provenance: Provenance) throws -> Bool {
    let updates = try buffer.manifests(.updates, step: stage.step).first
    let checkpoint = try buffer.checkpoint(step: stage.step + 1)
    let isPruned = try checkpoint == nil && (buffer.latestCheckpoint()?.step ?? 0) > stage.step + 1
    guard let manifest = checkpoint ?? (isPruned ? updates : nil) else { return false }
    if manifest.action.key == provenance.key {
      if updates == nil { try publishUpdates(buffer, like: manifest) }
      return true
    }
    throw RollbookError.usage(
      "\(Buffer.stepName(stage.step + 1)) is there already, made differently: "
        + provenance.difference(from: manifest.action),
      hint: "give the same flags, or another --buffer; published checkpoints are never changed")
  }

  /// Names and values for metrics, manifests and the summary.
  func metrics(
    _ outcome: Learner.Outcome, _ prepared: PreparedStep, _ data: TrainingData, _ records: TokenRecords,
    seconds: Double
  ) -> [(String, Double)] {
    let tokens = data.examples.reduce(0) { $0 + $1.rollout.responseTokens.count } * options.epochs
    let lengths = Double(tokens) / Double(max(1, data.examples.count * options.epochs))
    // Sums over the updates' losses become means; the report's other numbers are means already.
    let sums: Set<String> = ["loss", "policy_loss", "kl_loss"]
    var all = outcome.report.metrics.map { metric in
      (metric.name, sums.contains(metric.name) ? metric.value / Double(max(1, outcome.updates)) : metric.value)
    }
    all += prepared.metrics.map { ($0.name, $0.value) }
    all += [
      ("grad_norm", outcome.gradientNorm / Double(max(1, outcome.updates))), ("update_norm", outcome.updateNorm / Double(max(1, outcome.updates))), ("learning_rate", outcome.learningRate),
      ("updates", Double(outcome.updates)), ("response_length_mean", lengths), ("response_tokens", Double(tokens)),
      ("seconds", seconds), ("tokens_per_second", Double(tokens) / max(seconds, 1e-9)),
      ("peak_memory_bytes", Double(peakMemory())),
    ]
    if outcome.criticGradientNorm > 0 {
      all.append(("critic_grad_norm", outcome.criticGradientNorm / Double(max(1, outcome.updates))))
    }
    // Means over the updates, but for the bound that each of them keeps.
    for place in outcome.trustRegion.first?.indices ?? 0..<0 {
      let name = outcome.trustRegion[0][place].name, values = outcome.trustRegion.map { $0[place].value }
      let mean = values.reduce(0, +) / Double(values.count)
      guard name == "trust_region_kl" else {
        all.append((name, mean))
        continue
      }
      all += [(name, values.max() ?? 0), (name + "_mean", mean)]
    }
    if let shift = outcome.scoreShift { all.append(("score_shift", shift)) }
    all += data.metrics.values.map { ($0.name, $0.value) }
    all += data.importanceWeights(records).values.map { ($0.name, $0.value) }
    return all
  }

  private func peakMemory() -> Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss * 1024
  }

  /// The update shard is staged, then the checkpoint published, whose rename completes the step, then the shard. A
  /// kill in between leaves the finished shard in staging, where `isDone` finds it.
  func publish(
    _ buffer: Buffer, _ policy: Policy, _ learner: Learner, _ data: TrainingData, _ records: TokenRecords,
    _ recipe: Recipe, _ provenance: Provenance, _ metrics: [(String, Double)]
  ) throws {
    let summary = Dictionary(metrics, uniquingKeysWith: { $1 })
    let staging = buffer.stagingPath(.updates, step: stage.step, part: 0)
    let lock = try StagingLock(path: staging + ".lock")
    defer { lock.release() }
    let writer = try UpdateShardWriter(
      staging: staging, metadata: ["rollbook.action": provenance.key], resume: false)
    for group in Dictionary(grouping: data.examples.indices, by: { data.examples[$0].group }).sorted(by: { $0.key < $1.key }) {
      // What had no share in the loss was not computed.
      let rows = group.value.filter { !records.weights[$0].isEmpty }
      if !rows.isEmpty { try writer.append(rows.map { updateRow(data.examples[$0], $0, records, recipe) }) }
    }
    try writer.finish()
    let checkpoint = try publishCheckpoint(
      buffer, learner, config: policy.files.config, generationConfig: policy.files.generationConfig,
      tokenizer: policy.tokenizer, step: stage.step + 1, origin: policy.origin, baseDigest: policy.base?.digest,
      provenance, summary)
    try publishUpdates(buffer, like: checkpoint)
  }

  /// Publishes the staged update shard of the step that made a checkpoint; nothing to do when it is not there. One that
  /// was renamed, but whose writer died before its manifest, goes back to staging first.
  private func publishUpdates(_ buffer: Buffer, like checkpoint: Manifest) throws {
    let staging = buffer.stagingPath(.updates, step: stage.step, part: 0)
    let name = Buffer.shardName(step: stage.step, part: 0)
    if !FileManager.default.fileExists(atPath: staging),
      !FileManager.default.fileExists(atPath: buffer.manifestPath(.updates, name: name))
    {
      _ = rename("\(buffer.updatesFolder)/\(name)", staging)
    }
    guard FileManager.default.fileExists(atPath: staging),
      let staged = try? UpdateShardReader(path: staging), staged.metadata["rollbook.action"] == checkpoint.action.key
    else { return }
    let manifest = Manifest(
      kind: .updates, name: name, schemaVersion: 1, step: stage.step,
      inputs: checkpoint.inputs, action: checkpoint.action, summary: checkpoint.summary)
    _ = try Publisher(buffer: buffer).publishShard(staged: staging, manifest: manifest)
  }

  private func updateRow(
    _ example: Example, _ index: Int, _ records: TokenRecords, _ recipe: Recipe
  ) -> UpdateRow {
    let rollout = example.rollout
    // A reward model says no log-probabilities.
    func filled(_ found: [Float]) -> [Float] {
      found.isEmpty ? [Float](repeating: .nan, count: rollout.responseTokens.count) : found
    }
    let old = filled(records.old[index]), new = filled(records.logprobs[index])
    let ratios = zip(new, old).map { exp(Double($0) - Double($1)) }
    return UpdateRow(
      rollout: rollout.id, step: rollout.step, promptID: rollout.promptID, sample: rollout.sample,
      reward: example.reward ?? .nan, advantages: example.advantages.map { Float($0) },
      weights: records.weights[index], oldLogprobs: old,
      behaviourLogprobs: rollout.logprobs ?? [Float](repeating: .nan, count: new.count),
      referenceLogprobs: records.reference[index], logprobs: new, ratios: ratios.map { Float($0) },
      clips: zip(ratios, example.advantages).map { recipe.policy?.clip(ratio: $0, advantage: $1) ?? 0 })
  }
}
