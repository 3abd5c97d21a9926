extension Recipe {
  /// DAPO (arXiv 2503.14476): GRPO with the token mean over the whole step, clip-higher (0.2, 0.28) and no KL.
  ///
  /// The paper's other two parts are not losses: dynamic sampling (drop groups whose rewards are all equal; they have
  /// advantage 0 here, but still count in the token mean) is a choice of rollouts, the soft overlong penalty a reward.
  /// trl: `loss_type=dapo`, `epsilon_high=0.28`; verl: `clip_ratio_high=0.28`, with its dual clip 3.
  @Sendable static func dapo(preset: String) -> Recipe? {
    switch preset {
    case "trl":
      Recipe(
        name: "dapo", preset: preset, advantage: .groupNormalization(.trl), weights: Weights(.tokenMean),
        loss: .clippedSurrogate(ClippedSurrogate(high: 0.28)))
    case "verl":
      Recipe(
        name: "dapo", preset: preset, advantage: .groupNormalization(.verl),
        weights: Weights(.tokenMean, emptySequences: .exclude),
        loss: .clippedSurrogate(ClippedSurrogate(high: 0.28, dualClip: 3, entropyAggregation: .same)))
    default: nil
    }
  }
}
