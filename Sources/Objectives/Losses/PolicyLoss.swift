/// The policy-gradient losses in use today as one, per token, with KL and entropy terms in the loss.
///
/// With x = new − old per token, w = eˣ (or of the sequence's mean or sum of x), A the advantage, d = new − reference:
///
///     reinforce  l = −A new                                                 Williams 1992
///     ratio      l = −w A                                                   TRPO's surrogate (arXiv 1502.05477)
///     ppo_clip   l = −min( min(w, delta) A, clip(w, 1 − low, 1 + high) A )  PPO eq. 7 (arXiv 1707.06347)
///                A < 0 and dualClip = c:  l ← min(l, −c A)                  dual clip (arXiv 1912.09729)
///     cispo      l = −sg[clip(w, 1 − cispoLow, cispoCap)] A new             MiniMax-M1 (arXiv 2506.13585)
///     dro        l = −(A new − droBeta/2 x²)                                verl's per-token DRO
///     l ← u l,  u the rollout correction;   l ← l + kl kₑ(d)  (kₑ(d) w with bias correction)
///     loss = Σ weight l − entropy Σ weight H
///
/// high > low is DAPO's clip-higher (arXiv 2503.14476), delta INTELLECT-2's two-sided clip (arXiv 2505.07291), the
/// mean over the sequence GSPO (arXiv 2507.18071), its sum TRL's RLOO and O1-Pruner. On the policy (w = 1) the
/// derivative is −A for all of them, REINFORCE's; low = high = nil is `ratio`.
///
/// Peers: TRL `GRPOTrainer._compute_loss`, verl `core_algos.compute_policy_loss_{vanilla,gspo,cispo,dro}`, OpenRLHF
/// `PolicyLoss`. Deviations: verl and OpenRLHF clamp the log-ratio to ±20 first; here it is used as it is.
package struct PolicyLoss: Equatable, Sendable {
  package enum Surrogate: String, Sendable, CaseIterable {
    case reinforce, ratio, cispo, dro
    case clip = "ppo_clip"
  }
  /// Whose x the weight is the exponential of: the token's, or the mean or sum over the trained tokens of the sequence.
  package enum RatioLevel: String, Sendable, CaseIterable {
    case token
    case sequenceMean = "sequence_mean"
    case sequenceSum = "sequence_sum"
  }
  /// What stands in x for "old": the policy at the start of the step, the sampler, or (O1-Pruner) the reference.
  package enum Denominator: String, Sendable, CaseIterable { case old, behaviour, reference }
  /// How the entropies are averaged: over all trained tokens of the step (TRL), or like the loss (verl).
  package enum EntropyAggregation: String, Sendable, CaseIterable {
    case tokenMean = "token-mean"
    case same
  }

  package var surrogate: Surrogate
  package var ratioLevel = RatioLevel.token
  package var denominator = Denominator.old
  /// The weight is clipped to [1 − low, 1 + high]; nil = that side is not clipped.
  package var low: Double?
  package var high: Double?
  /// Cap of the weight in the unclipped term; nil = none.
  package var delta: Double?
  /// Bound c of the loss for negative advantages, c > 1; nil = none.
  package var dualClip: Double?
  /// CISPO: the weight is clipped to [1 − cispoLow, cispoCap]; nil = that side is not.
  package var cispoLow: Double?
  package var cispoCap: Double?
  package var droBeta = 0.5
  package var rollout = RolloutCorrection(.none)
  /// Coefficient β of the KL term; 0 = no term, and no reference needed.
  package var kl: Double
  package var klEstimator: KLEstimator
  /// Multiplies the KL of a token by its weight, differentiated through it (TRL `use_bias_correction_kl`).
  package var klBiasCorrection = false
  /// Coefficient of the entropy bonus; 0 = none.
  package var entropy: Double
  package var entropyAggregation: EntropyAggregation

  package init(
    _ surrogate: Surrogate = .clip, low: Double? = 0.2, high: Double? = 0.2, delta: Double? = nil,
    dualClip: Double? = nil, kl: Double = 0, klEstimator: KLEstimator = .k3, entropy: Double = 0,
    entropyAggregation: EntropyAggregation = .tokenMean
  ) {
    self.surrogate = surrogate
    self.low = low
    self.high = high
    self.delta = delta
    self.dualClip = dualClip
    self.kl = kl
    self.klEstimator = klEstimator
    self.entropy = entropy
    self.entropyAggregation = entropyAggregation
  }

  /// The same with other settings, for a recipe's one expression.
  func with(_ change: (inout PolicyLoss) -> Void) -> PolicyLoss {
    var copy = self
    change(&copy)
    return copy
  }

  /// Which bound acts on a token, as stored in update shards: −1 the lower (weight below it, A < 0), 1 the upper
  /// (weight above it, A > 0), 0 none.
  @inline(__always)
  package func clip(ratio: Double, advantage: Double) -> Int8 {
    guard surrogate == .clip else { return 0 }
    if let low, advantage < 0, ratio < 1 - low { return -1 }
    if let high, advantage > 0, ratio > 1 + high { return 1 }
    return 0
  }

  /// The policy term of one token: its value and its derivatives, `direct` by the token's log-probability and
  /// `byLogWeight` by the logarithm of the weight (dw = w).
  struct Term {
    var loss: Double
    var direct = 0.0
    var byLogWeight = 0.0
  }

  @inline(__always)
  func term(_ weight: Double, _ token: TokenStatistics, logRatio: Double) -> Term {
    let advantage = token.advantage
    // An advantage of 0 asks for nothing, however far the policies are apart (0 · ∞ would be NaN).
    if advantage == 0, weight == .infinity, surrogate != .dro { return Term(loss: 0) }
    switch surrogate {
    case .reinforce: return Term(loss: -advantage * token.logprob, direct: -advantage)
    case .ratio: return Term(loss: -weight * advantage, byLogWeight: -weight * advantage)
    case .clip: return clippedTerm(weight, advantage)
    case .cispo:
      let constant = max(min(weight, cispoCap ?? .infinity), cispoLow.map { 1 - $0 } ?? -.infinity)
      return Term(loss: -constant * advantage * token.logprob, direct: -constant * advantage)
    case .dro:
      return Term(
        loss: -(advantage * token.logprob - 0.5 * droBeta * logRatio * logRatio),
        direct: -(advantage - droBeta * logRatio))
    }
  }

  @inline(__always)
  private func clippedTerm(_ ratio: Double, _ advantage: Double) -> Term {
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
    if advantage < 0, let dualClip, loss > -dualClip * advantage { (loss, derivative) = (-dualClip * advantage, 0) }
    return Term(loss: loss, byLogWeight: derivative)
  }
}

