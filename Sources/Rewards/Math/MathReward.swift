/// 1 when the number that the response gives as its answer equals the right one exactly, else 0.
///
/// How the number is found: ``AnswerExtraction``. What a number is: ``NumberReader``. Numbers compare as exact
/// rationals of any length: 0.5 = 1/2 = \frac{2}{4}, 1,000 = 1000.00, but 0.333333 is not 1/3.
///
/// A percent sign: 25% equals 0.25 and 25%; with `percent=lenient` (the default) it also equals 25 (not a number
/// below 1, where the two readings are easily confused). `percent=exact` takes it as hundredths only.
///
/// An answer that is no number (an expression, a word) is compared with the last box, tag or `Answer:` line as text,
/// without white space, `$` and `\text{}`: `\boxed{x+1}` for x + 1. nil without an answer.
package struct MathReward: RolloutReward {
  enum Fallback: String, CaseIterable { case last, none }
  enum Percent: String, CaseIterable { case lenient, exact }

  let fallback: Fallback
  let percent: Percent

  package let name = "math"
  package let version = 1
  package var parameters: [(name: String, value: String)] {
    [("fallback", fallback.rawValue), ("percent", percent.rawValue)]
  }
  package let judgesCorrectness = true

  static let entry = RewardRegistry.Entry(
    name: "math", summary: "1 when the stated number equals the answer exactly",
    keys: [
      ("fallback", "last: without a mark the last number counts; none: it does not"),
      ("percent", "lenient: 25% also equals 25; exact: only 0.25"),
    ],
    make: { (options) throws(RewardError) in
      MathReward(
        fallback: try options.choice("fallback", default: .last),
        percent: try options.choice("percent", default: .lenient))
    })

  package func score(_ input: RewardInput) -> RewardOutput {
    guard let answer = input.answer else { return RewardOutput(nil) }
    guard let gold = AnswerExtraction(text: answer, fallback: false).whole(0..<answer.count) else {
      return textual(answer, input.response)
    }
    guard let number = AnswerExtraction(text: input.response, fallback: fallback == .last).number() else {
      return RewardOutput(0)
    }
    return RewardOutput(isEqual(number, gold) ? 1 : 0, extracted: number.description.utf8)
  }

  private func isEqual(_ number: ExactNumber, _ gold: ExactNumber) -> Bool {
    if number.asFraction.hasSameValue(as: gold.asFraction) { return true }
    guard percent == .lenient, number.percent != gold.percent else { return false }
    return gold.isAtLeastOne && number.hasSameValue(as: gold)
  }

  private func textual(_ answer: [UInt8], _ response: [UInt8]) -> RewardOutput {
    var range = 0..<response.count
    if let close = response.last("</think>", in: range) { range = (close + 8)..<response.count }
    guard let mark = AnswerMarkers(in: response, range).markers.last else { return RewardOutput(0) }
    var content = response.trimmed(mark.content)
    if mark.kind == .answerLine || mark.kind == .hashes {
      content = content.lowerBound..<(response[content].firstIndex(of: 0x0A) ?? content.upperBound)
    }
    let wanted = canonical(answer, 0..<answer.count)
    let same = !wanted.isEmpty && canonical(response, content) == wanted
    return RewardOutput(same ? 1 : 0, extracted: response[response.trimmed(content)])
  }

  /// The text without white space, `$`, and the names of commands that only set text.
  private func canonical(_ text: [UInt8], _ range: Range<Int>) -> [UInt8] {
    let reader = NumberReader(text: text, end: range.upperBound, loose: true)
    var result: [UInt8] = []
    var closers: [Bool] = []
    var index = range.lowerBound
    while index < range.upperBound {
      let next = reader.space(index)
      if next > index {
        index = next
        continue
      }
      if let open = reader.groupCommand(at: index) {
        closers.append(true)
        index = open + 1
        continue
      }
      if text[index] == UInt8(ascii: "{") { closers.append(false) }
      if text[index] == UInt8(ascii: "}"), closers.popLast() == true {
        index += 1
        continue
      }
      result.append(text[index])
      index += 1
    }
    return result
  }
}
