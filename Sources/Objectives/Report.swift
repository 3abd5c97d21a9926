/// What one evaluation of an objective did: weighted loss parts and plain sums over tokens.
///
/// Everything here adds (or takes a minimum or maximum), so the reports of the micro-batches of a step, in any split,
/// sum to the report of the step; means are taken in ``metrics`` only.
package struct Report: Equatable, Sendable {
  /// Tokens that counted (weight not 0).
  package var tokens = 0
  /// The scalar that was minimised: policy + kl·β − entropy·coefficient.
  package var loss = 0.0
  /// Weighted sum of the surrogate alone.
  package var policyLoss = 0.0
  /// Weighted sum of the KL terms, without their coefficient.
  package var klLoss = 0.0
  /// Weighted sum of the entropies, without their coefficient and with a positive sign.
  package var entropyTerm = 0.0

  package var ratioSum = 0.0
  package var ratioMin = Double.infinity
  package var ratioMax = -Double.infinity
  /// Tokens with a ratio below the range and a negative advantage; above it and a positive one.
  package var clippedLow = 0
  package var clippedHigh = 0
  /// Tokens that the delta cap or the dual clip touched; nil where these are switched off.
  package var deltaCapped: Int?
  package var dualClipped: Int?

  /// Sums of the three estimates of KL(old ‖ new).
  package var approxKL = KLSums()
  /// Sums of the three estimates of KL(new ‖ reference), and how many tokens had a reference.
  package var referenceKL = KLSums()
  package var referenceTokens = 0
  /// Sum of the KL term that the loss used (unweighted), and how many tokens had one.
  package var klTermSum = 0.0
  package var klTermTokens = 0
  package var entropySum = 0.0
  package var entropyTokens = 0
  /// |old − behaviour|: how far the trainer's log-probabilities are from the sampler's.
  package var behaviourDifferenceSum = 0.0
  package var behaviourDifferenceMax = 0.0
  package var behaviourTokens = 0

  package init() {}

  /// Sums of the estimators k1, k2, k3 (Schulman, "Approximating KL divergence", 2020).
  package struct KLSums: Equatable, Sendable {
    package var k1 = 0.0
    package var k2 = 0.0
    package var k3 = 0.0

    package init() {}

    static func += (sums: inout KLSums, other: KLSums) {
      sums.k1 += other.k1
      sums.k2 += other.k2
      sums.k3 += other.k3
    }
  }
}

extension Report {
  /// Adds another micro-batch of the same step.
  package static func += (report: inout Report, other: Report) {
    report.tokens += other.tokens
    report.loss += other.loss
    report.policyLoss += other.policyLoss
    report.klLoss += other.klLoss
    report.entropyTerm += other.entropyTerm
    report.ratioSum += other.ratioSum
    report.ratioMin = min(report.ratioMin, other.ratioMin)
    report.ratioMax = max(report.ratioMax, other.ratioMax)
    report.clippedLow += other.clippedLow
    report.clippedHigh += other.clippedHigh
    report.deltaCapped = sum(report.deltaCapped, other.deltaCapped)
    report.dualClipped = sum(report.dualClipped, other.dualClipped)
    report.approxKL += other.approxKL
    report.referenceKL += other.referenceKL
    report.referenceTokens += other.referenceTokens
    report.klTermSum += other.klTermSum
    report.klTermTokens += other.klTermTokens
    report.entropySum += other.entropySum
    report.entropyTokens += other.entropyTokens
    report.behaviourDifferenceSum += other.behaviourDifferenceSum
    report.behaviourDifferenceMax = max(report.behaviourDifferenceMax, other.behaviourDifferenceMax)
    report.behaviourTokens += other.behaviourTokens
  }

  private static func sum(_ a: Int?, _ b: Int?) -> Int? {
    guard let a else { return b }
    return a + (b ?? 0)
  }

  /// The names and values that a trainer logs, in a fixed order. Means are over the tokens that counted; a metric
  /// whose statistic was not there (no reference, no entropy, no stored behaviour) is left out.
  package var metrics: [(name: String, value: Double)] {
    var list: [(name: String, value: Double)] = [
      ("loss", loss), ("policy_loss", policyLoss), ("tokens", Double(tokens)),
    ]
    if klTermTokens > 0 { list.append(("kl_loss", klLoss)) }
    guard tokens > 0 else { return list }
    let count = Double(tokens)
    list.append(("ratio_mean", ratioSum / count))
    list.append(("ratio_min", ratioMin))
    list.append(("ratio_max", ratioMax))
    list.append(("clip_fraction_low", Double(clippedLow) / count))
    list.append(("clip_fraction_high", Double(clippedHigh) / count))
    list.append(("clip_fraction", Double(clippedLow + clippedHigh) / count))
    if let deltaCapped { list.append(("delta_fraction", Double(deltaCapped) / count)) }
    if let dualClipped { list.append(("dual_clip_fraction", Double(dualClipped) / count)) }
    list.append(("approx_kl_k1", approxKL.k1 / count))
    list.append(("approx_kl_k2", approxKL.k2 / count))
    list.append(("approx_kl_k3", approxKL.k3 / count))
    if referenceTokens > 0 {
      list.append(("ref_kl_k1", referenceKL.k1 / Double(referenceTokens)))
      list.append(("ref_kl_k2", referenceKL.k2 / Double(referenceTokens)))
      list.append(("ref_kl_k3", referenceKL.k3 / Double(referenceTokens)))
    }
    if klTermTokens > 0 { list.append(("kl_term_mean", klTermSum / Double(klTermTokens))) }
    if entropyTokens > 0 { list.append(("entropy_mean", entropySum / Double(entropyTokens))) }
    if behaviourTokens > 0 {
      list.append(("rollout_logp_diff_mean", behaviourDifferenceSum / Double(behaviourTokens)))
      list.append(("rollout_logp_diff_max", behaviourDifferenceMax))
    }
    return list
  }

  /// Counts what every token-level loss reports: the ratio's and the old policy's KL, and whatever optional
  /// statistics are there.
  @inline(__always)
  mutating func observe(_ token: TokenStatistics, logRatio: Double, ratio: Double) {
    tokens += 1
    ratioSum += ratio
    ratioMin = min(ratioMin, ratio)
    ratioMax = max(ratioMax, ratio)
    approxKL.k1 -= logRatio
    approxKL.k2 += 0.5 * logRatio * logRatio
    approxKL.k3 += ratio - 1 - logRatio
    if token.reference == token.reference {
      let difference = token.logprob - token.reference
      referenceTokens += 1
      referenceKL.k1 += difference
      referenceKL.k2 += 0.5 * difference * difference
      referenceKL.k3 += exponential(-difference) + difference - 1
    }
    if token.entropy == token.entropy {
      entropyTokens += 1
      entropySum += token.entropy
    }
    let gap = (token.old - token.behaviour).magnitude
    if gap == gap {
      behaviourTokens += 1
      behaviourDifferenceSum += gap
      behaviourDifferenceMax = max(behaviourDifferenceMax, gap)
    }
  }
}
