internal import Formats
internal import Kernels
internal import Model
internal import Objectives
internal import Pipeline

extension Train {
  /// What a recipe needs to know before the first update, by forward passes without gradients: old log-probabilities,
  /// the reference's, values, and what KTO asks of completions after the wrong prompts.
  func measure(
    _ reference: Reference?, _ policy: Policy, _ learner: Learner, _ data: TrainingData, _ step: inout StepData,
    _ records: inout TokenRecords
  ) throws {
    let recipe = learner.recipe, needs = recipe.needs
    if needs.contains(.scores) { return }
    let all = data.packed(Array(data.examples.indices), recipe, limit: options.tokensPerBatch)
    let isOldNeeded =
      needs.contains(.old) || recipe.trustRegion != nil
      || options.minibatches * options.epochs > 1 && recipe.comparesWithStart
    var logprobs = [[Float]](repeating: [], count: data.examples.count), values = logprobs
    let isSharedCritic = learner.head != nil
    if isOldNeeded || isSharedCritic {
      try learner.evaluate(all, temperature: data.temperature) { index, found, ofHead in
        logprobs[index] = Array(found ?? [])
        values[index] = Array(ofHead ?? [])
      }
      records.old = logprobs
    }
    try learner.critic?.evaluate(all, temperature: 1) { values[$0] = Array($2 ?? []) }
    if let reference {
      records.reference = try measure(reference, policy, learner, data.temperature, all, same: records.old)
    }
    if needs.contains(.mismatched) { try measureMismatched(reference, policy, learner, data, &step) }
    for index in data.examples.indices {
      step.responses[index].old = records.old[index].map { Double($0) }
      step.responses[index].reference = (records.reference[index] ?? []).map { Double($0) }
      step.responses[index].values = values[index].map { Double($0) }
    }
  }

  /// The reference's log-probabilities. Where the reference is the policy itself they are the policy's own, to the bit.
  /// - Parameter same: the policy's, if they are known.
  private func measure(
    _ reference: Reference, _ policy: Policy, _ learner: Learner, _ temperature: Float, _ batches: [PackedBatch],
    same: [[Float]]
  ) throws -> [[Float]] {
    let isPolicy = reference.input.digest == policy.files.weightsDigest
    if isPolicy, same.first?.isEmpty == false { return same }
    let count = batches.reduce(0) { $0 + $1.sequences.count }
    var found = [[Float]](repeating: [], count: count)
    switch reference {
    case .model(let files) where !isPolicy:
      try evaluate(files, learner, batches, temperature) { found[$0] = Array($1) }
    default:
      try learner.evaluate(batches, temperature: temperature, switchingOff: !isPolicy) { index, logprobs, _ in
        found[index] = Array(logprobs ?? [])
      }
    }
    return found
  }

  private func evaluate(
    _ files: ModelFiles, _ learner: Learner, _ batches: [PackedBatch], _ temperature: Float,
    _ take: (Int, ArraySlice<Float>) -> Void
  ) throws {
    let configuration = try ModelConfiguration(files.config, place: files.path)
    guard configuration.vocabularyCount == learner.trainable.policy.configuration.vocabularyCount else {
      throw RollbookError.badInput(files.path, "the reference has another vocabulary than the policy")
    }
    let model = try Transformer.packed(configuration, from: files, matmul: learner.matmul)
    let store = KeyStore(configuration, keepsLayers: false)
    for packed in batches {
      if Interrupt.requested { throw Interrupt.error("nothing of step \(stage.step) is published yet") }
      let result = model.evaluate(packed.batch, store: store, temperature: temperature)
      for (index, range) in zip(packed.sequences, packed.ranges) { take(index, result.logprobs[range]) }
    }
  }

  /// KTO's z₀: every response after the prompt of the next group, under policy and reference.
  private func measureMismatched(
    _ reference: Reference?, _ policy: Policy, _ learner: Learner, _ data: TrainingData, _ step: inout StepData
  ) throws {
    guard let reference else { return }
    var next: [Int: [Int32]] = [:]
    let groups = Dictionary(grouping: data.examples, by: \.group).mapValues { $0[0].rollout.promptTokens }
    let order = groups.keys.sorted()
    for (place, group) in order.enumerated() { next[group] = groups[order[(place + 1) % order.count]] }
    let sequences = data.examples.enumerated().map { index, example in
      PackedSequence(
        prompt: next[example.group] ?? [], response: example.rollout.responseTokens, family: example.group, together: index)
    }
    let batches = PackedBatch.pack(sequences, limit: options.tokensPerBatch)
    func sum(_ index: Int, _ logprobs: some Sequence<Float>) -> Double {
      zip(data.examples[index].trains, logprobs).reduce(0) { $1.0 ? $0 + Double($1.1) : $0 }
    }
    var sums = [Double](repeating: 0, count: sequences.count)
    try learner.evaluate(batches, temperature: data.temperature) { index, logprobs, _ in
      sums[index] = sum(index, logprobs ?? [])
    }
    let frozen = try measure(reference, policy, learner, data.temperature, batches, same: [])
    for index in data.examples.indices where order.count > 1 && !step.responses[index].isDemonstration {
      step.responses[index].mismatched = sums[index] - sum(index, frozen[index])
    }
  }
}
