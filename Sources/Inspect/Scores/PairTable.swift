/// The values that two score sets give to the same rollouts: each distinct pair once, with its number.
///
/// Verifiers have few values, so that a million rollouts take a few rows here; values that are all different take
/// 24 bytes a rollout, and as much again while they are sorted.
package struct PairTable: Sendable {
  package struct Entry: Equatable, Sendable {
    package let a: Double
    package let b: Double
    package fileprivate(set) var count: Int
  }

  /// Sorted and distinct up to `sorted`, as they came from there on.
  private var entries: [Entry] = []
  private var sorted = 0
  private var room = 1 << 16
  package private(set) var count = 0

  package init() {}

  package init(_ pairs: some Sequence<(Double, Double)>) {
    for (a, b) in pairs { add(a, b) }
  }

  package mutating func add(_ a: Double, _ b: Double) {
    entries.append(Entry(a: a, b: b, count: 1))
    count += 1
    guard entries.count >= room else { return }
    entries = distinct
    sorted = entries.count
    room = max(1 << 16, 2 * sorted)
  }

  /// By a, then b.
  package var distinct: [Entry] {
    if sorted == entries.count { return entries }
    var merged: [Entry] = []
    for entry in entries.sorted(by: { ($0.a, $0.b) < ($1.a, $1.b) }) {
      if let last = merged.last, last.a == entry.a, last.b == entry.b {
        merged[merged.count - 1].count += entry.count
      } else {
        merged.append(entry)
      }
    }
    return merged
  }
}

/// Verdicts of two judges on the same rollouts.
package struct Confusion: Equatable, Sendable {
  package var bothPass = 0
  package var onlyA = 0
  package var onlyB = 0
  package var bothFail = 0

  package init(bothPass: Int = 0, onlyA: Int = 0, onlyB: Int = 0, bothFail: Int = 0) {
    (self.bothPass, self.onlyA, self.onlyB, self.bothFail) = (bothPass, onlyA, onlyB, bothFail)
  }

  package mutating func add(_ a: Bool, _ b: Bool, _ count: Int = 1) {
    switch (a, b) {
    case (true, true): bothPass += count
    case (true, false): onlyA += count
    case (false, true): onlyB += count
    case (false, false): bothFail += count
    }
  }

  package var count: Int { bothPass + onlyA + onlyB + bothFail }
  package var flipped: Int { onlyA + onlyB }

  /// Share with the same verdict; nil of none.
  package var agreement: Double? { count > 0 ? Double(bothPass + bothFail) / Double(count) : nil }

  /// Cohen's κ = (p_o − p_e) / (1 − p_e), where p_e is the agreement of two judges who pass as many, at random; nil
  /// where both pass all or both pass none, which leaves nothing to agree beyond chance.
  package var kappa: Double? {
    guard let agreement else { return nil }
    let n = Double(count)
    let (a, b) = (Double(bothPass + onlyA) / n, Double(bothPass + onlyB) / n)
    let chance = a * b + (1 - a) * (1 - b)
    return chance < 1 ? (agreement - chance) / (1 - chance) : nil
  }
}

/// What two score sets have in common on one measure: the total, or a component that both have.
package struct PairStatistics: Equatable, Sendable {
  /// Rollouts with a value in both.
  package var count: Int
  package var confusion: Confusion
  package var meanA: Double?
  package var meanB: Double?
  /// Pearson's r; nil where either is constant.
  package var pearson: Double?
  /// Spearman's ρ: Pearson's r of the ranks, tied values sharing the mean of their ranks.
  package var spearman: Double?

  /// - Parameter threshold: A value passes from there on.
  package init(_ pairs: PairTable, threshold: Double) {
    let entries = pairs.distinct
    let weights = entries.map { Double($0.count) }
    let (a, b) = (entries.map(\.a), entries.map(\.b))
    count = pairs.count
    confusion = Confusion()
    for entry in entries { confusion.add(entry.a >= threshold, entry.b >= threshold, entry.count) }
    meanA = Self.mean(a, weights)
    meanB = Self.mean(b, weights)
    pearson = Self.pearson(a, b, weights)
    spearman = Self.pearson(Self.ranks(a, entries), Self.ranks(b, entries), weights)
  }

  private static func mean(_ values: [Double], _ weights: [Double]) -> Double? {
    let total = weights.reduce(0, +)
    guard total > 0 else { return nil }
    return zip(values, weights).reduce(0) { $0 + $1.0 * $1.1 } / total
  }

  private static func pearson(_ x: [Double], _ y: [Double], _ weights: [Double]) -> Double? {
    // Rounding gives a constant's deviations from its mean a spread: asked of the values, it has none.
    guard x.contains(where: { $0 != x[0] }), y.contains(where: { $0 != y[0] }),
      let meanX = mean(x, weights), let meanY = mean(y, weights)
    else { return nil }
    var (xx, yy, xy) = (0.0, 0.0, 0.0)
    for index in x.indices {
      let (dx, dy) = (x[index] - meanX, y[index] - meanY)
      xx += weights[index] * dx * dx
      yy += weights[index] * dy * dy
      xy += weights[index] * dx * dy
    }
    return Self.correlation(xx, yy, xy)
  }

  /// r of sums of squares and products of deviations; nil where it is not defined or its parts are not finite.
  static func correlation(_ xx: Double, _ yy: Double, _ xy: Double) -> Double? {
    let r = xy / (xx.squareRoot() * yy.squareRoot())
    return r.isFinite ? min(max(r, -1), 1) : nil
  }

  /// The rank of each entry's value among all rollouts, from 1; tied ones share the mean of theirs.
  private static func ranks(_ values: [Double], _ entries: [PairTable.Entry]) -> [Double] {
    let order = values.indices.sorted { values[$0] < values[$1] }
    var ranks = [Double](repeating: 0, count: values.count)
    var (start, before) = (0, 0)
    while start < order.count {
      let value = values[order[start]]
      let end = order[start...].firstIndex { values[$0] != value } ?? order.count
      let tied = order[start..<end].reduce(0) { $0 + entries[$1].count }
      for place in order[start..<end] { ranks[place] = Double(before) + Double(tied + 1) / 2 }
      before += tied
      start = end
    }
    return ranks
  }
}
