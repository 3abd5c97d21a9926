extension PolicyLoss {
  /// What the tokens of a sequence share.
  private struct Shared {
    /// The logarithm of the weight of all tokens, and its derivative by each token's log-probability; nil = each token
    /// has its own.
    var logWeight: Double?
    var weight = 1.0
    var share = 1.0
    /// The rollout correction of all tokens; nil = each has its own, or none.
    var correction: Double?
  }

  /// Adds the derivative of every token's share of the loss into `gradient`.
  ///
  /// - Parameters:
  ///   - tokens: any whole sequences of the step, in any order; the results of the parts add up to those of the step.
  ///   - sequences: the range of each sequence in `tokens`.
  ///   - tokenMean: one over the trained tokens of the whole step, for the entropy.
  ///   - gradient: same count as `tokens`.
  package func callAsFunction(
    _ tokens: Span<TokenStatistics>, sequences: [Range<Int>], tokenMean: Double,
    _ gradient: inout MutableSpan<TokenGradient>, _ report: inout Report
  ) {
    precondition(tokens.count == gradient.count, "one gradient per token")
    openCounters(&report)
    for range in sequences {
      let shared = shared(tokens, range, &report)
      var slope = 0.0
      for index in range where tokens[index].weight != 0 {
        slope += add(tokens[index], shared, tokenMean, &gradient[index], &report)
      }
      guard shared.logWeight != nil else { continue }
      for index in range where tokens[index].weight != 0 { gradient[index].logprob += slope * shared.share }
    }
  }

  private func openCounters(_ report: inout Report) {
    if surrogate == .clip { report.ratio.openClip() }
    if delta != nil { report.ratio.deltaCapped = report.ratio.deltaCapped ?? 0 }
    if dualClip != nil { report.ratio.dualClipped = report.ratio.dualClipped ?? 0 }
    if surrogate == .cispo { report.ratio.openWeight() }
  }

  @inline(__always)
  private func base(_ token: TokenStatistics) -> Double {
    switch denominator {
    case .old: token.old
    case .behaviour: token.behaviour
    case .reference: token.reference
    }
  }

  /// Sums over the sequence, and its metrics where they are per sequence.
  private func shared(_ tokens: Span<TokenStatistics>, _ range: Range<Int>, _ report: inout Report) -> Shared {
    var shared = Shared()
    let isSequenceCorrection = rollout.mode.isSequence
    guard ratioLevel != .token || isSequenceCorrection else { return shared }
    var count = 0, sum = 0.0, gap = 0.0, advantage = 0.0
    for index in range where tokens[index].weight != 0 {
      let token = tokens[index]
      if count == 0 { advantage = token.advantage }
      count += 1
      sum += token.logprob - base(token)
      gap += token.old - token.behaviour
    }
    guard count > 0 else { return shared }
    if ratioLevel != .token {
      shared.share = ratioLevel == .sequenceMean ? 1 / Double(count) : 1
      let logWeight = ratioLevel == .sequenceMean ? sum / Double(count) : sum
      shared.logWeight = logWeight
      shared.weight = exponential(logWeight)
      observe(shared.weight, advantage: advantage, &report)
    }
    if isSequenceCorrection {
      let raw = exponential(gap)
      shared.correction = rollout(raw)
      report.observe(correction: rollout(raw), raw: raw)
    }
    return shared
  }

  /// One token: returns what all tokens of its sequence get by the shared weight.
  @inline(__always)
  private func add(
    _ token: TokenStatistics, _ shared: Shared, _ tokenMean: Double, _ gradient: inout TokenGradient,
    _ report: inout Report
  ) -> Double {
    let logRatio = token.logprob - base(token)
    let isShared = shared.logWeight != nil
    let ratio = exponential(logRatio)
    let weight = isShared ? shared.weight : ratio
    report.observe(token, logRatio: logRatio, ratio: ratio)
    if !isShared { observe(ratio, advantage: token.advantage, &report) }
    var correction = shared.correction ?? 1
    if rollout.mode != .none, shared.correction == nil {
      let raw = exponential(token.old - token.behaviour)
      correction = rollout(raw)
      report.observe(correction: correction, raw: raw)
    }
    // A masked token is out, also where its loss is infinite; one that is not a number shows.
    let isOut = correction == 0 && token.logprob == token.logprob
    var policy = isOut ? Term(loss: 0) : term(weight, token, logRatio: logRatio)
    if correction != 1, correction != 0 {
      policy.loss *= correction
      policy.direct *= correction
      policy.byLogWeight *= correction
    }
    var slope = token.weight * policy.byLogWeight
    report.policyLoss += token.weight * policy.loss
    report.loss += token.weight * policy.loss
    gradient.logprob += token.weight * policy.direct
    if !isShared { gradient.logprob += slope }
    if kl != 0 { slope += addKL(token, weight, isShared, &gradient, &report) }
    let entropyWeight = entropyAggregation == .same ? token.weight : tokenMean
    if token.entropy == token.entropy { report.entropyTerm += entropyWeight * token.entropy }
    if entropy != 0 {
      report.loss -= entropy * entropyWeight * token.entropy
      gradient.entropy -= entropy * entropyWeight
    }
    return slope
  }

  @inline(__always)
  private func addKL(
    _ token: TokenStatistics, _ weight: Double, _ isShared: Bool, _ gradient: inout TokenGradient,
    _ report: inout Report
  ) -> Double {
    var term = klEstimator(token.logprob - token.reference)
    var slope = 0.0
    if klBiasCorrection {
      slope = token.weight * kl * term.value * weight
      term.value *= weight
      term.derivative *= weight
      if !isShared { gradient.logprob += slope }
    }
    report.klTermSum += term.value
    report.klTermTokens += 1
    report.klLoss += token.weight * term.value
    report.loss += token.weight * kl * term.value
    gradient.logprob += token.weight * kl * term.derivative
    return slope
  }

  /// Counts one weight: a token's, or a sequence's.
  @inline(__always)
  private func observe(_ weight: Double, advantage: Double, _ report: inout Report) {
    guard weight == weight else { return }
    report.ratio.observe(weight)
    if surrogate == .clip {
      let side = clip(ratio: weight, advantage: advantage)
      if side < 0 { report.ratio.clippedLow? += 1 }
      if side > 0 { report.ratio.clippedHigh? += 1 }
      if advantage < 0, let delta, weight > delta { report.ratio.deltaCapped? += 1 }
      if advantage < 0, let dualClip, weight > dualClip { report.ratio.dualClipped? += 1 }
    }
    if surrogate == .cispo {
      let isAbove = cispoCap.map { weight > $0 } ?? false
      if isAbove || (cispoLow.map { weight < 1 - $0 } ?? false) { report.ratio.weightClipped? += 1 }
      if isAbove && advantage > 0 { report.ratio.weightClippedPositive? += 1 }
    }
  }
}
