internal import Formats
internal import Pipeline

extension TrainingData {
  /// What the step's rollouts and scores look like.
  var metrics: StepMetrics {
    StepMetrics(
      components: components, tokenLimit: maxNewTokens,
      examples.map { example in
        let rollout = example.rollout
        return StepMetrics.Response(
          group: example.group, reward: example.reward, components: example.components,
          length: rollout.responseTokens.count, finish: rollout.finishReason,
          staleness: rollout.policyStep.map { rollout.step - $0 })
      })
  }

  /// The weights that would correct for who sampled the rollouts, of those that say with what log-probabilities.
  func importanceWeights(_ records: TokenRecords) -> ImportanceWeights {
    var weights = ImportanceWeights()
    for (index, example) in examples.enumerated() {
      guard let behaviour = example.rollout.logprobs else { continue }
      weights.add(old: records.old[index], behaviour: behaviour, mask: example.rollout.responseMask)
    }
    return weights
  }
}
