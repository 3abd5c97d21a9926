/// Group-normalised advantages: A = (r − mean of the group) / (standard deviation + eps).
///
/// GRPO (DeepSeekMath, arXiv 2402.03300, §4.1.2). The frameworks differ in ddof, eps, what is divided by and what
/// happens to a group of one; the presets below reproduce each of them. Peers: TRL
/// `GRPOTrainer._generate_and_score_completions`, verl `compute_grpo_outcome_advantage`, OpenRLHF `group_norm`.
///
/// Deviations: OpenRLHF gives NaN for a group of one, here 0. The mean is computed from differences to the group's
/// first reward, so that equal rewards give exactly 0 (a plain sum can be off by one unit in the last place, which
/// eps = 1e-9 would blow up).
package struct GroupNormalization: Equatable, Sendable {
  /// What the centred reward is divided by.
  package enum Scale: String, Sendable, CaseIterable { case group, batch, none }
  /// A group of one response: advantage 0, or the raw reward (mean 0, deviation 1).
  package enum Singleton: String, Sendable, CaseIterable { case zero, raw }

  /// The standard deviation divides the sum of squares by n − ddof.
  package var ddof: Int
  /// Added to the standard deviation.
  package var eps: Double
  package var scale: Scale
  package var singleton: Singleton

  package init(ddof: Int, eps: Double, scale: Scale, singleton: Singleton) {
    self.ddof = ddof
    self.eps = eps
    self.scale = scale
    self.singleton = singleton
  }

  /// Normalises the rewards of a whole step.
  ///
  /// - Parameters:
  ///   - rewards: one per response; nil (nobody scored it) is left out of the statistics and gets advantage 0.
  ///   - groups: the group id of each response, same count; members need not be adjacent.
  package func callAsFunction(rewards: [Double?], groups: [Int]) -> GroupAdvantages {
    precondition(rewards.count == groups.count, "one group id per reward")
    let members = memberships(groups)
    let batch = spread(rewards.compactMap { $0 }, ddof: ddof)
    var result = GroupAdvantages(rewardMean: batch.mean, rewardStdBatch: batch.deviation, count: rewards.count)
    var zeroDeviation = 0
    for group in members {
      let scored = group.compactMap { rewards[$0] }
      var (mean, deviation) = spread(scored, ddof: ddof)
      result.groupMean.append(mean)
      result.groupStd.append(deviation)
      if deviation == 0 { zeroDeviation += group.count }
      if group.count == 1 && singleton == .raw { (mean, deviation) = (0, 1) }
      let divisor =
        switch scale {
        case .group: deviation + eps
        case .batch: batch.deviation + eps
        case .none: 1.0
        }
      for index in group {
        guard let reward = rewards[index], reward != mean else { continue }
        result.advantages[index] = (reward - mean) / divisor
      }
    }
    if !rewards.isEmpty { result.fracRewardZeroStd = Double(zeroDeviation) / Double(rewards.count) }
    return result
  }
}

/// Advantages of a step, and what a trainer logs about its rewards.
package struct GroupAdvantages: Equatable, Sendable {
  /// One per response.
  package var advantages: [Double]
  /// Plain mean and standard deviation per group, in the order in which the groups first appear.
  package var groupMean: [Double] = []
  package var groupStd: [Double] = []
  /// Mean and standard deviation of all scored rewards of the step.
  package var rewardMean: Double
  package var rewardStdBatch: Double
  /// Share of the responses whose group has standard deviation 0, and hence no signal.
  package var fracRewardZeroStd = 0.0

  init(rewardMean: Double, rewardStdBatch: Double, count: Int) {
    advantages = [Double](repeating: 0, count: count)
    self.rewardMean = rewardMean
    self.rewardStdBatch = rewardStdBatch
  }

  /// The names and values that a trainer logs.
  package var metrics: [(name: String, value: Double)] {
    [
      ("reward_mean", rewardMean), ("reward_std_batch", rewardStdBatch),
      ("frac_reward_zero_std", fracRewardZeroStd),
    ]
  }
}

extension GroupNormalization {
  /// TRL 1.16, `scale_rewards` = group (its default), batch, none.
  package static let trl = GroupNormalization(ddof: 1, eps: 1e-4, scale: .group, singleton: .zero)
  package static let trlScaleBatch = GroupNormalization(ddof: 1, eps: 1e-4, scale: .batch, singleton: .zero)
  package static let trlScaleNone = GroupNormalization(ddof: 1, eps: 1e-4, scale: .none, singleton: .zero)
  /// verl, `norm_adv_by_std_in_grpo` on and off.
  package static let verl = GroupNormalization(ddof: 1, eps: 1e-6, scale: .group, singleton: .raw)
  package static let verlNoStd = GroupNormalization(ddof: 1, eps: 1e-6, scale: .none, singleton: .raw)
  package static let openrlhf = GroupNormalization(ddof: 1, eps: 1e-9, scale: .group, singleton: .zero)
  package static let openInstructStandard = GroupNormalization(ddof: 0, eps: 1e-8, scale: .group, singleton: .zero)
  /// A = r − mean: Dr. GRPO, open-instruct's default, prime-rl, tinker-cookbook.
  package static let centered = GroupNormalization(ddof: 0, eps: 0, scale: .none, singleton: .zero)

  /// Every preset by its name.
  package static let presets: [(name: String, value: GroupNormalization)] = [
    ("trl", .trl), ("trl_scale_batch", .trlScaleBatch), ("trl_scale_none", .trlScaleNone), ("verl", .verl),
    ("verl_no_std", .verlNoStd), ("openrlhf", .openrlhf), ("open_instruct_standard", .openInstructStandard),
    ("centered", .centered),
  ]

  /// The preset of that name, or nil.
  package static func preset(_ name: String) -> GroupNormalization? {
    presets.first { $0.name == name }?.value
  }
}
