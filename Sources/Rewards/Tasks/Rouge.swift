/// ROUGE-L (Lin 2004): F1 of the longest common subsequence of words (``words(of:folded:)``), 2 · LCS / (n + m). The
/// best of several answers (`meta.answers`) counts. nil: no answer, or only such without words.
///
/// The subsequence is looked for in the answer's first ``wordLimit`` words, bit-parallel: n · min(m, 4096) / 64 steps.
package struct RougeReward: RolloutReward {
  let source: Source

  static let wordLimit = 4096

  package let name = "rouge-l"
  package let version = 1
  package let needs = RewardNeeds.meta
  package var parameters: [(name: String, value: String)] { [("from", source.rawValue)] }

  static let entry = RewardRegistry.Entry(
    name: "rouge-l", summary: "F1 of the longest common subsequence of words with the answer",
    keys: [("from", Source.explanation)],
    make: { (options) throws(RewardError) in RougeReward(source: try options.choice("from", default: .response)) })

  package func score(_ input: RewardInput) -> RewardOutput {
    let wanted = input.references.map { words(of: $0) }.filter { !$0.isEmpty }
    guard !wanted.isEmpty else { return RewardOutput(nil) }
    guard let range = source.range(in: input.response) else { return RewardOutput(0) }
    let got = words(of: input.response[range])
    return RewardOutput(
      wanted.map { 2 * Double(Self.commonLength(got, Array($0.prefix(Self.wordLimit)))) / Double(got.count + $0.count) }
        .max())
  }

  /// Hyyrö's bit-vector form of the recurrence: a zero bit of `state` is a step of the subsequence.
  static func commonLength(_ text: [String], _ pattern: [String]) -> Int {
    let width = (pattern.count + 63) / 64
    var masks: [String: [UInt64]] = [:]
    for (index, word) in pattern.enumerated() {
      masks[word, default: Array(repeating: 0, count: width)][index / 64] |= 1 << UInt64(index % 64)
    }
    var state = [UInt64](repeating: .max, count: width)
    for word in text {
      guard let mask = masks[word] else { continue }
      var carry: UInt64 = 0
      for place in 0..<width {
        let matched = state[place] & mask[place]
        let (first, over) = state[place].addingReportingOverflow(matched)
        let (sum, more) = first.addingReportingOverflow(carry)
        carry = over || more ? 1 : 0
        state[place] = sum | (state[place] & ~mask[place])
      }
    }
    return pattern.indices.count { state[$0 / 64] >> UInt64($0 % 64) & 1 == 0 }
  }
}
