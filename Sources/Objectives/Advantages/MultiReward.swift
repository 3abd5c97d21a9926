/// Several reward functions per response (TRL 1.16 `multi_objective_aggregation`; GDPO, arXiv 2601.05242).
///
///     sum_then_normalize: R = Σₖ wₖ rₖ over the functions that scored; then the group z-score
///     normalize_then_sum: zₖ = group z-score of each function, unscored 0;  R = Σₖ wₖ zₖ;
///                         A = (R − mean R) / (std R + eps) over the batch
///
/// All with ddof 1. A response that no function scored is outside all statistics and gets 0.
package struct MultiReward: Equatable, Sendable {
  package enum Aggregation: String, Sendable, CaseIterable {
    case sumThenNormalize = "sum_then_normalize"
    case normalizeThenSum = "normalize_then_sum"
  }

  package var aggregation: Aggregation
  /// One per function; functions beyond it weigh 1.
  package var weights: [Double]
  package var scale: GroupNormalization.Scale
  package var eps: Double

  package init(
    _ aggregation: Aggregation, weights: [Double] = [], scale: GroupNormalization.Scale = .group, eps: Double = 1e-4
  ) {
    self.aggregation = aggregation
    self.weights = weights
    self.scale = scale
    self.eps = eps
  }

  /// - Parameter rewards: per response one entry per function, nil = that function did not score it.
  package func callAsFunction(
    rewards: [[Double?]], groups: [Int]
  ) -> (combined: [Double?], advantages: [Double]) {
    func weight(_ function: Int) -> Double { function < weights.count ? weights[function] : 1 }
    let isScored = rewards.map { row in row.contains { $0 != nil } }
    if aggregation == .sumThenNormalize {
      let combined = rewards.indices.map { index in
        isScored[index] ? rewards[index].enumerated().reduce(0.0) { $0 + weight($1.0) * ($1.1 ?? 0) } : nil
      }
      let normalization = GroupNormalization(ddof: 1, eps: eps, scale: scale, singleton: .zero)
      return (combined, normalization(rewards: combined, groups: groups).advantages)
    }
    let normalization = GroupNormalization(ddof: 1, eps: eps, scale: .group, singleton: .zero)
    var sums = [Double](repeating: 0, count: rewards.count)
    for function in 0..<(rewards.map(\.count).max() ?? 0) {
      let column = rewards.map { function < $0.count ? $0[function] : nil }
      let scores = normalization(rewards: column, groups: groups).advantages
      for index in sums.indices { sums[index] += weight(function) * scores[index] }
    }
    let combined = sums.indices.map { isScored[$0] ? sums[$0] : nil }
    let (mean, deviation) = spread(combined.compactMap { $0 }, ddof: 1)
    return (combined, combined.map { $0.map { ($0 - mean) / (deviation + eps) } ?? 0 })
  }
}
