/// O1-Pruner's reward as the advantage (arXiv 2501.12570, eq. 4): shorter than the reference model, and no less correct.
///
///     R = L̄_reference / L − 1 + λ (correct − accuracy of the reference)
///     paper:     as it is
///     released:  clipped to [−2, 4], then (R − mean) / std over the batch, ddof 0 (`construct_dataset.py`)
///
/// L is the number of trained tokens. λ = 2 for Marco-o1, 5 for QwQ. Deviation: rewards that are all equal have a
/// z-score of 0, not NaN. A response whose reference numbers are not known takes its stored reward as R.
package struct LengthHarmonizing: Equatable, Sendable {
  package var lambda: Double
  package var clipLow: Double?
  package var clipHigh: Double?
  package var standardize: Bool

  package init(lambda: Double = 2, clipLow: Double? = nil, clipHigh: Double? = nil, standardize: Bool = false) {
    self.lambda = lambda
    self.clipLow = clipLow
    self.clipHigh = clipHigh
    self.standardize = standardize
  }

  /// R of one response before clip and z-score.
  package func reward(length: Int, referenceLength: Double, correct: Bool, referenceAccuracy: Double) -> Double {
    referenceLength / Double(max(length, 1)) - 1 + lambda * ((correct ? 1 : 0) - referenceAccuracy)
  }

  /// Clips and standardises; nil stays out and becomes 0.
  package func callAsFunction(_ rewards: [Double?]) -> [Double] {
    let clipped = rewards.map { $0.map { max(min($0, clipHigh ?? .infinity), clipLow ?? -.infinity) } }
    guard standardize else { return clipped.map { $0 ?? 0 } }
    let (mean, deviation) = spread(clipped.compactMap { $0 }, ddof: 0)
    return clipped.map { $0.map { deviation > 0 ? ($0 - mean) / deviation : 0 } ?? 0 }
  }
}

/// The baseline of Kimi k1.5 (arXiv 2501.12599, §2.3.2), an estimate of τ log Z per group: the mean reward, or
/// τ log mean exp(r / τ), which it approaches for a large τ. A = r − baseline.
package enum KimiBaseline: String, Sendable, CaseIterable {
  case mean
  case logMeanExp = "log_mean_exp"

  package func callAsFunction(
    rewards: [Double?], groups: [Int], tau: Double
  ) -> (advantages: [Double], baseline: [Double]) {
    var advantages = [Double](repeating: 0, count: rewards.count)
    var baselines: [Double] = []
    for group in memberships(groups) {
      let scored = group.compactMap { rewards[$0] }
      let baseline =
        if self == .mean || scored.isEmpty { Objectives.mean(scored) } else {
          tau * (logSumExp(scored.map { $0 / tau }) - logarithm(Double(scored.count)))
        }
      baselines.append(baseline)
      for index in group { advantages[index] = rewards[index].map { $0 - baseline } ?? 0 }
    }
    return (advantages, baselines)
  }
}
