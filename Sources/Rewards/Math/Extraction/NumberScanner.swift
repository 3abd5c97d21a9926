/// Numbers inside of prose.
struct NumberScanner {
  let text: [UInt8]

  /// Something that looks like a number: where it is, and whether it stands for itself: not malformed and no part of an
  /// expression or of a choice.
  struct Token {
    let start: Int
    let end: Int
    let number: ExactNumber?

    var range: Range<Int> { start..<end }
  }

  /// The number behind a mention of the answer on the same line; one that is denied has no value.
  func stated(in line: Range<Int>) -> Token? {
    var floor = text.skippingSpace(line.lowerBound, end: line.upperBound)
    if floor + 1 < line.upperBound, text[floor] == UInt8(ascii: "-") || text[floor] == UInt8(ascii: "="),
      isSpace(text[floor + 1])
    {
      floor += 1
    }
    guard let token = nextToken(from: floor, floor: floor, end: line.upperBound) else { return nil }
    let isDenied = text.first(" not ", in: line.lowerBound..<token.start) != nil
    return isDenied ? Token(start: token.start, end: token.end, number: nil) : token
  }

  /// The last thing of a range that looks like a number.
  func last(in range: Range<Int>) -> Token? {
    var last: Token?
    var index = range.lowerBound
    while let token = nextToken(from: index, floor: range.lowerBound, end: range.upperBound) {
      last = token
      index = token.end
    }
    return last
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
