/// What one evaluation of an objective did: weighted loss parts and plain sums over tokens.
///
/// Everything here adds (or takes a minimum or maximum), so the reports of the micro-batches of a step, in any split,
/// sum to the report of the step; means are taken in ``metrics`` only.
package struct Report: Equatable, Sendable {
  /// Tokens that counted (weight not 0).
  package var tokens = 0
  /// The scalar that was minimised, all terms with their coefficients.
  package var loss = 0.0
  /// Weighted sum of the policy's surrogate alone, and the tokens it saw.
  package var policyLoss = 0.0
  package var policyTokens = 0
  /// Weighted sum of the KL terms, without their coefficient.
  package var klLoss = 0.0
  /// Weighted sum of the entropies, without their coefficient and with a positive sign.
  package var entropyTerm = 0.0

  package var ratio = RatioCounts()
  /// Sums of the three estimates of KL(old ‖ new), and how many tokens had an old log-probability.
  package var approxKL = KLSums()
  package var oldTokens = 0
  /// Sums of the three estimates of KL(new ‖ reference), and how many tokens had a reference.
  package var referenceKL = KLSums()
  package var referenceTokens = 0
  /// Sum of the KL term that the loss used (unweighted), and how many tokens had one.
  package var klTermSum = 0.0
  package var klTermTokens = 0
  package var entropySum = 0.0
  package var entropyTokens = 0
  /// |old − behaviour|: how far the trainer's log-probabilities are from the sampler's; estimates of KL(behaviour ‖ new).
  package var behaviourDifferenceSum = 0.0
  package var behaviourDifferenceMax = 0.0
  package var behaviourTokens = 0
  package var behaviourKL = KLSums()
  /// The rollout correction as used, and how many of its weights it changed.
  package var correction = RatioCounts()
  package var correctionChanged = 0
  package var value = ValueCounts()
  /// What else a loss counts, by name.
  package var tallies = Tallies()

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

  /// Importance weights, of tokens or of sequences. A counter is nil where the loss does not have what it counts.
  package struct RatioCounts: Equatable, Sendable {
    package var count = 0
    package var sum = 0.0
    package var squares = 0.0
    package var min = Double.infinity
    package var max = -Double.infinity
    /// Below the clip range with a negative advantage; above it with a positive one.
    package var clippedLow: Int?
    package var clippedHigh: Int?
    /// Those that the delta cap or the dual clip touched.
    package var deltaCapped: Int?
    package var dualClipped: Int?
    /// CISPO's weights outside their bounds, and those above with a positive advantage.
    package var weightClipped: Int?
    package var weightClippedPositive: Int?

    /// (Σ w)² / (n Σ w²): 1 where all weights are equal, 1/n where one of them is everything.
    package var effectiveShare: Double { squares > 0 ? sum * sum / (Double(count) * squares) : 0 }

    mutating func openClip() { (clippedLow, clippedHigh) = (clippedLow ?? 0, clippedHigh ?? 0) }
    mutating func openWeight() {
      (weightClipped, weightClippedPositive) = (weightClipped ?? 0, weightClippedPositive ?? 0)
    }

    @inline(__always)
    mutating func observe(_ weight: Double) {
      count += 1
      sum += weight
      squares += weight * weight
      min = Swift.min(min, weight)
      max = Swift.max(max, weight)
    }
  }

  /// The value head: its weighted loss, and moments for the explained variance.
  package struct ValueCounts: Equatable, Sendable {
    package var loss = 0.0
    package var values = Moments()
    package var returns = Moments()
    package var errors = Moments()
    /// Tokens whose clipped square is the larger one; nil without a clip.
    package var clipped: Int?
  }
}

extension Report {
  /// Counts what every policy loss reports of a token, and whatever optional statistics are there.
  @inline(__always)
  mutating func observe(_ token: TokenStatistics, logRatio: Double, ratio: Double) {
    tokens += 1
    policyTokens += 1
    if logRatio == logRatio {
      oldTokens += 1
      approxKL.k1 -= logRatio
      approxKL.k2 += 0.5 * logRatio * logRatio
      approxKL.k3 += ratio - 1 - logRatio
    }
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
      let difference = token.logprob - token.behaviour
      behaviourKL.k1 -= difference
      behaviourKL.k2 += 0.5 * difference * difference
      behaviourKL.k3 += exponential(difference) - 1 - difference
    }
  }

  @inline(__always)
  mutating func observe(correction used: Double, raw: Double) {
    correction.observe(used)
    if used != raw { correctionChanged += 1 }
  }
}
