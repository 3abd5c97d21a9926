extension Recipe {
  /// REINFORCE (Williams 1992): −A log π, token mean, on the policy.
  ///
  /// The presets are baselines: plain (A = r), batch-mean (r − mean of the step), and those of the CS336 2025 lecture 17
  /// `compute_deltas`: centered (r − mean of the group), normalized (divided by std + 1e-5, ddof 1), max (r where it is
  /// the group's largest, else 0). Deviation from the textbook: the mean over tokens instead of the mean over responses
  /// of sums, a constant factor for equal lengths; `aggregation=seq-mean-token-sum` is the textbook's.
  @Sendable static func reinforce(preset: String) -> Recipe? {
    let advantage: Advantage? =
      switch preset {
      case "plain": .baseline(.none)
      case "batch-mean": .baseline(.batchMean)
      case "centered": .groupNormalization(.centered)
      case "normalized":
        .groupNormalization(GroupNormalization(ddof: 1, eps: 1e-5, scale: .group, singleton: .zero))
      case "max": .baseline(.max)
      default: nil
      }
    return advantage.map {
      Recipe(name: "reinforce", preset: preset, advantage: $0, loss: .policy(PolicyLoss(.reinforce)))
    }
  }
}
