/// How the components of a set become one reward: `gate → clip → normalise → weight → sum`, then the total's own clip.
package struct Combination: Sendable, Equatable {
  /// What a missing (null) component counts as.
  package enum Missing: String, Sendable, CaseIterable {
    /// Left out; the total is null only when every component is.
    case skip
    /// 0.
    case zero
    /// The total is null.
    case null
  }

  /// What is done to each component before it is weighted.
  package enum Normalisation: String, Sendable, CaseIterable {
    case none
    /// (value − mean) / (std + 1e-4) over the group's values that are there, std with ddof 1; 0 in a group of one.
    /// GDPO (arXiv 2601.05242), TRL `multi_objective_aggregation="normalize_then_sum"`; its z-score over the batch is
    /// left to the advantage.
    case group
  }

  /// Several components that count as one, as for reward models that were trained alike (arXiv 2310.02743).
  package struct Ensemble: Sendable, Equatable {
    package enum Rule: String, Sendable, CaseIterable {
      case mean
      /// The worst case: the least of them.
      case min
      /// mean − coefficient · variance (population).
      case uncertainty
    }
    package var name: String
    package var rule: Rule
    package var coefficient = 0.1
    package var weight = 1.0

    /// Reads `NAME[=WEIGHT]: mean|min|uncertainty [COEFFICIENT]`.
    package init(parsing text: String) throws(RewardError) {
      let fault = RewardError(
        "ensemble '\(text)': expected NAME[=WEIGHT]: mean, min or uncertainty [COEFFICIENT], e.g. 'rm=0.5: uncertainty 0.1'")
      guard let colon = text.firstIndex(of: ":") else { throw fault }
      let left = text[..<colon].split(separator: "=", maxSplits: 1).map { trim(String($0)) }
      let right = text[text.index(after: colon)...].split(separator: " ").map(String.init)
      guard let name = left.first, !name.isEmpty, let rule = right.first.flatMap(Rule.init), right.count <= 2 else {
        throw fault
      }
      guard let weight = left.count > 1 ? Double(left[1]) : 1, weight.isFinite else { throw fault }
      guard let coefficient = right.count > 1 ? Double(right[1]) : 0.1, coefficient.isFinite, coefficient >= 0,
        right.count == 1 || rule == .uncertainty
      else { throw fault }
      self.init(name: name, rule: rule, coefficient: coefficient, weight: weight)
    }

    package init(name: String, rule: Rule, coefficient: Double = 0.1, weight: Double = 1) {
      self.name = name
      self.rule = rule
      self.coefficient = coefficient
      self.weight = weight
    }

    package var description: String {
      "\(name)=\(weight): \(rule.rawValue)\(rule == .uncertainty ? " \(coefficient)" : "")"
    }

    /// nil where no member is there.
    func value(_ members: [Double]) -> Double? {
      guard !members.isEmpty else { return nil }
      let mean = members.reduce(0, +) / Double(members.count)
      return switch rule {
      case .mean: mean
      case .min: members.min()
      case .uncertainty:
        mean - coefficient * members.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(members.count)
      }
    }
  }

  package var ensembles: [Ensemble] = []
  package var missing = Missing.skip
  package var normalise = Normalisation.none
  /// Of the total.
  package var clip: ClosedRange<Double>?

  package init() {}

  /// Every setting that is not the default, for provenance.
  package var parameters: [(name: String, value: String)] {
    var all = ensembles.enumerated().map { ("ensemble.\($0.offset)", $0.element.description) }
    if missing != .skip { all.append(("missing", missing.rawValue)) }
    if normalise != .none { all.append(("normalise", normalise.rawValue)) }
    if let clip { all.append(("clip", "\(clip.lowerBound)..\(clip.upperBound)")) }
    return all
  }

  /// The totals of one group.
  ///
  /// - Parameters:
  ///   - values: A row per response, a column per term, as the rewards gave them.
  ///   - steps: The training step of each response.
  package func totals(_ terms: [RewardTerm], _ values: [[Double?]], steps: [Int]) -> [Double?] {
    let counted = zip(values, steps).map { row, step in terms.indices.map { self.counted(terms, $0, row, step) } }
    var columns = terms.indices.filter { terms[$0].ensemble == nil }.map { index in
      (values: counted.map { $0[index] }, weight: terms[index].weight)
    }
    for ensemble in ensembles {
      let members = terms.indices.filter { terms[$0].ensemble == ensemble.name }
      let complete = missing == .null
      let pooled = counted.map { row -> Double? in
        let there = members.compactMap { row[$0] }
        return complete && there.count < members.count ? nil : ensemble.value(there)
      }
      columns.append((pooled, ensemble.weight))
    }
    if normalise == .group { for index in columns.indices { columns[index].values = Self.standardised(columns[index].values) } }
    return values.indices.map { row in
      total(columns.map { ($0.values[row], $0.weight) })
    }
  }

  /// What one value counts as before its weight: 0 where a gate or the steps hold it back, else clamped.
  private func counted(_ terms: [RewardTerm], _ index: Int, _ row: [Double?], _ step: Int) -> Double? {
    let term = terms[index]
    guard let value = row[index] ?? (missing == .zero ? 0 : nil) else { return nil }
    if let from = term.fromStep, step < from { return 0 }
    if let until = term.untilStep, step >= until { return 0 }
    for gate in term.gates {
      guard let other = terms.firstIndex(where: { $0.name == gate.component }), gate.holds(row[other]) else { return 0 }
    }
    guard let clip = term.clip else { return value }
    return min(max(value, clip.lowerBound), clip.upperBound)
  }

  private func total(_ parts: [(value: Double?, weight: Double)]) -> Double? {
    if missing == .null, parts.contains(where: { $0.value == nil }) { return nil }
    guard let sum = weightedSum(parts.map(\.value), weights: parts.map(\.weight)) else { return nil }
    guard let clip else { return sum }
    return min(max(sum, clip.lowerBound), clip.upperBound)
  }

  static func standardised(_ values: [Double?]) -> [Double?] {
    let there = values.compactMap { $0 }
    guard there.count > 1 else { return values.map { $0.map { _ in 0 } } }
    let mean = there.reduce(0, +) / Double(there.count)
    let variance = there.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(there.count - 1)
    return values.map { $0.map { ($0 - mean) / (variance.squareRoot() + 1e-4) } }
  }
}

/// Σ weight · value over the values that are there; nil where none is. Same counts.
package func weightedSum(_ values: [Double?], weights: [Double]) -> Double? {
  var total: Double?
  for (value, weight) in zip(values, weights) {
    guard let value else { continue }
    total = (total ?? 0) + weight * value
  }
  return total
}
