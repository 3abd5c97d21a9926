/// BRPO (Writing-Zero, arXiv 2506.00103): responses are judged in pairs against one of their own group, drawn at random.
///
///     A = +1 where the judge prefers the response to the reference, else −1; 0 for the reference itself
///     |mean A of the group, the reference included| > dropAbove: the group is dropped
///
/// No normalisation. Our convention: a tie counts as −1. Unscored responses get 0 and do not count.
package struct BRPO: Equatable, Sendable {
  /// Which response of a group is the reference.
  package enum Reference: String, CaseIterable, Sendable {
    /// One drawn here; rewards are compared with its own.
    case drawn
    /// The one without a reward: a judge drew it when it scored, and the rewards are its verdicts, above 0 = preferred.
    case judged
  }

  package var dropAbove: Double
  package var reference = Reference.drawn

  package init(dropAbove: Double = 0.6) { self.dropAbove = dropAbove }

  package struct Result: Equatable, Sendable {
    package var advantages: [Double]
    /// Per group, in the order in which the groups first appear; the mean is the one before dropping.
    package var groupKept: [Bool]
    package var groupMean: [Double]
    /// Per response: whether its group is kept.
    package var kept: [Bool]
  }

  /// The index of each group's reference, drawn from `seed`: it depends on the seed, on the group's place and on its
  /// size, on nothing else.
  package static func references(groups: [Int], seed: UInt64) -> [Int] {
    memberships(groups).enumerated().map { place, group in
      group[reference(of: group.count, group: place, seed: seed)]
    }
  }

  /// Which of the `count` responses of a group is its reference.
  /// - Parameter group: its place among the groups, from 0.
  package static func reference(of count: Int, group: Int, seed: UInt64) -> Int {
    var z = seed &+ (UInt64(truncatingIfNeeded: group) &+ 1) &* 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    z ^= z >> 31
    return Int(z.multipliedFullWidth(by: UInt64(max(count, 0))).high)
  }

  /// - Parameters:
  ///   - references: the index of each group's reference, groups in the order in which they first appear.
  ///   - pairScores: per response its own and the reference's score from one judgement; nil = not judged.
  package func callAsFunction(
    groups: [Int], references: [Int], pairScores: [(own: Double, reference: Double)?]
  ) -> Result {
    precondition(groups.count == pairScores.count, "one judgement per response")
    var result = Result(
      advantages: [Double](repeating: 0, count: groups.count), groupKept: [], groupMean: [],
      kept: [Bool](repeating: true, count: groups.count))
    for (members, reference) in zip(memberships(groups), references) {
      for index in members where index != reference {
        guard let scores = pairScores[index] else { continue }
        result.advantages[index] = scores.own > scores.reference ? 1 : -1
      }
      let counted = members.filter { $0 == reference || pairScores[$0] != nil }
      let mean = counted.reduce(0.0) { $0 + result.advantages[$1] } / Double(max(counted.count, 1))
      let isKept = mean.magnitude <= dropAbove
      result.groupMean.append(mean)
      result.groupKept.append(isKept)
      for index in members where !isKept { (result.advantages[index], result.kept[index]) = (0, false) }
    }
    return result
  }
}
