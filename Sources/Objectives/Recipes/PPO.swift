extension Recipe {
  /// PPO (arXiv 1707.06347) with a critic and whitened GAE, token mean.
  ///
  /// verl: γ = λ = 1, dual clip 3, value clip 0.5, KL neither in loss nor reward; trl (PPOTrainer before 1.16): γ = 1,
  /// λ = 0.95, KL k1 in the reward with β = 0.05, value clip 0.2, value coefficient 0.1.
  @Sendable static func ppo(preset: String) -> Recipe? {
    switch preset {
    case "verl":
      Recipe(
        name: "ppo", preset: preset, advantage: .gae(GAE(gamma: 1, lambda: 1, whitening: .verl)),
        weights: Weights(.tokenMean, emptySequences: .exclude), loss: .policy(.verl)
      ).with { $0.value = ValueLoss(clip: 0.5) }
    case "trl":
      Recipe(
        name: "ppo", preset: preset, advantage: .gae(GAE(gamma: 1, lambda: 0.95, whitening: .verl)),
        loss: .policy(PolicyLoss())
      ).with {
        $0.value = ValueLoss(clip: 0.2, coefficient: 0.1)
        $0.klInReward = KLInReward(.k1, beta: 0.05)
      }
    default: nil
    }
  }

  /// PPO-ptx (InstructGPT, arXiv 2203.02155, eq. 2): PPO plus γ = 27.8 times the likelihood of pretraining text.
  ///
  /// KL k1 in the reward with β = 0.02, value clip 0.2, λ = 0.95, as its appendix C has it. The pretraining text comes as
  /// demonstrations; its loss is the mean over its own tokens.
  @Sendable static func ppoPTX(preset: String) -> Recipe? {
    guard preset == "instructgpt" else { return nil }
    return Recipe(
      name: "ppo-ptx", preset: preset, advantage: .gae(GAE(gamma: 1, lambda: 0.95, whitening: .verl)),
      loss: .policy(PolicyLoss())
    ).with {
      $0.value = ValueLoss(clip: 0.2)
      $0.klInReward = KLInReward(.k1, beta: 0.02)
      $0.demonstrations = NegativeLogLikelihood(coefficient: 27.8)
    }
  }
}
