extension Recipe {
  /// CISPO (MiniMax-M1, arXiv 2506.13585): REINFORCE with the clipped weight as a constant, so that no token loses its
  /// gradient; token mean.
  ///
  /// trl: `loss_type=cispo`, capped at 5, no lower bound; verl: `loss_mode=cispo`, weights in [0.8, 1.2].
  @Sendable static func cispo(preset: String) -> Recipe? {
    switch preset {
    case "trl":
      Recipe(
        name: "cispo", preset: preset, advantage: .groupNormalization(.trl),
        loss: .policy(PolicyLoss(.cispo).with { $0.cispoCap = 5 }))
    case "verl":
      Recipe(
        name: "cispo", preset: preset, advantage: .groupNormalization(.verl),
        weights: Weights(.tokenMean, emptySequences: .exclude),
        loss: .policy(
          PolicyLoss(.cispo, entropyAggregation: .same).with { ($0.cispoLow, $0.cispoCap) = (0.2, 1.2) }))
    default: nil
    }
  }
}
