/// Finds what a text gives as its answer, and has it judged.
///
/// 1. Only what follows the last `</think>` counts; comments and `\phantom{}` do not (``MathText``).
/// 2. The last box counts, whatever else the text says; boxes joined by "and", "or" or a comma count together.
/// 3. Otherwise the last of these that can be read: `<answer>…</answer>` (decisive even where it cannot),
///    `Answer: …` (any case), `#### …`.
/// 4. Otherwise what follows the last "answer" of its line ("the answer is 5").
/// 5. Otherwise a text (of at most ``wholeLimit`` bytes) that is an answer as a whole.
/// 6. Otherwise, with the fallback, the last formula or the last number of the text, whichever ends later.
///
/// In 4 and 6 a number that is part of an expression or of a choice ("9**9", "x^2", "5 or 6") is none, and so is one
/// behind "not". Behind `Answer:` an integer counts by itself ("Answer: 12 of them", "Answer: 12 + 3"), unless what
/// follows names another one ("or 6") or takes it back ("is wrong").
struct AnswerExtraction {
  let text: [UInt8]
  let right: RightAnswer
  /// Whether rule 6 holds.
  let fallback: Bool

  /// A span of the response that was read as the answer.
  struct Judgement {
    let isRight: Bool
    let span: ArraySlice<UInt8>
  }

  static let wholeLimit = 512
  /// How much of a line behind a mark is read; keeps texts of nothing but marks linear.
  static let window = 256
  /// How many marks without a readable answer are passed over, and how many boxes or formulas count together.
  static let markLimit = 64

  func judgement() -> Judgement? {
    var range = 0..<text.count
    if let close = text.last("</think>", in: range) {
      range = (close + 8)..<text.count
    } else if text.has("<think>", at: text.skippingSpace(0, end: text.count), end: text.count) {
      return nil
    }
    return judgement(of: text.trimmed(range), isInTag: false)
  }

  private func judgement(of range: Range<Int>, isInTag: Bool) -> Judgement? {
    let marks = AnswerMarkers(in: text, range)
    let boxes = marks.markers.filter { $0.kind == .box }.map { text.trimmed($0.content) }
    if let last = boxes.last(where: { !$0.isEmpty }) {
      // A box that was cut off counts alone.
      let isCutOff = last.upperBound == range.upperBound
      return judged(joined: isCutOff ? [last] : boxes.filter { !$0.isEmpty }, isPlain: false)
    }
    if !boxes.isEmpty { return nil }
    for mark in marks.markers.suffix(Self.markLimit).reversed() {
      switch mark.kind {
      case .box: break
      case .tag:
        if isInTag { continue }
        return judged(mark.content, isPlain: true) ?? judgement(of: text.trimmed(mark.content), isInTag: true)
      case .answerLine, .hashes:
        if let found = behind(mark.content) { return found }
      }
    }
    if let place = marks.mentions.last, let found = mentioned(line(from: place, end: range.upperBound)) { return found }
    if range.count <= Self.wholeLimit, isWhole(range), let found = judged(range, isPlain: true) { return found }
    return fallback ? prose(range) : nil
  }

  /// Lines below each other are no answer as a whole, unless LaTeX holds them together.
  private func isWhole(_ range: Range<Int>) -> Bool {
    !text[range].contains(0x0A) || text[range].contains { $0 == UInt8(ascii: "\\") || $0 == UInt8(ascii: "`") }
  }

  func judged(_ range: Range<Int>, isPlain: Bool) -> Judgement? {
    right.judge(text, range, isPlain: isPlain).map { Judgement(isRight: $0, span: text[range]) }
  }

  /// The last of these, with those that joints tie to it.
  func judged(joined ranges: [Range<Int>], isPlain: Bool) -> Judgement? {
    guard let last = ranges.last else { return nil }
    var first = ranges.count - 1
    while first > 0, ranges.count - first < Self.markLimit, ranges[first - 1].upperBound <= ranges[first].lowerBound,
      isJoint(ranges[first - 1].upperBound..<ranges[first].lowerBound)
    {
      first -= 1
    }
    if first == ranges.count - 1 { return judged(last, isPlain: isPlain) }
    let or = text.first("or", in: ranges[first].upperBound..<last.lowerBound) != nil
    var list: [UInt8] = []
    for range in ranges[first...] {
      if !list.isEmpty { list += or ? Array(" or ".utf8) : Array(" , ".utf8) }
      list += text[range]
    }
    return right.judge(list, 0..<list.count, isPlain: false).map { Judgement(isRight: $0, span: list[...]) }
  }

