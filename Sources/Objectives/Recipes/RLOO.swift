extension Recipe {
  /// RLOO (arXiv 2402.14740): the mean of the other members of the group as the baseline.
  ///
  /// trl: `RLOOTrainer`: PPO's clip on the ratio of whole sequences, mean over sequences, KL k1 in the reward with β =
  /// 0.05; verl: token-level clip with dual clip 3, token mean, no KL, a single response keeps its reward. The paper has
  /// no clip.
  @Sendable static func rloo(preset: String) -> Recipe? {
    switch preset {
    case "trl":
      Recipe(
        name: "rloo", preset: preset, advantage: .leaveOneOut(LeaveOneOut()), weights: Weights(.seqMeanTokenMean),
        loss: .policy(PolicyLoss().with { $0.ratioLevel = .sequenceSum })
      ).with { $0.klInReward = KLInReward(.k1, beta: 0.05) }
    case "verl":
      Recipe(
        name: "rloo", preset: preset, advantage: .leaveOneOut(LeaveOneOut(singleton: .raw)),
        weights: Weights(.tokenMean, emptySequences: .exclude), loss: .policy(.verl))
    default: nil
    }
  }
}

extension PolicyLoss {
  /// verl's default, `compute_policy_loss_vanilla`: clip 0.2, dual clip 3, entropies averaged like the loss.
  static let verl = PolicyLoss(dualClip: 3, entropyAggregation: .same)
}
