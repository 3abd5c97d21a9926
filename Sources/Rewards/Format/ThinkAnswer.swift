/// The `<think>` / `<answer>` forms, as byte searches. Tags are lower case and exact.
enum ThinkAnswer {
  /// Trimmed, the text is `<think>` thoughts `</think>` white space `<answer>` answer `</answer>`; each tag occurs
  /// exactly once, thoughts and answer are not blank (DeepSeek-R1, arXiv 2501.12948, taken strictly).
  /// - Returns: the trimmed answer, or nil where the form is missed.
  static func strict(_ text: [UInt8]) -> Range<Int>? {
    let body = text.trimmed(0..<text.count)
    guard text.has("<think>", at: body.lowerBound, end: body.upperBound),
      text.has("</answer>", at: body.upperBound - 9, end: body.upperBound),
      text.occurrences(of: "<think>") == 1, text.occurrences(of: "</think>") == 1,
      text.occurrences(of: "<answer>") == 1, text.occurrences(of: "</answer>") == 1,
      let close = text.first("</think>", in: body), let open = text.first("<answer>", in: body), close + 8 <= open
    else { return nil }
    let thoughts = text.trimmed((body.lowerBound + 7)..<close)
    let between = text.trimmed((close + 8)..<open)
    guard open + 8 <= body.upperBound - 9 else { return nil }
    let answer = text.trimmed((open + 8)..<(body.upperBound - 9))
    return thoughts.isEmpty || answer.isEmpty || !between.isEmpty ? nil : answer
  }

  /// A closed `<think>` block and, anywhere behind it, a closed `<answer>` block, neither blank; anything may stand
  /// around them.
  /// - Returns: the trimmed content of the last answer, or nil where the form is missed.
  static func lenient(_ text: [UInt8]) -> Range<Int>? {
    guard let open = text.first("<think>", in: 0..<text.count),
      let close = text.first("</think>", in: (open + 7)..<text.count),
      !text.trimmed((open + 7)..<close).isEmpty,
      let content = AnswerMarkers.lastTag(in: text, (close + 8)..<text.count)
    else { return nil }
    let answer = text.trimmed(content)
    return answer.isEmpty ? nil : answer
  }

  /// TRL `think_format_reward`: starts with `<think>`, no second one, a `</think>` after it.
  static func think(_ text: [UInt8]) -> Bool {
    text.has("<think>", at: 0, end: text.count) && text.first("<think>", in: 7..<text.count) == nil
      && text.first("</think>", in: 7..<text.count) != nil
  }

  /// Each tag on a line of its own, from the start of the text: `<think>`, anything, `</think>`, `<answer>`, anything,
  /// `</answer>` at the end of a line. Text may follow on later lines.
  static func lines(_ text: [UInt8]) -> Bool {
    guard text.has("<think>\n", at: 0, end: text.count),
      let middle = text.first("\n</think>\n<answer>\n", in: 8..<text.count)
    else { return false }
    var rest = (middle + 19)..<text.count
    while let close = text.first("\n</answer>", in: rest) {
      let end = close + 10
      if end == text.count || text[end] == 0x0A { return true }
      rest = end..<text.count
    }
    return false
  }

  /// 0.25 for each of the four tags that occurs exactly once with its line breaks.
  static func tagCount(_ text: [UInt8]) -> Double {
    let tags: [StaticString] = ["<think>\n", "\n</think>\n", "\n<answer>\n", "\n</answer>"]
    return 0.25 * Double(tags.count { text.occurrences(of: $0) == 1 })
  }
}
