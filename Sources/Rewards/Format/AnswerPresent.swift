/// 1 when the answer occurs in the response as a whole word or number, else 0; what stands around it does not matter.
///
/// Whole: no letter or digit touches it, unless one of the two is of a script without spaces (Han, kana, Thai). A
/// number is also not part of a longer one: "5" is not in "-5", "5.2", "1,5" or "15". `case=exact` minds the case of
/// letters. nil: no answer, or a blank one. It does not judge correctness: a text that lists every number has it.
package struct AnswerPresentReward: RolloutReward {
  enum Case: String, CaseIterable { case fold, exact }

  let letters: Case
  let source: Source

  package let name = "answer-present"
  package let version = 1
  package var parameters: [(name: String, value: String)] { [("case", letters.rawValue), ("from", source.rawValue)] }

  static let entry = RewardRegistry.Entry(
    name: "answer-present", summary: "1 when the answer occurs as a whole word or number",
    keys: [("case", "fold or exact"), ("from", Source.explanation)],
    make: { (options) throws(RewardError) in
      AnswerPresentReward(
        letters: try options.choice("case", default: .fold), source: try options.choice("from", default: .response))
    })

  package func score(_ input: RewardInput) -> RewardOutput {
    guard let answer = input.answer else { return RewardOutput(nil) }
    let wanted = scalars(answer[answer.trimmed(0..<answer.count)])
    guard !wanted.isEmpty else { return RewardOutput(nil) }
    guard let range = source.range(in: input.response) else { return RewardOutput(0) }
    let text = scalars(input.response[range])
    let found = occurrences(of: wanted, in: text).contains { Self.isWhole(text, $0..<($0 + wanted.count)) }
    return RewardOutput(found ? 1 : 0)
  }

  private func scalars(_ bytes: ArraySlice<UInt8>) -> [Unicode.Scalar] {
    let text = String(decoding: bytes, as: UTF8.self)
    return Array((letters == .fold ? text.lowercased() : text).unicodeScalars)
  }

  private static func isWhole(_ text: [Unicode.Scalar], _ range: Range<Int>) -> Bool {
    func at(_ index: Int) -> Unicode.Scalar? { text.indices.contains(index) ? text[index] : nil }
    func isJoined(_ a: Unicode.Scalar?, _ b: Unicode.Scalar?) -> Bool {
      guard let a, let b else { return false }
      return a.isWord && b.isWord && !a.isUnspaced && !b.isUnspaced
    }
    func isDigit(_ scalar: Unicode.Scalar?) -> Bool { scalar.map { $0.value >= 0x30 && $0.value <= 0x39 } ?? false }
    let (before, after) = (at(range.lowerBound - 1), at(range.upperBound))
    if isJoined(before, text[range.lowerBound]) || isJoined(text[range.upperBound - 1], after) { return false }
    if isDigit(text[range.lowerBound]), let before {
      let further = at(range.lowerBound - 2)
      if before == "." || before == ",", isDigit(further) { return false }
      // A sign, unless it is the operator or the dash behind a number or word.
      if before == "-" || before == "−", !(further?.isWord ?? false) { return false }
    }
    if isDigit(text[range.upperBound - 1]), after == "." || after == ",", isDigit(at(range.upperBound + 1)) {
      return false
    }
    return true
  }
}
