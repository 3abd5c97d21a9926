extension Recipe {
  /// DAPO (arXiv 2503.14476): GRPO with the token mean over the whole step, clip-higher (0.2, 0.28) and no KL.
  ///
  /// The paper's other two parts are not losses: the soft overlong penalty is a reward, and dynamic sampling a choice of
  /// rollouts. Groups whose rewards are all equal have advantage 0 and count in the token mean with trl and verl; paper
  /// leaves them out (nobody samples others in their place).
  /// trl: `loss_type=dapo`, `epsilon_high=0.28`; verl: `clip_ratio_high=0.28`, with its dual clip 3.
  @Sendable static func dapo(preset: String) -> Recipe? {
    switch preset {
    case "trl":
      Recipe(
        name: "dapo", preset: preset, advantage: .groupNormalization(.trl), weights: Weights(.tokenMean),
        loss: .policy(PolicyLoss(high: 0.28)))
    case "verl":
      Recipe(
        name: "dapo", preset: preset, advantage: .groupNormalization(.verl),
        weights: Weights(.tokenMean, emptySequences: .exclude),
        loss: .policy(PolicyLoss(high: 0.28, dualClip: 3, entropyAggregation: .same)))
    case "paper": dapo(preset: "trl")?.with { ($0.preset, $0.dropsUniformGroups) = (preset, true) }
    default: nil
    }
  }
}
