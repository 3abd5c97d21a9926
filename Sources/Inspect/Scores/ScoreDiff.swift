package import Formats

/// Two score sets over the same rollouts, compared.
package struct ScoreDiff {
  /// What both sets have a value for: the total, or a component of both.
  package struct Measure {
    package let name: String
    /// Places in `ScoredRollouts.Values.values`.
    fileprivate let a: Int
    fileprivate let b: Int
    fileprivate var pairs = PairTable()
    package fileprivate(set) var ranking = Ranking()
    fileprivate var group: [(a: Double, b: Double)] = []
  }

  /// Counts of rollouts; values are those of the chosen measure, and sums are over `both`.
  package struct Coverage: Equatable {
    package var rollouts = 0
    package var both = 0
    package var onlyA = 0
    package var onlyB = 0
    package var neither = 0
    package var sumA = 0.0
    package var sumB = 0.0
    package var confusion = Confusion()

    package var meanA: Double? { both > 0 ? sumA / Double(both) : nil }
    package var meanB: Double? { both > 0 ? sumB / Double(both) : nil }
    package var change: Double? { both > 0 ? (sumB - sumA) / Double(both) : nil }

    fileprivate mutating func add(_ a: Double?, _ b: Double?, threshold: Double) {
      rollouts += 1
      switch (a, b) {
      case (let a?, let b?):
        both += 1
        sumA += a
        sumB += b
        confusion.add(a >= threshold, b >= threshold)
      case (_?, nil): onlyA += 1
      case (nil, _?): onlyB += 1
      case (nil, nil): neither += 1
      }
    }
  }

  /// A rollout that one set passes and the other does not.
  package struct Flip: Equatable {
    package let id: RolloutID
    package let step: Int
    package let prompt: String
    package let sample: Int
    package let a: Double
    package let b: Double
    package let extractedA: String?
    package let extractedB: String?
  }

  /// The chosen measure, then the others in the order of A's components.
  package private(set) var measures: [Measure]
  package let threshold: Double
  private let limit: Int?
  package private(set) var coverage = Coverage()
  package private(set) var steps: [Int: Coverage] = [:]
  /// The first ones, up to the limit; `coverage.confusion.flipped` counts them all.
  package private(set) var flips: [Flip] = []
  private var group: ScoredRollouts.Group?

  /// - Parameters:
  ///   - component: The measure that verdicts, steps and flips are of; nil for the total.
  ///   - limit: How many flips to keep; nil for all.
  /// - Throws: `RollbookError` `usage` for a component that not both sets have.
  package init(
    components a: [String], _ b: [String], names: (a: String, b: String), component: String?, threshold: Double,
    limit: Int?
  ) throws {
    let common = a.enumerated().compactMap { place, name in
      b.firstIndex(of: name).map { Measure(name: name, a: place + 1, b: $0 + 1) }
    }
    var measures = [Measure(name: ScoredRollouts.total, a: 0, b: 0)] + common
    // A component may be called like the total: the total is what no --component asks for.
    if let component {
      let place =
        measures.dropFirst().firstIndex { $0.name == component } ?? (component == ScoredRollouts.total ? 0 : nil)
      guard let place else {
        func list(_ names: [String]) -> String { names.isEmpty ? "none" : names.joined(separator: ", ") }
        throw RollbookError.usage(
          "--component \(component): not both sets have it",
          hint: "'\(names.a)' has \(list(a)); '\(names.b)' has \(list(b))")
      }
      measures.insert(measures.remove(at: place), at: 0)
    }
    self.measures = measures
    self.threshold = threshold
    self.limit = limit
  }

  /// Takes in a rollout; those of a group must come one after another.
  package mutating func add(_ row: ScoredRollouts.Row) {
    if group != row.group { finishGroup() }
    group = row.group
    let (a, b) = (row.scores[0], row.scores[1])
    for place in measures.indices {
      guard let a = a?.values[measures[place].a], let b = b?.values[measures[place].b] else { continue }
      measures[place].pairs.add(a, b)
      measures[place].group.append((a, b))
    }
    let (valueA, valueB) = (a?.values[measures[0].a], b?.values[measures[0].b])
    coverage.add(valueA, valueB, threshold: threshold)
    steps[row.rollout.step, default: Coverage()].add(valueA, valueB, threshold: threshold)
    if let valueA, let valueB, (valueA >= threshold) != (valueB >= threshold),
      limit.map({ flips.count < $0 }) ?? true
    {
      flips.append(
        Flip(
          id: row.rollout.id, step: row.rollout.step, prompt: row.rollout.promptID, sample: row.rollout.sample,
          a: valueA, b: valueB, extractedA: a?.extracted, extractedB: b?.extracted))
    }
  }

  /// Ends the last group; before that its pairs are not counted.
  package mutating func finishGroup() {
    for place in measures.indices {
      measures[place].ranking.add(measures[place].group)
      measures[place].group.removeAll(keepingCapacity: true)
    }
  }

  /// The statistics of every measure, the chosen one first.
  package func statistics() -> [PairStatistics] {
    measures.map { PairStatistics($0.pairs, threshold: threshold) }
  }
}
