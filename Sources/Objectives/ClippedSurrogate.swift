/// PPO's clipped surrogate with the extensions in use today, per token, with KL and entropy terms in the loss.
///
/// With ρ = exp(new − old), A the advantage, d = new − reference, per token
///
///     l = −min( min(ρ, delta) A, clip(ρ, 1 − low, 1 + high) A )        PPO eq. 7 (arXiv 1707.06347)
///     A < 0 and dualClip = c:  l ← min(l, −c A)                        dual clip (arXiv 1912.09729)
///     l ← l + kl kₑ(d)                                                 GRPO eq. 3 (arXiv 2402.03300)
///     loss = Σ weight l − entropy Σ weight H
///
/// high > low is DAPO's clip-higher (arXiv 2503.14476); delta is INTELLECT-2's two-sided clip (arXiv 2505.07291).
/// low = high = nil is the plain ratio loss −ρ A. On the policy (ρ = 1) the derivative is −A, REINFORCE's.
///
/// Peers: TRL `GRPOTrainer._compute_loss`, verl `core_algos.compute_policy_loss_vanilla`, OpenRLHF `PolicyLoss`.
/// Deviation: verl and OpenRLHF clamp the log-ratio to ±20 first; here it is used as it is.
package struct ClippedSurrogate: Equatable, Sendable {
  /// Estimators of KL(new ‖ reference) from d: k1 = d, k2 = d²/2, k3 = e⁻ᵈ + d − 1 (Schulman 2020).
  package enum KLEstimator: String, Sendable, CaseIterable { case k1, k2, k3 }
  /// How the entropies are averaged: over all trained tokens of the step (TRL), or like the loss (verl).
  package enum EntropyAggregation: String, Sendable {
    case tokenMean = "token-mean"
    case same
  }

  /// ρ is clipped to [1 − low, 1 + high]; nil = that side is not clipped.
  package var low: Double?
  package var high: Double?
  /// Cap of the ratio in the unclipped term; nil = none.
  package var delta: Double?
  /// Bound c of the loss for negative advantages, c > 1; nil = none.
  package var dualClip: Double?
  /// Coefficient β of the KL term; 0 = no term, and no reference needed.
  package var kl: Double
  package var klEstimator: KLEstimator
  /// Coefficient of the entropy bonus; 0 = none.
  package var entropy: Double
  package var entropyAggregation: EntropyAggregation

  package init(
    low: Double? = 0.2, high: Double? = 0.2, delta: Double? = nil, dualClip: Double? = nil, kl: Double = 0,
    klEstimator: KLEstimator = .k3, entropy: Double = 0, entropyAggregation: EntropyAggregation = .tokenMean
  ) {
    self.low = low
    self.high = high
    self.delta = delta
    self.dualClip = dualClip
    self.kl = kl
    self.klEstimator = klEstimator
    self.entropy = entropy
    self.entropyAggregation = entropyAggregation
  }

  /// Adds the derivative of every token's share of the loss into `gradient`.
  ///
  /// - Parameters:
  ///   - tokens: any part of the step, in any order; the results of the parts add up to those of the step.
  ///   - step: the weights of the whole step (only its token mean is read, for the entropy).
  ///   - gradient: same count as `tokens`.
  package func callAsFunction(
    _ tokens: Span<TokenStatistics>, step: StepWeights, _ gradient: inout MutableSpan<TokenGradient>
  ) -> Report {
    precondition(tokens.count == gradient.count, "one gradient per token")
    var report = Report()
    if delta != nil { report.deltaCapped = 0 }
    if dualClip != nil { report.dualClipped = 0 }
    for index in 0..<tokens.count {
      let token = tokens[index]
      guard token.weight != 0 else { continue }
      let logRatio = token.logprob - token.old
      let ratio = exponential(logRatio)
      report.observe(token, logRatio: logRatio, ratio: ratio)
      let policy = surrogate(ratio, advantage: token.advantage, &report)
      report.policyLoss += token.weight * policy.loss
      report.loss += token.weight * policy.loss
      gradient[index].logprob += token.weight * policy.derivative
      if kl != 0 {
        let term = klTerm(token.logprob - token.reference)
        report.klTermSum += term.value
        report.klTermTokens += 1
        report.klLoss += token.weight * term.value
        report.loss += token.weight * kl * term.value
        gradient[index].logprob += token.weight * kl * term.derivative
      }
      let entropyWeight = entropyAggregation == .same ? token.weight : step.tokenMean
      if token.entropy == token.entropy { report.entropyTerm += entropyWeight * token.entropy }
      if entropy != 0 {
        report.loss -= entropy * entropyWeight * token.entropy
        gradient[index].entropy -= entropy * entropyWeight
      }
    }
    return report
  }

  /// The policy term and its derivative with respect to the log-probability (dρ/dnew = ρ).
  @inline(__always)
  private func surrogate(
    _ ratio: Double, advantage: Double, _ report: inout Report
  ) -> (loss: Double, derivative: Double) {
    let side = clip(ratio: ratio, advantage: advantage)
    if side < 0 { report.clippedLow += 1 }
    if side > 0 { report.clippedHigh += 1 }
    let capped = delta.map { ratio > $0 } ?? false
    let unclipped = (capped ? delta ?? ratio : ratio) * advantage
    let bounded = max(min(ratio, 1 + (high ?? .infinity)), 1 - (low ?? .infinity)) * advantage
    // A tie is an unclipped ratio, whose derivative is that of the first term.
    var loss = -unclipped
    var derivative = capped ? 0 : -ratio * advantage
    if bounded < unclipped {
      loss = -bounded
      derivative = 0
    }
    guard advantage < 0 else { return (loss, derivative) }
    if capped { report.deltaCapped? += 1 }
    if let dualClip {
      if ratio > dualClip { report.dualClipped? += 1 }
      if loss > -dualClip * advantage { (loss, derivative) = (-dualClip * advantage, 0) }
    }
    return (loss, derivative)
  }

  @inline(__always)
  private func klTerm(_ difference: Double) -> (value: Double, derivative: Double) {
    switch klEstimator {
    case .k1: return (difference, 1)
    case .k2: return (0.5 * difference * difference, difference)
    case .k3:
      let inverse = exponential(-difference)
      return (inverse + difference - 1, 1 - inverse)
    }
  }

  /// Which bound acts on a token, as stored in update shards: −1 the lower (ratio below it, A < 0), 1 the upper
  /// (ratio above it, A > 0), 0 none.
  @inline(__always)
  package func clip(ratio: Double, advantage: Double) -> Int8 {
    if let low, advantage < 0, ratio < 1 - low { return -1 }
    if let high, advantage > 0, ratio > 1 + high { return 1 }
    return 0
  }
}
