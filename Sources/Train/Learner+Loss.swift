internal import Formats
internal import Model
internal import Objectives

extension Learner {
  /// Forward, loss, backward of one micro-batch.
  func accumulate(
    _ micro: PackedBatch, _ indices: [Int], _ data: TrainingData, _ step: Step, _ shares: StepWeights,
    _ records: inout TokenRecords, _ outcome: inout Outcome
  ) throws {
    let result = transformer.forward(micro.batch, store: store, temperature: data.temperature)
    var tokens: [TokenStatistics] = []
    tokens.reserveCapacity(micro.batch.heads.count)
    for (sequence, range) in zip(micro.sequences, micro.ranges) {
      let index = indices[sequence], example = data.examples[index]
      records.logprobs[index] = Array(result.logprobs[range])
      let mask = example.rollout.responseMask
      let weights = range.indices.map {
        shares.weight(sequence: sequence, trains: mask?[$0 - range.lowerBound] ?? true)
      }
      records.weights[index] = weights.map { Float($0) }
      if records.old[index].isEmpty { records.old[index] = records.logprobs[index] }
      for (t, head) in range.enumerated() {
        tokens.append(
          TokenStatistics(
            logprob: Double(result.logprobs[head]),
            behaviour: example.rollout.logprobs.map { Double($0[t]) } ?? .nan, old: Double(records.old[index][t]),
            reference: records.reference[index].map { Double($0[t]) } ?? .nan,
            entropy: Double(result.entropies[head]), advantage: example.advantages[t],
            weight: weights[t]))
      }
    }
    var slopes = [TokenGradient](repeating: TokenGradient(), count: tokens.count)
    var span = slopes.mutableSpan
    let sequences = zip(micro.sequences, micro.ranges).map { sequence, range in
      recipe.sequence(
        indices[sequence], step.data, step.prepared, tokens: range, weight: shares.ofSequences[sequence])
    }
    outcome.report += recipe.loss(tokens.span, sequences: sequences, weights: shares, &span)
    transformer.backward(
      micro.batch, result: result, dLogprobs: slopes.map { Float($0.logprob) },
      dEntropies: slopes.map { Float($0.entropy) }, store: store, into: trainable.sink, temperature: data.temperature)
  }
}
