/// Texts that name no answer: their last formula or number.
extension AnswerExtraction {
  func prose(_ range: Range<Int>) -> Judgement? {
    let formulas = formulas(in: range)
    let token = NumberScanner(text: text).last(in: range)
    if let last = formulas.last, (token?.end ?? 0) <= last.upperBound, let found = lastFormula(formulas) {
      return found
    }
    guard let token else { return right.isWords ? closing(range) : nil }
    let rest = token.end..<max(token.end, min(range.upperBound, token.end + Self.window))
    if isTakenBack(rest) { return nil }
    if token.number != nil { return judged(token.range, isPlain: true) }
    let run = expression(around: token.range, in: range)
    return run.count > token.range.count ? judged(run, isPlain: true) : nil
  }

  func lastFormula(_ range: Range<Int>) -> Judgement? { lastFormula(formulas(in: range)) }

  private func lastFormula(_ formulas: [Range<Int>]) -> Judgement? {
    guard let last = formulas.last else { return nil }
    return judged(joined: formulas, isPlain: false)
      ?? right.judge(text, last, isPlain: false).map { Judgement(isRight: $0, span: text[last]) }
  }

  /// The contents of `$…$`, `$$…$$`, `\(…\)` and `\[…\]`, each at most ``wholeLimit`` bytes; a dollar sign before an
  /// amount of money opens none.
  private func formulas(in range: Range<Int>) -> [Range<Int>] {
    var result: [Range<Int>] = []
    var index = range.lowerBound
    while index < range.upperBound {
      let byte = text[index]
      if byte == UInt8(ascii: "\\"), index + 1 < range.upperBound {
        let open = text[index + 1]
        guard open == UInt8(ascii: "(") || open == UInt8(ascii: "[") else {
          index += 2
          continue
        }
        let limit = min(range.upperBound, index + Self.wholeLimit)
        guard let close = text.first(open == UInt8(ascii: "(") ? "\\)" : "\\]", in: (index + 2)..<max(limit, index + 2))
        else {
          index += 2
          continue
        }
        result.append((index + 2)..<close)
        index = close + 2
      } else if byte == UInt8(ascii: "$") {
        let width = text.has("$$", at: index, end: range.upperBound) ? 2 : 1
        guard let close = closingDollar(from: index + width, end: range.upperBound),
          !isMoney((index + width)..<close)
        else {
          index += width
          continue
        }
        result.append((index + width)..<close)
        index = close + width
      } else {
        index += 1
      }
    }
    return result.suffix(Self.markLimit)
  }

  private func closingDollar(from start: Int, end: Int) -> Int? {
    var index = start
    let limit = min(end, start + Self.wholeLimit)
    while index < limit {
      if text[index] == UInt8(ascii: "$") { return index > start ? index : nil }
      index += text[index] == UInt8(ascii: "\\") ? 2 : 1
    }
    return nil
  }

  /// "5 and the change is " between dollar signs: digits, then words of prose.
  private func isMoney(_ content: Range<Int>) -> Bool {
    guard let first = content.first, isDigit(text[first]) else { return false }
    var (index, letters) = (first, 0)
    while index < content.upperBound {
      if text[index] == UInt8(ascii: "\\") { return false }
      letters = isLetter(text[index]) ? letters + 1 : 0
      if letters == 3 { return true }
      index += 1
    }
    return false
  }

  /// The digits, operators and brackets around a number.
  private func expression(around token: Range<Int>, in range: Range<Int>) -> Range<Int> {
    let signs = " +-*/^().%".utf8
    var (start, stop) = (token.lowerBound, token.upperBound)
    let (floor, limit) = (max(range.lowerBound, start - Self.window), min(range.upperBound, stop + Self.window))
    while start > floor, isDigit(text[start - 1]) || signs.contains(text[start - 1]) { start -= 1 }
    while stop < limit, isDigit(text[stop]) || signs.contains(text[stop]) { stop += 1 }
    // A letter that touches makes it something else.
    if start > floor, isLetter(text[start - 1]) || text[start - 1] >= 0x80 || stop < limit && isLetter(text[stop]) {
      guard text[start] == 0x20 else { return token }
    }
    while start < stop, ". )".utf8.contains(text[start]) { start += 1 }
    while stop > start, " .(".utf8.contains(text[stop - 1]) { stop -= 1 }
    return start..<max(stop, start)
  }

  /// The words that a text ends in, where the right answer is words: "It is Monday."
  private func closing(_ range: Range<Int>) -> Judgement? {
    let limited = max(range.lowerBound, range.upperBound - Self.window)..<range.upperBound
    return right.judgeClosing(text, limited).map { Judgement(isRight: $0, span: text[limited].suffix(40)) }
  }
}
