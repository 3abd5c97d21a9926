extension Recipe {
  /// REINFORCE++ (arXiv 2501.03262): rewards to go, whitened over all tokens of the step, with PPO's clip.
  ///
  /// verl: `adv_estimator=reinforce_plus_plus`, ddof 1, no KL, dual clip 3; openrlhf: `advantage_estimator=reinforce`,
  /// population variance clamped, KL k1 in the reward with β = 0.01 (`init_kl_coef`). γ = 1.
  @Sendable static func reinforcePlusPlus(preset: String) -> Recipe? {
    switch preset {
    case "verl":
      Recipe(
        name: "reinforce++", preset: preset, advantage: .whitenedReturns(WhitenedReturns()),
        weights: Weights(.tokenMean, emptySequences: .exclude), loss: .policy(.verl))
    case "openrlhf":
      Recipe(
        name: "reinforce++", preset: preset, advantage: .whitenedReturns(WhitenedReturns(whitening: .openrlhf)),
        loss: .policy(PolicyLoss())
      ).with { $0.klInReward = KLInReward(.k1, beta: 0.01) }
    default: nil
    }
  }

  /// REINFORCE++ with the group's mean as the baseline, then whitened over tokens.
  ///
  /// verl: `adv_estimator=reinforce_plus_plus_baseline`, ddof 1, dual clip 3; openrlhf: `reinforce_baseline`, population
  /// variance clamped, KL k2 in the loss with β = 0.01, as its README advises.
  @Sendable static func reinforcePlusPlusBaseline(preset: String) -> Recipe? {
    switch preset {
    case "verl":
      Recipe(
        name: "reinforce++-baseline", preset: preset, advantage: .whitenedGroupMean(WhitenedGroupMean()),
        weights: Weights(.tokenMean, emptySequences: .exclude), loss: .policy(.verl))
    case "openrlhf":
      Recipe(
        name: "reinforce++-baseline", preset: preset,
        advantage: .whitenedGroupMean(WhitenedGroupMean(whitening: .openrlhf)),
        loss: .policy(PolicyLoss(kl: 0.01, klEstimator: .k2)))
    default: nil
    }
  }
}
