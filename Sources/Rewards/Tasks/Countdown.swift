/// The countdown game as reasoning-gym scores it: make `meta.target` of all `meta.numbers`.
///
///     1      an expression of exactly these numbers, each used once, with exactly that value
///     0.05   an expression of other numbers or with another value
///     0.01   anything else, nothing included
///
/// The candidate is the whole response or, with `from=tag`, the last answer tag. Its numbers are read off the text by
/// their digits: "4.0" holds 4 and 0. The expression is read by ``ArithmeticParser`` and computed exactly; what that
/// does not compute (towers, roots, comparisons) has another value. nil: no numbers or no target.
package struct CountdownReward: RolloutReward {
  let source: Source

  package let name = "countdown"
  package let version = 1
  package let needs = RewardNeeds.meta
  package let judgesCorrectness = true
  package var parameters: [(name: String, value: String)] { [("from", source.rawValue)] }

  static let entry = RewardRegistry.Entry(
    name: "countdown", summary: "1 for an expression that makes the target, else 0.05 or 0.01",
    keys: [("from", Source.explanation)],
    make: { (options) throws(RewardError) in CountdownReward(source: try options.choice("from", default: .response)) })

  package func score(_ input: RewardInput) -> RewardOutput {
    guard let numbers = input.meta["numbers"]?.list?.map({ $0.number.flatMap { Int(exactly: $0) } }), !numbers.isEmpty,
      let target = input.meta["target"]?.number.flatMap({ Int(exactly: $0) })
    else { return RewardOutput(nil) }
    let wanted = numbers.compactMap { $0 }
    guard wanted.count == numbers.count else { return RewardOutput(nil) }
    let text = input.response
    guard let range = source.range(in: text).map(text.trimmed), let value = ArithmeticParser.value(text, range) else {
      return RewardOutput(0.01)
    }
    let isRight = value == .rational(Int128(target), 1) && Self.numbers(in: text, range).sorted() == wanted.sorted()
    return RewardOutput(isRight ? 1 : 0.05, extracted: text[range])
  }

  /// Runs of digits that no letter, digit or underscore touches.
  private static func numbers(in text: [UInt8], _ range: Range<Int>) -> [Int] {
    func isWord(_ index: Int) -> Bool {
      range.contains(index) && (ByteSet.word.contains(text[index]) || text[index] >= 0x80)
    }
    var numbers: [Int] = []
    var index = range.lowerBound
    while index < range.upperBound {
      let start = index
      while index < range.upperBound, isDigit(text[index]) { index += 1 }
      if index > start, !isWord(start - 1), !isWord(index) {
        numbers.append(Int(String(decoding: text[start..<index], as: UTF8.self)) ?? Int.max)
      }
      if index == start { index += 1 }
    }
    return numbers
  }
}
