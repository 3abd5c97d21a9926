/// Estimators of KL(new ‖ reference) from d = new − reference at tokens drawn from the new policy (Schulman,
/// "Approximating KL divergence", 2020):
///
///     k1 = d,   k2 = d²/2,   k3 = e⁻ᵈ + d − 1,   k3+ = the value of k3 with the derivative of k2 (verl `kl_penalty`)
///
/// The derivative of k1 has mean 0 whatever the policies, that of k2 is the KL's; hence k3+. Deviation: verl and
/// OpenRLHF clamp values beyond ±10; here an extreme one shows.
package enum KLEstimator: String, Sendable, CaseIterable {
  case k1, k2, k3
  case k3Plus = "k3+"

  /// The estimate and its derivative with respect to the new policy's log-probability.
  @inline(__always)
  package func callAsFunction(_ difference: Double) -> (value: Double, derivative: Double) {
    switch self {
    case .k1: return (difference, 1)
    case .k2: return (0.5 * difference * difference, difference)
    case .k3:
      let inverse = exponential(-difference)
      return (inverse + difference - 1, 1 - inverse)
    case .k3Plus: return (exponential(-difference) + difference - 1, difference)
    }
  }
}

/// Adaptive coefficient of a KL penalty (Ziegler et al., arXiv 1909.08593, §2.2; TRL `AdaptiveKLController`, verl and
/// OpenRLHF the same): after n samples whose mean KL per sequence was k,
///
///     value ← value · (1 + clip(k / target − 1, −0.2, 0.2) · n / horizon)
///
/// Its whole state is ``value``: whoever stops and goes on stores that.
package struct KLController: Equatable, Sendable {
  package private(set) var value: Double
  /// KL in nats per sequence to steer to.
  package let target: Double
  /// Samples over which the value may change by about a fifth.
  package let horizon: Double

  package init(value: Double, target: Double = 6, horizon: Double = 10_000) {
    self.value = value
    self.target = target
    self.horizon = horizon
  }

  /// - Parameters:
  ///   - kl: mean KL per sequence since the last update, in nats. One that is not finite changes nothing.
  ///   - samples: how many sequences that was.
  package mutating func update(kl: Double, samples: Int) {
    guard kl - kl == 0 else { return }
    value *= 1 + max(-0.2, min(0.2, kl / target - 1)) * Double(samples) / horizon
  }
}
