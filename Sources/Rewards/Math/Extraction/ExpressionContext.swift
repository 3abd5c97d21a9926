/// Whether a number in prose stands alone or is a part of something: the last number of "40 + 2" is no answer, neither
/// is one of "5 or 6".
struct ExpressionContext {
  let text: [UInt8]
  /// Nothing before `floor` and nothing at or after `end` is looked at.
  let floor: Int
  let end: Int

  /// How far the neighbourhood of a number reaches, in bytes.
  private static let reach = 64

  /// Words that join a number to another one.
  private static let joiners: [StaticString] = [
    "or", "and", "plus", "minus", "times", "over", "divided by", "multiplied by",
  ]

  /// Whether an operator stands before the number that begins at `start`.
  func isPrecededByOperator(at start: Int, isFraction: Bool) -> Bool {
    let limit = max(floor, start - Self.reach)
    var index = start
    var isAdjacent = true
    var crossedBracket = false
    while index > limit {
      index -= 1
      let byte = text[index]
      switch byte {
      case _ where isSpace(byte): isAdjacent = false
      case UInt8(ascii: "("), UInt8(ascii: "{"), UInt8(ascii: "["):
        crossedBracket = true
        // A call, "f(5)"; but \text{5} and the like are told apart below.
        if byte == UInt8(ascii: "("), index > limit, isLetter(text[index - 1]) { return !isCommand(endingAt: index) }
      case UInt8(ascii: "$"), UInt8(ascii: "\""), UInt8(ascii: "`"): break
      case UInt8(ascii: "'"): if index > limit, isDigit(text[index - 1]) { return true }
      case UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "^"), UInt8(ascii: "-"), UInt8(ascii: "%"): return true
      case UInt8(ascii: "*"), UInt8(ascii: "_"):
        let first = beginning(of: index) { $0 == byte }
        guard isAdjacent else { return !isLineStart(first) }
        if first > limit, isOperandEnd(text[first - 1]) { return true }
        index = first
      case UInt8(ascii: ":"): return isAdjacent && index > limit && isDigit(text[index - 1])
      case UInt8(ascii: "}"), UInt8(ascii: ")"): return isAdjacent || crossedBracket
      case _ where isDigit(byte): return isFraction || crossedBracket || isScript(endingAt: index)
      case _ where isLetter(byte):
        if isCommand(endingAt: index + 1) { return true }
        let first = beginning(of: index, where: isLetter)
        guard first > floor, text[first - 1] == UInt8(ascii: "\\") else { return isJoiner(endingAt: index + 1) }
        index = first - 1
      default: return isSignEnd(index)
      }
    }
    // So many brackets that their beginning is out of reach.
    return crossedBracket && index > floor
  }

  /// Whether an operator or a joining word and another operand stand behind the number that ends at `stop`.
  func isFollowedByOperator(at stop: Int) -> Bool {
    let limit = min(end, stop + Self.reach)
    var index = stop
    while index < limit {
      let byte = text[index]
      switch byte {
      case _ where isSpace(byte): index += 1
      case UInt8(ascii: ")"), UInt8(ascii: "}"), UInt8(ascii: "]"), UInt8(ascii: "$"), UInt8(ascii: "\""),
        UInt8(ascii: "`"):
        index += 1
      case UInt8(ascii: "'"):
        if index + 1 < limit, isDigit(text[index + 1]) { return true }
        index += 1
      case UInt8(ascii: "^"): return true
      case UInt8(ascii: "_"): return index == stop && index + 1 < limit && isOperandStart(text[index + 1])
      case UInt8(ascii: "*"):
        var behind = index
        while behind < limit, text[behind] == byte { behind += 1 }
        let operand = text.skippingSpace(behind, end: limit)
        // "**42** and" closes bold; "6 * 7" and "6**7" multiply.
        guard operand < limit, isOperandStart(text[operand]) else { return false }
        return index > stop || operand == behind || isDigit(text[operand])
      case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "/"): return isOperator(at: index, limit)
      case UInt8(ascii: ":"): return index == stop && index + 1 < limit && isDigit(text[index + 1])
      case UInt8(ascii: "\\"):
        var last = index + 1
        while last < limit, isLetter(text[last]) { last += 1 }
        return last > index + 1 && isCommand(endingAt: last)
      case _ where isLetter(byte): return isJoiner(at: index, limit)
      default: return isSign(at: index, limit)
      }
    }
    return false
  }

  /// Whether the +, - or / at `index` has an operand behind it (a hyphen has a word).
  private func isOperator(at index: Int, _ limit: Int) -> Bool {
    let operand = text.skippingSpace(index + 1, end: limit)
    guard operand < limit else { return false }
    if isOperandStart(text[operand]) { return true }
    let isVariable = isLetter(text[operand]) && (operand + 1 == limit || !isLetter(text[operand + 1]))
    return isVariable && text[index] != UInt8(ascii: "-")
  }

  /// A joining word (or the letter x as a sign) at `index`, with digits behind it.
  private func isJoiner(at index: Int, _ limit: Int) -> Bool {
    let words = Self.joiners + ["x"]
    return words.contains { word in
      guard text.hasFolded(word, at: index, end: limit) else { return false }
      let next = index + word.utf8CodeUnitCount
      let operand = text.skippingSpace(next, end: limit)
      return operand > next && operand < limit && (isDigit(text[operand]) || text[operand] == UInt8(ascii: "$"))
    }
  }

  /// A joining word that ends at `stop`, with a number before it; "minus" and "negative" need none.
  private func isJoiner(endingAt stop: Int) -> Bool {
    for word in Self.joiners + ["minus", "negative", "x"] {
      let first = stop - word.utf8CodeUnitCount
      guard first >= floor, text.hasFolded(word, at: first, end: stop) else { continue }
      guard first == floor || !isLetter(text[first - 1]) else { continue }
      if word.utf8CodeUnitCount >= 5, text.hasFolded("minus", at: first, end: stop) { return true }
      if text.hasFolded("negative", at: first, end: stop) { return true }
      var before = first
      while before > floor, isSpace(text[before - 1]) || text[before - 1] == UInt8(ascii: "$") { before -= 1 }
      return before > floor && before < first && isOperandEnd(text[before - 1]) && !isLetter(text[before - 1])
    }
    return false
  }

  private func beginning(of index: Int, where holds: (UInt8) -> Bool) -> Int {
    var first = index
    while first > floor, holds(text[first - 1]) { first -= 1 }
    return first
  }

  private func isOperandEnd(_ byte: UInt8) -> Bool {
    isDigit(byte) || isLetter(byte) || byte == UInt8(ascii: ")") || byte == UInt8(ascii: "}")
  }

  private func isOperandStart(_ byte: UInt8) -> Bool {
    isDigit(byte) || byte == UInt8(ascii: "(") || byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "{")
  }

  private func isLineStart(_ index: Int) -> Bool {
    let first = beginning(of: index) { $0 == 0x20 || $0 == 0x09 }
    return first == floor || text[first - 1] == 0x0A
  }

  /// Whether the digits that end at `index` are a subscript or an exponent.
  private func isScript(endingAt index: Int) -> Bool {
    let first = beginning(of: index, where: isDigit)
    return first > floor && (text[first - 1] == UInt8(ascii: "_") || text[first - 1] == UInt8(ascii: "^"))
  }

  /// Whether the letters before `stop` are a LaTeX command that does more than space or set text.
  private func isCommand(endingAt stop: Int) -> Bool {
    let first = beginning(of: stop, where: isLetter)
    guard first > floor, first < stop, text[first - 1] == UInt8(ascii: "\\") else { return false }
    let neutral: [StaticString] = [
      "left", "right", "displaystyle", "quad", "qquad", "text", "textbf", "mathbf", "mathrm", "boxed", "fbox", "mbox",
      "dots", "ldots",
    ]
    return !neutral.contains { $0.utf8CodeUnitCount == stop - first && text.has($0, at: first, end: stop) }
  }

  /// Whether a sign beyond ASCII (× ÷ · ⋅ − –) ends at `index`, or begins there.
  private func isSignEnd(_ index: Int) -> Bool {
    (index - 1 >= floor && isSign(at: index - 1, index + 1)) || (index - 2 >= floor && isSign(at: index - 2, index + 1))
  }

  private func isSign(at index: Int, _ limit: Int) -> Bool {
    let signs: [StaticString] = ["\u{D7}", "\u{F7}", "\u{B7}", "\u{2212}", "\u{2013}", "\u{22C5}"]
    return signs.contains { text.has($0, at: index, end: limit) }
  }
}
