/// How well the response sorts the prompt's numbers, in [0, 1]. CS336 (Stanford, spring 2025, lecture 17)
/// `sort_distance_reward` and `sort_inclusion_ordering_reward`, divided by their maximum.
///
/// With the prompt's n numbers p, the response's m numbers r (its decimal integers, in order) and s = sorted(p):
///
///     sort-positions    #{ i : rᵢ = sᵢ } / max(n, m)
///     sort-neighbours   ( #{ i : pᵢ occurs in r } + #{ i : rᵢ ≤ rᵢ₊₁ } ) / ( n + max(n, m) − 1 )
///
/// The lecture's have n = m; max(n, m) keeps longer responses from gaining by padding. sort-neighbours is partial
/// credit for a start: a response of equal numbers gets much of it (the lecture shows how it is exploited).
/// nil when the prompt has no numbers; 0 when the response has none.
package struct SortReward: RolloutReward {
  enum Kind: String, Sendable { case positions, neighbours }

  let kind: Kind

  package var name: String { "sort-" + kind.rawValue }
  package let version = 1
  package var judgesCorrectness: Bool { kind == .positions }
  package let needs = RewardNeeds.prompt

  static let positions = RewardRegistry.Entry(
    name: "sort-positions", summary: "share of positions that hold the right number", keys: [],
    make: { (_) throws(RewardError) in SortReward(kind: .positions) })
  static let neighbours = RewardRegistry.Entry(
    name: "sort-neighbours", summary: "numbers included and neighbours in order, partial credit", keys: [],
    make: { (_) throws(RewardError) in SortReward(kind: .neighbours) })

  package func score(_ input: RewardInput) -> RewardOutput {
    let prompt = input.numbers ?? Self.integers(in: input.prompt)
    guard !prompt.isEmpty else { return RewardOutput(nil) }
    let response = Self.integers(in: input.response)
    guard !response.isEmpty else { return RewardOutput(0) }
    let extracted = response.map(String.init).joined(separator: " ")
    let longest = max(prompt.count, response.count)
    switch kind {
    case .positions:
      let hits = zip(prompt.sorted(), response).count { $0 == $1 }
      return RewardOutput(Double(hits) / Double(longest), extracted: extracted.utf8)
    case .neighbours:
      let present = Set(response)
      let included = prompt.count { present.contains($0) }
      let ordered = zip(response, response.dropFirst()).count { $0 <= $1 }
      return RewardOutput(
        Double(included + ordered) / Double(prompt.count + longest - 1), extracted: extracted.utf8)
    }
  }

  /// The decimal integers of a text, in order: runs of digits, with a minus sign directly before them where no digit or
  /// letter precedes it. Runs beyond Int's range count as Int.max, the number they cannot equal by accident.
  static func integers(in text: [UInt8]) -> [Int] {
    var numbers: [Int] = []
    var index = 0
    while index < text.count {
      guard isDigit(text[index]) else {
        index += 1
        continue
      }
      let start = index
      var value = 0
      var overflow = false
      while index < text.count, isDigit(text[index]) {
        let (shifted, tooBig) = value.multipliedReportingOverflow(by: 10)
        let (sum, carried) = shifted.addingReportingOverflow(Int(text[index] &- 0x30))
        overflow = overflow || tooBig || carried
        value = sum
        index += 1
      }
      let joined = start > 1 && (isDigit(text[start - 2]) || isLetter(text[start - 2]))
      let negative = start > 0 && text[start - 1] == UInt8(ascii: "-") && !joined
      numbers.append(overflow ? Int.max : (negative ? -value : value))
    }
    return numbers
  }
}
