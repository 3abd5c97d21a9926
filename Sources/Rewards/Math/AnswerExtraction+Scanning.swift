/// Numbers inside of prose.
extension AnswerExtraction {
  /// Something that looks like a number: where it ends, and its value unless it is malformed or part of an expression.
  struct Token {
    let start: Int
    let end: Int
    let number: ExactNumber?
  }

  /// How much of a line behind a mark is searched; keeps texts of nothing but marks linear.
  static let window = 256

  /// The number behind `Answer:` or `####`: what stands there; else what the line is as a whole; else its first number.
  func firstNumber(behind content: Range<Int>) -> ExactNumber? {
    let start = text.skippingSpace(content.lowerBound, end: content.upperBound)
    let reader = NumberReader(text: text, end: content.upperBound, loose: false)
    switch reader.value(at: start) {
    case .number(let number, _): return number
    case .malformed: return nil
    case .none: break
    }
    let line = lineRange(from: start, end: content.upperBound)
    if let number = whole(line) { return number }
    return nextToken(from: start, floor: start, end: line.upperBound)?.number
  }

  /// The number behind a mention of the answer on the same line. The inner nil: a number stands there, but denied or
  /// as a part of an expression.
  func stated(behind place: Int, end: Int) -> (number: ExactNumber?, found: Bool)? {
    let line = lineRange(from: place, end: end)
    var floor = text.skippingSpace(place, end: line.upperBound)
    if floor + 1 < line.upperBound, text[floor] == UInt8(ascii: "-") || text[floor] == UInt8(ascii: "="),
      isSpace(text[floor + 1])
    {
      floor += 1
    }
    guard let token = nextToken(from: floor, floor: floor, end: line.upperBound) else { return nil }
    if text.first(" not ", in: place..<token.start) != nil { return (nil, true) }
    return (token.number, true)
  }

  /// The last number of a range; nil when the last thing that looks like one is malformed or part of an expression.
  func lastNumber(in range: Range<Int>) -> ExactNumber? {
    var last: Token?
    var index = range.lowerBound
    while let token = nextToken(from: index, floor: range.lowerBound, end: range.upperBound) {
      last = token
      index = token.end
    }
    return last?.number
  }

  private func lineRange(from start: Int, end: Int) -> Range<Int> {
    var stop = start
    let limit = min(end, start + Self.window)
    while stop < limit, text[stop] != 0x0A { stop += 1 }
    return start..<max(stop, start)
  }

  /// The next token at or after `index`. Digits that touch a letter before them ("x2", "H2O") and ordinals ("2nd")
  /// are words, not numbers.
  func nextToken(from index: Int, floor: Int, end: Int) -> Token? {
    let reader = NumberReader(text: text, end: end, loose: false)
    var index = index
    while index < end {
      guard let start = begins(at: index, floor: floor, reader) else {
        index += 1
        continue
      }
      if isDigit(text[index]), index > floor, isLetter(text[index - 1]) {
        index = word(from: index, end: end)
        continue
      }
      switch reader.value(at: start) {
      case .none: index += 1
      case .malformed(let stop): return Token(start: start, end: stop, number: nil)
      case .number(let number, let stop):
        let behind = word(from: stop, end: end)
        if isOrdinal(stop..<behind) {
          index = behind
          continue
        }
        let context = ExpressionContext(text: text, floor: floor, end: end)
        let isPart =
          behind - stop == 1 || context.isPrecededByOperator(at: start, isFraction: number.bottom != .one)
          || context.isFollowedByOperator(at: behind)
        return Token(start: start, end: max(behind, stop), number: isPart ? nil : number)
      }
    }
    return nil
  }

  /// Where the number that shows itself at `index` begins: there, unless `index` holds an operator's sign.
  private func begins(at index: Int, floor: Int, _ reader: NumberReader) -> Int? {
    let byte = text[index]
    if isDigit(byte) || byte == UInt8(ascii: ".") || reader.fractionCommand(at: index) != nil { return index }
    guard let (_, next) = reader.sign(at: index), next < reader.end else { return nil }
    guard isDigit(text[next]) || text[next] == UInt8(ascii: ".") || reader.fractionCommand(at: next) != nil else {
      return nil
    }
    // Behind a letter or digit the sign is an operator or a hyphen; the digits come next, as part of an expression.
    var before = index
    while before > floor, isSpace(text[before - 1]) { before -= 1 }
    guard before > floor else { return index }
    let last = text[before - 1]
    let isBinary =
      isDigit(last) || last == UInt8(ascii: ")") || last == UInt8(ascii: "}") || (before == index && isLetter(last))
    return isBinary ? nil : index
  }

  /// Behind the letters and digits at `index`.
  private func word(from index: Int, end: Int) -> Int {
    var index = index
    while index < end, isLetter(text[index]) || isDigit(text[index]) { index += 1 }
    return index
  }

  private func isOrdinal(_ range: Range<Int>) -> Bool {
    guard range.count == 2 else { return false }
    let words: [StaticString] = ["st", "nd", "rd", "th"]
    return words.contains { text.hasFolded($0, at: range.lowerBound, end: range.upperBound) }
  }
}
