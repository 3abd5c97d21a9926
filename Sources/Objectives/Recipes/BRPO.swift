extension Recipe {
  /// BRPO (Writing-Zero, arXiv 2506.00103): ±1 by comparison with a response of the same group drawn at random, one-sided
  /// groups left out; otherwise GRPO without KL, mean over responses.
  @Sendable static func brpo(preset: String) -> Recipe? {
    guard preset == "paper" else { return nil }
    return Recipe(
      name: "brpo", preset: preset, advantage: .brpo(BRPO()), weights: Weights(.seqMeanTokenMean),
      loss: .policy(PolicyLoss()))
  }
}
