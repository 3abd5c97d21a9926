extension Report {
  /// Adds another micro-batch of the same step.
  package static func += (report: inout Report, other: Report) {
    report.tokens += other.tokens
    report.loss += other.loss
    report.policyLoss += other.policyLoss
    report.policyTokens += other.policyTokens
    report.klLoss += other.klLoss
    report.entropyTerm += other.entropyTerm
    report.ratio += other.ratio
    report.approxKL += other.approxKL
    report.oldTokens += other.oldTokens
    report.referenceKL += other.referenceKL
    report.referenceTokens += other.referenceTokens
    report.klTermSum += other.klTermSum
    report.klTermTokens += other.klTermTokens
    report.entropySum += other.entropySum
    report.entropyTokens += other.entropyTokens
    report.behaviourDifferenceSum += other.behaviourDifferenceSum
    report.behaviourDifferenceMax = max(report.behaviourDifferenceMax, other.behaviourDifferenceMax)
    report.behaviourTokens += other.behaviourTokens
    report.behaviourKL += other.behaviourKL
    report.correction += other.correction
    report.correctionChanged += other.correctionChanged
    report.value += other.value
    report.tallies += other.tallies
  }

  fileprivate static func sum(_ a: Int?, _ b: Int?) -> Int? {
    guard let a else { return b }
    return a + (b ?? 0)
  }

  /// The names and values that a trainer logs, in a fixed order. Means are over the tokens (or sequences) that counted;
  /// a metric whose statistic was not there (no reference, no entropy, no stored behaviour) is left out.
  package var metrics: [(name: String, value: Double)] {
    var list: [(name: String, value: Double)] = [("loss", loss)]
    if policyTokens > 0 { list.append(("policy_loss", policyLoss)) }
    list.append(("tokens", Double(tokens)))
    if klTermTokens > 0 { list.append(("kl_loss", klLoss)) }
    list += ratio.metrics(prefix: "ratio")
    if ratio.count > 0 { list.append(("ratio_effective_share", ratio.effectiveShare)) }
    list += approxKL.metrics(prefix: "approx_kl", tokens: oldTokens)
    list += referenceKL.metrics(prefix: "ref_kl", tokens: referenceTokens)
    if klTermTokens > 0 { list.append(("kl_term_mean", klTermSum / Double(klTermTokens))) }
    if entropyTokens > 0 { list.append(("entropy_mean", entropySum / Double(entropyTokens))) }
    if behaviourTokens > 0 {
      list.append(("rollout_logp_diff_mean", behaviourDifferenceSum / Double(behaviourTokens)))
      list.append(("rollout_logp_diff_max", behaviourDifferenceMax))
      list += behaviourKL.metrics(prefix: "behaviour_kl", tokens: behaviourTokens)
    }
    if correction.count > 0 {
      list += correction.metrics(prefix: "rollout_weight")
      list.append(("rollout_changed_fraction", Double(correctionChanged) / Double(correction.count)))
      list.append(("rollout_effective_share", correction.effectiveShare))
    }
    return list + value.metrics + tallies.metrics
  }
}

extension Report.KLSums {
  fileprivate func metrics(prefix: String, tokens: Int) -> [(name: String, value: Double)] {
    guard tokens > 0 else { return [] }
    let count = Double(tokens)
    return [("\(prefix)_k1", k1 / count), ("\(prefix)_k2", k2 / count), ("\(prefix)_k3", k3 / count)]
  }
}

extension Report.RatioCounts {
  static func += (counts: inout Self, other: Self) {
    counts.count += other.count
    counts.sum += other.sum
    counts.squares += other.squares
    counts.min = Swift.min(counts.min, other.min)
    counts.max = Swift.max(counts.max, other.max)
    for path in [
      \Self.clippedLow, \.clippedHigh, \.deltaCapped, \.dualClipped, \.weightClipped, \.weightClippedPositive,
    ] { counts[keyPath: path] = Report.sum(counts[keyPath: path], other[keyPath: path]) }
  }

  fileprivate func metrics(prefix: String) -> [(name: String, value: Double)] {
    guard count > 0 else { return [] }
    func share(_ counter: Int?) -> Double? { counter.map { Double($0) / Double(count) } }
    var list: [(name: String, value: Double)] = [
      ("\(prefix)_mean", sum / Double(count)), ("\(prefix)_min", min), ("\(prefix)_max", max),
    ]
    if let clippedLow, let clippedHigh {
      list.append(("clip_fraction_low", Double(clippedLow) / Double(count)))
      list.append(("clip_fraction_high", Double(clippedHigh) / Double(count)))
      list.append(("clip_fraction", Double(clippedLow + clippedHigh) / Double(count)))
    }
    if let value = share(deltaCapped) { list.append(("delta_fraction", value)) }
    if let value = share(dualClipped) { list.append(("dual_clip_fraction", value)) }
    if let value = share(weightClipped) { list.append(("weight_clipped_fraction", value)) }
    if let value = share(weightClippedPositive) { list.append(("weight_clipped_fraction_positive", value)) }
    return list
  }
}

extension Report.ValueCounts {
  static func += (counts: inout Self, other: Self) {
    counts.loss += other.loss
    counts.values += other.values
    counts.returns += other.returns
    counts.errors += other.errors
    counts.clipped = Report.sum(counts.clipped, other.clipped)
  }

  /// 1 − var(R − V) / var(R): 1 is a perfect critic, 0 one that says the same everywhere. 0 for equal returns.
  package var explainedVariance: Double {
    returns.variance > 0 ? 1 - errors.variance / returns.variance : 0
  }

  fileprivate var metrics: [(name: String, value: Double)] {
    guard values.count > 0 else { return [] }
    var list: [(name: String, value: Double)] = [
      ("value_loss", loss), ("value_mean", values.mean), ("return_mean", returns.mean),
      ("explained_variance", explainedVariance),
    ]
    if let clipped { list.append(("value_clip_fraction", Double(clipped) / Double(values.count))) }
    return list
  }
}

/// Counters by name, for what only one loss counts.
package struct Tallies: Equatable, Sendable {
  package enum Kind: Equatable, Sendable { case mean, sum, minimum, maximum, exponentialOfMean }

  private struct Entry: Equatable, Sendable {
    var kind: Kind
    var value: Double
    var count: Int
  }

  private var entries: [String: Entry] = [:]

  package init() {}

  /// - Parameter count: how many observations `value` is the sum of.
  mutating func add(_ name: String, _ value: Double, _ kind: Kind = .mean, count: Int = 1) {
    merge(name, Entry(kind: kind, value: value, count: count))
  }

  private mutating func merge(_ name: String, _ other: Entry) {
    guard let entry = entries[name] else {
      entries[name] = other
      return
    }
    let value =
      switch entry.kind {
      case .mean, .sum, .exponentialOfMean: entry.value + other.value
      case .minimum: min(entry.value, other.value)
      case .maximum: max(entry.value, other.value)
      }
    entries[name] = Entry(kind: entry.kind, value: value, count: entry.count + other.count)
  }

  static func += (tallies: inout Tallies, other: Tallies) {
    for (name, entry) in other.entries { tallies.merge(name, entry) }
  }

  /// In the order of their names, which does not depend on the split.
  package var metrics: [(name: String, value: Double)] {
    entries.sorted { $0.key < $1.key }.map { name, entry in
      switch entry.kind {
      case .mean: (name, entry.value / Double(entry.count))
      case .sum, .minimum, .maximum: (name, entry.value)
      case .exponentialOfMean: (name, exponential(entry.value / Double(entry.count)))
      }
    }
  }
}
