extension Recipe {
  /// ReMax (arXiv 2310.10505): the reward of the greedy response to the same prompt as the baseline.
  ///
  /// verl: `adv_estimator=remax` with its clipped loss. The paper's loss is REINFORCE (`surrogate=reinforce`), the same
  /// on the policy.
  @Sendable static func remax(preset: String) -> Recipe? {
    guard preset == "verl" else { return nil }
    return Recipe(
      name: "remax", preset: preset, advantage: .greedy, weights: Weights(.tokenMean, emptySequences: .exclude),
      loss: .policy(.verl))
  }
}
