/// The RLHF reward (arXiv 1909.08593, 2203.02155): every token pays for leaving the reference, the score comes with the
/// last one.
///
///     rewardₜ = −β k(oldₜ − referenceₜ),   plus the score on the last trained token
///
/// Peers: TRL PPO (k1, β = 0.05), verl `apply_kl_penalty` (0.001), OpenRLHF (0.01). Deviation: verl and OpenRLHF clamp
/// kₜ to ±10.
package struct KLInReward: Equatable, Sendable {
  package var estimator: KLEstimator
  /// β; 0 measures the KL without charging it.
  package var beta: Double
  /// KL per sequence that a ``KLController`` steers to, in nats; nil = β stays.
  package var target: Double?
  package var horizon: Double

  package init(_ estimator: KLEstimator = .k1, beta: Double, target: Double? = nil, horizon: Double = 10_000) {
    self.estimator = estimator
    self.beta = beta
    self.target = target
    self.horizon = horizon
  }

  /// The controller at its start; nil where β stays.
  package var controller: KLController? {
    target.map { KLController(value: beta, target: $0, horizon: horizon) }
  }

  /// kₜ per token, 0 at masked ones.
  package func divergence(old: [[Double]], reference: [[Double]], mask: [[Bool]]) -> [[Double]] {
    old.indices.map { row in
      mask[row].indices.map { t in mask[row][t] ? estimator(old[row][t] - reference[row][t]).value : 0 }
    }
  }

  /// Per-token rewards. `scores` go to the last unmasked token; nil adds nothing.
  package func tokenRewards(divergence: [[Double]], scores: [Double?], mask: [[Bool]]) -> [[Double]] {
    zip(Objectives.tokenRewards(scores, mask: mask), divergence).map { row, divergence in
      zip(row, divergence).map { $0 - beta * $1 }
    }
  }
}

/// The score of each response on its last trained token, 0 elsewhere.
package func tokenRewards(_ scores: [Double?], mask: [[Bool]]) -> [[Double]] {
  zip(scores, mask).map { score, mask in
    var row = [Double](repeating: 0, count: mask.count)
    if let last = mask.lastIndex(of: true) { row[last] = score ?? 0 }
    return row
  }
}
