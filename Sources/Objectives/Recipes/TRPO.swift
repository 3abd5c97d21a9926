extension Recipe {
  /// TRPO (arXiv 1502.05477): the surrogate −w A, ascended by ``TrustRegion`` steps instead of an optimizer's.
  ///
  /// max KL 0.01, damping 0.1, 10 iterations, 10 backtracks by 0.8 (Spinning Up). A = r − mean of the group: no critic,
  /// as the paper's own single-path estimates.
  @Sendable static func trpo(preset: String) -> Recipe? {
    guard preset == "paper" else { return nil }
    return Recipe(
      name: "trpo", preset: preset, advantage: .groupNormalization(.centered), loss: .policy(PolicyLoss(.ratio))
    ).with { $0.trustRegion = TrustRegion() }
  }
}
