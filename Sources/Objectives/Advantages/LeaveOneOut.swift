/// REINFORCE leave-one-out (RLOO, arXiv 2402.14740): A = r' − mean of the other members' r'.
///
///     r'ᵢ = clip(rᵢ) − penaltyᵢ,   bᵢ = (Σ r' − r'ᵢ) / (n − 1),   A = r' − b
///     normalize:  A ← (A − mean A) / (std A + eps) over the batch, ddof 1
///
/// The penalty is β Σₜ kₜ, the KL to the reference in the reward. Peers: TRL
/// `RLOOTrainer._generate_and_score_completions` (a group of one gets 0), verl `compute_rloo_outcome_advantage` (it
/// keeps its reward). Deviation: neither knows unscored responses; here they are left out and get 0.
package struct LeaveOneOut: Equatable, Sendable {
  package var singleton: GroupNormalization.Singleton
  /// Bounds of the reward before the penalty; nil = none.
  package var clipLow: Double?
  package var clipHigh: Double?
  package var normalize: Bool
  package var eps: Double

  package init(
    singleton: GroupNormalization.Singleton = .zero, clipLow: Double? = nil, clipHigh: Double? = nil,
    normalize: Bool = false, eps: Double = 1e-4
  ) {
    self.singleton = singleton
    self.clipLow = clipLow
    self.clipHigh = clipHigh
    self.normalize = normalize
    self.eps = eps
  }

  package struct Result: Equatable, Sendable {
    package var advantages: [Double]
    /// 0 for an unscored response.
    package var baseline: [Double]
    /// The reward after clip and penalty; nil for an unscored response.
    package var penalized: [Double?]
  }

  package func callAsFunction(rewards: [Double?], groups: [Int], penalties: [Double]? = nil) -> Result {
    precondition(rewards.count == groups.count, "one group id per reward")
    let penalized = rewards.enumerated().map { index, reward in
      reward.map { max(min($0, clipHigh ?? .infinity), clipLow ?? -.infinity) - (penalties?[index] ?? 0) }
    }
    let zeros = [Double](repeating: 0, count: rewards.count)
    var result = Result(advantages: zeros, baseline: zeros, penalized: penalized)
    for group in memberships(groups) {
      let scored = group.filter { penalized[$0] != nil }
      let sum = scored.reduce(0) { $0 + (penalized[$1] ?? 0) }
      for index in scored {
        let reward = penalized[index] ?? 0
        result.baseline[index] =
          if scored.count > 1 { (sum - reward) / Double(scored.count - 1) } else { singleton == .raw ? 0 : reward }
        result.advantages[index] = reward - result.baseline[index]
      }
    }
    if normalize {
      let scored = rewards.indices.filter { rewards[$0] != nil }
      let (mean, deviation) = spread(scored.map { result.advantages[$0] }, ddof: 1)
      for index in scored { result.advantages[index] = (result.advantages[index] - mean) / (deviation + eps) }
    }
    return result
  }
}