/// Constants u that correct the sampler's policy to the old one: u = exp(old − behaviour) per token, or the product
/// over the trained tokens of the sequence.
///
///     truncate:  u clamped to [minimum, maximum]     TIS; TRL `*_truncate`, verl `rollout_is` with maximum 2
///     mask:      u where it lies in [minimum, maximum], else 0     TRL `sequence_mask` with maximum 3 (its default);
///                                                                  IcePop: token mask with [0.5, 2]
///
/// Deviation: verl clamps old − behaviour to ±20.
package struct RolloutCorrection: Equatable, Sendable {
  package enum Mode: String, Sendable, CaseIterable {
    case none
    case tokenTruncate = "token_truncate"
    case tokenMask = "token_mask"
    case sequenceTruncate = "sequence_truncate"
    case sequenceMask = "sequence_mask"

    var isSequence: Bool { self == .sequenceTruncate || self == .sequenceMask }
  }

  package var mode: Mode
  /// nil = no bound on that side.
  package var minimum: Double?
  package var maximum: Double?

  package init(_ mode: Mode, minimum: Double? = nil, maximum: Double? = nil) {
    self.mode = mode
    self.minimum = minimum
    self.maximum = maximum
  }

  /// u as used, for the weight as measured. NaN (nobody stored the sampler's log-probabilities) stays NaN.
  @inline(__always)
  package func callAsFunction(_ weight: Double) -> Double {
    let isBelow = minimum.map { weight < $0 } ?? false
    let isAbove = maximum.map { weight > $0 } ?? false
    guard isBelow || isAbove else { return weight }
    switch mode {
    case .none: return weight
    case .tokenTruncate, .sequenceTruncate: return (isAbove ? maximum : minimum) ?? weight
    case .tokenMask, .sequenceMask: return 0
    }
  }
}
