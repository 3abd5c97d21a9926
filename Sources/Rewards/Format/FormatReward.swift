/// Whether the response has the asked form: 1 or 0 (`tag-count`: quarters). Applies to every response; the empty one
/// has no form, unless a pattern matches it.
///
/// `form=`:
/// - `answer-line` (default): "Answer:", white space, an integer that is not the beginning of a longer number:
///   the regular expression `Answer:\s*(-?\d+)(?![\d.,]*\d)`. Extracts the last such integer.
/// - `strict`, `lenient`, `think`, `r1-line`, `tag-count`: see ``ThinkAnswer``. The first two extract the answer.
///
/// `pattern=`: a ``Pattern`` found anywhere in the response; extracts its first group, or else the match.
package struct FormatReward: RolloutReward {
  enum Form: String, CaseIterable {
    case answerLine = "answer-line"
    case strict, lenient, think
    case lines = "r1-line"
    case tagCount = "tag-count"
  }

  let form: Form
  let pattern: Pattern?

  package let name = "format"
  package let version = 1
  package var parameters: [(name: String, value: String)] {
    if let pattern { [("pattern", pattern.source)] } else { [("form", form.rawValue)] }
  }

  static let entry = RewardRegistry.Entry(
    name: "format", summary: "1 when the response has the asked form",
    keys: [
      ("form", "answer-line, strict, lenient, think, r1-line or tag-count"),
      ("pattern", "a regular expression to be found"),
    ],
    make: { (options) throws(RewardError) in
      guard let text = options["pattern"] else {
        return FormatReward(form: try options.choice("form", default: .answerLine), pattern: nil)
      }
      guard options["form"] == nil else { throw RewardError("format: give either form or pattern, not both") }
      return FormatReward(form: .answerLine, pattern: try Pattern(text))
    })

  package func score(_ input: RewardInput) -> RewardOutput {
    let text = input.response
    if let pattern {
      guard let match = pattern.firstMatch(in: text) else { return RewardOutput(0) }
      return RewardOutput(1, extracted: text[match.group ?? match.range])
    }
    switch form {
    case .answerLine: return verdict(text, Self.lastAnswerLine(in: text))
    case .strict: return verdict(text, ThinkAnswer.strict(text))
    case .lenient: return verdict(text, ThinkAnswer.lenient(text))
    case .think: return RewardOutput(ThinkAnswer.think(text) ? 1 : 0)
    case .lines: return RewardOutput(ThinkAnswer.lines(text) ? 1 : 0)
    case .tagCount: return RewardOutput(ThinkAnswer.tagCount(text))
    }
  }

  private func verdict(_ text: [UInt8], _ found: Range<Int>?) -> RewardOutput {
    guard let found else { return RewardOutput(0) }
    return RewardOutput(1, extracted: text[found])
  }

  /// The integer of the last line that has the answer form, or nil.
  static func lastAnswerLine(in text: [UInt8]) -> Range<Int>? {
    var rest = 0..<text.count
    while let mark = text.last("Answer:", in: rest) {
      let start = text.skippingSpace(mark + 7, end: text.count)
      var index = start < text.count && text[start] == UInt8(ascii: "-") ? start + 1 : start
      let digits = index
      while index < text.count, isDigit(text[index]) { index += 1 }
      let stop = index
      while index < text.count, text[index] == UInt8(ascii: ".") || text[index] == UInt8(ascii: ",") { index += 1 }
      if stop > digits, index == text.count || !isDigit(text[index]) { return start..<stop }
      rest = 0..<mark
    }
    return nil
  }
}
