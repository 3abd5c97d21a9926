extension Recipe {
  /// OPO (arXiv 2505.23585): the length-weighted mean reward of the group as the baseline, which minimises the variance
  /// of the gradient when its norm grows with the length; exactly on the policy, no KL, no entropy.
  ///
  /// verl: `adv_estimator=opo` with its clipped loss.
  @Sendable static func opo(preset: String) -> Recipe? {
    guard preset == "verl" else { return nil }
    return Recipe(
      name: "opo", preset: preset, advantage: .baseline(.lengthWeighted),
      weights: Weights(.tokenMean, emptySequences: .exclude), loss: .policy(.verl))
  }
}
