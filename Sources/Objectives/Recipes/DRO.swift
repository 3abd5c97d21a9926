extension Recipe {
  /// Direct reward optimisation (arXiv 2405.19107) in verl's form, per token: −(A log π − β/2 (log π/π_old)²), whose
  /// gradient is the squared loss's up to a constant; token mean.
  ///
  /// verl: `loss_mode=dro`, β = 0.5 here, its group advantages. The paper learns V beside the policy and compares with
  /// the reference (`ratio_to=reference`).
  @Sendable static func dro(preset: String) -> Recipe? {
    guard preset == "verl" else { return nil }
    return Recipe(
      name: "dro", preset: preset, advantage: .groupNormalization(.verl),
      weights: Weights(.tokenMean, emptySequences: .exclude),
      loss: .policy(PolicyLoss(.dro, entropyAggregation: .same)))
  }
}
