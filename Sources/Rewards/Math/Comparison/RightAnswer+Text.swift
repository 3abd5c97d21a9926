/// Readings of a span that need no parser.
extension RightAnswer {
  /// A span that is one number and nothing else.
  static func plainNumber(_ text: [UInt8], _ range: Range<Int>) -> ExactNumber? {
    let reader = NumberReader(text: text, end: range.upperBound, loose: true)
    guard case .number(let number, let stop) = reader.value(at: range.lowerBound), reader.space(stop) == range.upperBound
    else { return nil }
    return number
  }

  /// Without white space, emphasis, quotation marks and closing punctuation at its ends.
  static func undecorated(_ text: [UInt8], _ range: Range<Int>) -> Range<Int> {
    var (start, end) = (range.lowerBound, range.upperBound)
    while start < end, isSpace(text[start]) || "*_`\"'~".utf8.contains(text[start]) { start += 1 }
    while end > start {
      let byte = text[end - 1]
      guard isSpace(byte) || "*_`\"'.,;:?".utf8.contains(byte) else { break }
      // "0.333..." keeps its dots, "\," its comma.
      if byte == UInt8(ascii: "."), end - start > 5, text.has("...", at: end - 3, end: end) { break }
      if end - 1 > start, text[end - 2] == UInt8(ascii: "\\") { break }
      end -= 1
    }
    return start..<end
  }

  static func isCollection(_ kind: MathTree.Kind) -> Bool {
    switch kind {
    case .list, .set, .bracket, .union: true
    default: false
    }
  }

  /// The letters outside of commands and of text, as ``MathLexer/bit(_:)``.
  static func letters(_ text: [UInt8]) -> UInt64 {
    let reader = NumberReader(text: text, end: text.count, loose: true)
    var (result, index): (UInt64, Int) = (0, 0)
    while index < text.count {
      if text[index] == UInt8(ascii: "\\") {
        if let open = reader.groupCommand(at: index), !text.has("\\boxed", at: index, end: text.count) {
          index = text.first("}", in: open..<text.count) ?? text.count
          continue
        }
        index += 1
        while index < text.count, isLetter(text[index]) { index += 1 }
        continue
      }
      if isLetter(text[index]) { result |= MathLexer.bit(text[index]) }
      index += 1
    }
    return result
  }

  /// The letter of a choice: A, (A), A., A: and, where it may have its value behind it, (A) 5 and A) 5.
  static func choice(_ canonical: [UInt8], mayHaveValue: Bool) -> UInt8? {
    var index = 0
    for word: StaticString in ["option", "choice"] where canonical.hasFolded(word, at: 0, end: canonical.count) {
      index = 6
    }
    var isOpen = false
    while index < canonical.count, canonical[index] == UInt8(ascii: "(") || canonical[index] == UInt8(ascii: "{") {
      isOpen = true
      index += 1
    }
    guard index < canonical.count, (UInt8(ascii: "A")...UInt8(ascii: "J")).contains(canonical[index]) else { return nil }
    let letter = canonical[index]
    guard index + 1 < canonical.count else { return letter }
    switch canonical[index + 1] {
    case UInt8(ascii: ")"), UInt8(ascii: "}"): return mayHaveValue || index + 2 == canonical.count ? letter : nil
    case UInt8(ascii: "."), UInt8(ascii: ":"): return mayHaveValue && !isOpen ? letter : nil
    default: return nil
    }
  }

  /// The number of tokens of a choice's letter before its value: `\textbf{(A)}\ 5`.
  static func choicePrefix(_ tokens: [MathToken], _ text: [UInt8]) -> Int {
    var index = tokens.first?.kind == .symbol(.openBrace) ? 1 : 0
    guard index + 3 < tokens.count, tokens[index].kind == .symbol(.openRound),
      case .letter(let letter) = tokens[index + 1].kind, (UInt8(ascii: "A")...UInt8(ascii: "E")).contains(letter),
      tokens[index + 2].kind == .symbol(.closeRound)
    else { return 0 }
    index += 3
    if tokens[index].kind == .symbol(.closeBrace) { index += 1 }
    return index < tokens.count && tokens[index].isSpaced ? index : 0
  }

  /// Words for an equation without solutions.
  static func saysNothing(_ canonical: [UInt8]) -> Bool {
    let ways: Set<String> = [
      "nosolution", "nosolutions", "none", "empty", "emptyset", "theemptyset", "norealsolution", "norealsolutions",
      "therearenosolutions", "thereisnosolution",
    ]
    return canonical.count <= 30 && ways.contains(String(decoding: canonical.map(lowercased), as: UTF8.self))
  }

  /// "3,14" with a point; nil for anything else.
  static func decimalComma(_ text: [UInt8], _ range: Range<Int>) -> [UInt8]? {
    guard range.count <= 40, let comma = text[range].firstIndex(of: UInt8(ascii: ",")), comma + 1 < range.upperBound,
      isDigit(text[comma + 1]), comma > range.lowerBound, isDigit(text[comma - 1])
    else { return nil }
    let isNumber = range.allSatisfy { place in
      place == comma || isDigit(text[place]) || (place == range.lowerBound && text[place] == UInt8(ascii: "-"))
    }
    guard isNumber else { return nil }
    var result = Array(text[range])
    result[comma - range.lowerBound] = UInt8(ascii: ".")
    return result
  }

  /// The text without white space, `$`, and the names of commands that only set text.
  static func canonical(_ text: [UInt8], _ range: Range<Int>) -> [UInt8] {
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