  /// Whether only "and", "or" or a comma (and the ends of formulas) stand between two spans.
  private func isJoint(_ gap: Range<Int>) -> Bool {
    guard gap.count <= 40 else { return false }
    var words: [UInt8] = []
    var index = gap.lowerBound
    while index < gap.upperBound {
      let byte = text[index]
      if byte == UInt8(ascii: "\\") {
        // \boxed, \fbox, \) and \(.
        index += 1
        while index < gap.upperBound, isLetter(text[index]) { index += 1 }
        if index < gap.upperBound, "()[]".utf8.contains(text[index]) { index += 1 }
        continue
      }
      if !isSpace(byte), byte != UInt8(ascii: "$"), byte != UInt8(ascii: "{"), byte != UInt8(ascii: "}") {
        words.append(lowercased(byte))
      }
      index += 1
    }
    return [Array("and".utf8), Array("or".utf8), Array(",".utf8), Array(",and".utf8), Array(",or".utf8)].contains(words)
  }
}

/// Lines behind marks.
extension AnswerExtraction {
  private func line(from start: Int, end: Int) -> Range<Int> {
    var stop = start
    let limit = min(end, start + Self.window)
    while stop < limit, text[stop] != 0x0A { stop += 1 }
    return start..<stop
  }

  /// A line up to the end of its first sentence.
  private func sentence(_ line: Range<Int>) -> Range<Int> {
    var index = line.lowerBound
    while index + 1 < line.upperBound {
      if text[index] == UInt8(ascii: "."), isSpace(text[index + 1]), index > line.lowerBound {
        return line.lowerBound..<index
      }
      index += 1
    }
    return line
  }

  /// What stands behind `Answer:` or `####`.
  private func behind(_ content: Range<Int>) -> Judgement? {
    let start = text.skippingSpace(content.lowerBound, end: content.upperBound)
    let line = line(from: start, end: content.upperBound)
    let scanner = NumberScanner(text: text)
    let reader = NumberReader(text: text, end: content.upperBound, loose: false)
    if let wanted = right.number, case .number(let number, let stop) = reader.value(at: start),
      number.isWhole, !number.percent, number.hasSameValue(as: wanted), !wanted.percent
    {
      return Judgement(isRight: !isTakenBack(stop..<max(stop, line.upperBound)), span: text[start..<stop])
    }
    if let found = judged(sentence(line), isPlain: true) { return found }
    if let found = lastFormula(line) { return found }
    guard let token = scanner.nextToken(from: start, floor: start, end: line.upperBound), token.number != nil,
      !isTakenBack(token.end..<max(token.end, line.upperBound))
    else { return nil }
    return judged(token.range, isPlain: true)
  }

  /// Whether what follows a number offers another one or says that it is wrong.
  func isTakenBack(_ rest: Range<Int>) -> Bool {
    var start = rest.lowerBound
    while start < rest.upperBound {
      if isSpace(text[start]) || "${}*".utf8.contains(text[start]) {
        start += 1
      } else if text.has("\\text", at: start, end: rest.upperBound) {
        start += 5
      } else {
        break
      }
    }
    let rest = start..<rest.upperBound
    let words: [StaticString] = ["or ", "and ", "is wrong", "is not", "is incorrect", "isn't", "was wrong", ", or "]
    guard let word = words.first(where: { text.hasFolded($0, at: rest.lowerBound, end: rest.upperBound) }) else {
      return false
    }
    let behind = rest.lowerBound + word.utf8CodeUnitCount
    guard behind < rest.upperBound, text[behind - 1] == 0x20 else { return true }
    return isDigit(text[behind]) || "$-\\({}".utf8.contains(text[behind])
  }

  /// What stands behind "answer" on its line: all of the sentence, its formula, or its number.
  private func mentioned(_ line: Range<Int>) -> Judgement? {
    var start = text.skippingSpace(line.lowerBound, end: line.upperBound)
    if let verb = text.first(" is ", in: line), verb - line.lowerBound <= 100 { start = verb + 4 }
    for sign: StaticString in ["- ", "= ", ": "] where text.has(sign, at: start, end: line.upperBound) { start += 2 }
    var sentence = text.trimmed(sentence(start..<line.upperBound))
    // "The answer is 42!" is no factorial.
    if let last = sentence.last, text[last] == UInt8(ascii: "!") { sentence = sentence.lowerBound..<last }
    if let found = judged(sentence, isPlain: true) { return found }
    if text.first(" not ", in: line) == nil, let found = lastFormula(sentence) { return found }
    guard let token = NumberScanner(text: text).stated(in: line) else { return nil }
    guard token.number != nil else { return Judgement(isRight: false, span: text[token.range]) }
    return judged(token.range, isPlain: true)
  }
}
