/// Advantages of whole responses that subtract a baseline and divide by nothing.
///
/// | kind | A | source |
/// |---|---|---|
/// | none | r | REINFORCE (Williams 1992) |
/// | batch-mean | r − mean of all r | REINFORCE with a constant baseline |
/// | length-weighted | r − Σ l r / Σ l of the group; a group of one keeps its reward | OPO (arXiv 2505.23585), verl |
/// | max | r where it is the group's largest, else 0 | CS336 2025 lecture 17 `compute_deltas` |
///
/// Unscored responses count nowhere and get 0. Peer: verl `compute_opo_outcome_advantage`.
package enum Baseline: String, Sendable, CaseIterable {
  case none
  case batchMean = "batch-mean"
  case lengthWeighted = "length-weighted"
  case max

  package struct Result: Equatable, Sendable {
    package var advantages: [Double]
    package var baseline: [Double]
  }

  /// - Parameter lengths: trained tokens per response; only the length-weighted baseline reads them.
  package func callAsFunction(rewards: [Double?], groups: [Int], lengths: [Int] = []) -> Result {
    precondition(rewards.count == groups.count, "one group id per reward")
    var baseline = [Double](repeating: 0, count: rewards.count)
    switch self {
    case .none: break
    case .batchMean:
      let mean = mean(rewards.compactMap { $0 })
      for index in rewards.indices { baseline[index] = mean }
    case .lengthWeighted:
      precondition(lengths.count == rewards.count, "one length per reward")
      for group in memberships(groups) where group.count > 1 {
        let scored = group.filter { rewards[$0] != nil }
        let total = scored.reduce(0.0) { $0 + Double(lengths[$1]) }
        let weighted = scored.reduce(0.0) { $0 + Double(lengths[$1]) * (rewards[$1] ?? 0) }
        for index in scored where total > 0 { baseline[index] = weighted / total }
      }
    case .max:
      for group in memberships(groups) {
        let largest = group.compactMap { rewards[$0] }.max()
        for index in group where rewards[index] != largest { baseline[index] = rewards[index] ?? 0 }
      }
    }
    let advantages = zip(rewards, baseline).map { reward, base in reward.map { $0 - base } ?? 0 }
    return Result(advantages: advantages, baseline: baseline)
  }
}
