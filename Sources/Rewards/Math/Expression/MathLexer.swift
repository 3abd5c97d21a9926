/// Cuts an answer into tokens: one pass, linear. Spacing, sizes, `$`, quotation marks and closing punctuation vanish.
struct MathLexer {
  let text: [UInt8]
  let end: Int
  /// Whether a comma may group digits outside of brackets: not where the right answer is a tuple, list or set.
  let groupsByComma: Bool
  /// Letters that the right answer uses as variables, as bits: runs of them are products, others are words.
  let variables: UInt64

  private(set) var tokens: [MathToken] = []
  var numbers: [ExactNumber] = []
  /// Open (, [ and \{: inside of them commas separate.
  private var depth = 0
  private var isSpaced = false

  /// Longer answers are not parsed.
  static let tokenLimit = 600

  init(_ text: [UInt8], _ range: Range<Int>, groupsByComma: Bool, variables: UInt64) {
    self.text = text
    end = range.upperBound
    self.groupsByComma = groupsByComma
    self.variables = variables
    tokens.reserveCapacity(min(range.count, 32))
    var index = range.lowerBound
    while index < end, tokens.count <= Self.tokenLimit { index = lex(at: index) }
  }

  var isTooLong: Bool { tokens.count > Self.tokenLimit }

  /// The bit of a letter in ``variables``.
  static func bit(_ letter: UInt8) -> UInt64 {
    1 << UInt64(letter >= 0x61 ? Int(letter) - 0x61 + 26 : Int(letter) - 0x41)
  }

  private mutating func add(_ kind: MathToken.Kind, _ range: Range<Int>) {
    tokens.append(MathToken(kind: kind, range: range, isSpaced: isSpaced))
    isSpaced = false
  }

  private mutating func add(_ symbol: MathToken.Symbol, _ start: Int, _ count: Int) -> Int {
    switch symbol {
    case .openRound, .openSquare, .openSet: depth += 1
    case .closeRound, .closeSquare, .closeSet: depth = max(0, depth - 1)
    default: break
    }
    add(.symbol(symbol), start..<(start + count))
    return start + count
  }

  /// Reads what stands at `index` and returns where the next token may begin.
  private mutating func lex(at index: Int) -> Int {
    let byte = text[index]
    let next = index + 1 < end ? text[index + 1] : 0
    if isDigit(byte) || (byte == UInt8(ascii: ".") && isDigit(next)) {
      let reader = LiteralReader(text: text, end: end, groupsByComma: groupsByComma && depth == 0)
      let (number, stop) = reader.literal(at: index)
      numbers.append(number)
      add(.number(numbers.count - 1), index..<stop)
      return stop
    }
    if isLetter(byte) { return word(at: index) }
    if isSpace(byte) || byte == UInt8(ascii: "$") || byte == UInt8(ascii: "~") {
      isSpaced = true
      return index + 1
    }
    switch byte {
    case UInt8(ascii: "\\"): return command(at: index)
    case UInt8(ascii: "*"): return next == byte ? add(.power, index, 2) : add(.times, index, 1)
    case UInt8(ascii: "^"):
      let stop = degree(at: index)
      return stop > index ? add(.degree, index, stop - index) : add(.power, index, 1)
    case UInt8(ascii: "!") where next == UInt8(ascii: "="): return relation(.unequal, index, 2)
    case UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "="): return comparison(byte, next, at: index)
    case UInt8(ascii: "."), UInt8(ascii: "?"), UInt8(ascii: "\""), UInt8(ascii: "`"): return index + 1
    case UInt8(ascii: "'"):
      if case .letter = tokens.last?.kind { add(.unknown, index..<index + 1) }
      return index + 1
    default: break
    }
    guard let symbol = Self.symbol(byte) else {
      add(.unknown, index..<index + 1)
      return index + 1
    }
    return add(symbol, index, 1)
  }

  private static func symbol(_ byte: UInt8) -> MathToken.Symbol? {
    switch byte {
    case UInt8(ascii: "+"): .plus
    case UInt8(ascii: "-"): .minus
    case UInt8(ascii: "/"): .divide
    case UInt8(ascii: "("): .openRound
    case UInt8(ascii: ")"): .closeRound
    case UInt8(ascii: "["): .openSquare
    case UInt8(ascii: "]"): .closeSquare
    case UInt8(ascii: "{"): .openBrace
    case UInt8(ascii: "}"): .closeBrace
    case UInt8(ascii: ","): .comma
    case UInt8(ascii: ";"): .semicolon
    case UInt8(ascii: ":"): .colon
    case UInt8(ascii: "|"): .bar
    case UInt8(ascii: "_"): .subscripted
    case UInt8(ascii: "!"): .bang
    case UInt8(ascii: "%"): .percent
    case UInt8(ascii: "&"): .ampersand
    default: nil
    }
  }

  private mutating func relation(_ relation: MathRelation, _ index: Int, _ count: Int) -> Int {
    add(.relation(relation), index..<(index + count))
    return index + count
  }

  private mutating func comparison(_ byte: UInt8, _ next: UInt8, at index: Int) -> Int {
    let isWide = next == UInt8(ascii: "=")
    switch byte {
    case UInt8(ascii: "="): return relation(.equal, index, isWide ? 2 : 1)
    case UInt8(ascii: ">"): return relation(isWide ? .greaterOrEqual : .greater, index, isWide ? 2 : 1)
    default:
      // A special token, such as <|im_end|>.
      if next == UInt8(ascii: "|"), let close = text.first("|>", in: index..<min(end, index + 40)) { return close + 2 }
      return relation(isWide ? .lessOrEqual : .less, index, isWide ? 2 : 1)
    }
  }

  /// Behind `^\circ` or `^{\circ}` at `index`; `index` where there is none.
  private func degree(at index: Int) -> Int {
    let start = text.skippingSpace(index + 1, end: end)
    if text.has("\\circ", at: start, end: end) { return start + 5 }
    guard text.has("{", at: start, end: end) else { return index }
    let inner = text.skippingSpace(start + 1, end: end)
    guard text.has("\\circ", at: inner, end: end) else { return index }
    let close = text.skippingSpace(inner + 5, end: end)
    return text.has("}", at: close, end: end) ? close + 1 : index
  }

  /// A run of letters: a name that means something, the variables of the right answer, or a word.
  private mutating func word(at start: Int) -> Int {
    var stop = start
    var unknown: UInt64 = 0
    while stop < end, isLetter(text[stop]) {
      unknown |= Self.bit(text[stop])
      stop += 1
    }
    unknown &= ~variables
    if stop - start == 1 {
      letter(at: start)
      return stop
    }
    if stop - start <= 8, let kind = MathToken.words[name(start..<stop, folded: true)] {
      add(kind, start..<stop)
    } else if unknown == 0 {
      for index in start..<stop { add(.letter(text[index]), index..<index + 1) }
    } else {
      add(.word, start..<stop)
    }
    return stop
  }

  /// One letter; x between numbers is a multiplication sign.
  private mutating func letter(at index: Int) {
    if text[index] == UInt8(ascii: "x"), variables & Self.bit(text[index]) == 0, isSpaced,
      case .number = tokens.last?.kind, index + 2 < end, isSpace(text[index + 1]), isDigit(text[index + 2])
    {
      add(.symbol(.times), index..<index + 1)
    } else {
      add(.letter(text[index]), index..<index + 1)
    }
  }

  private func name(_ range: Range<Int>, folded: Bool = false) -> String {
    String(decoding: folded ? text[range].map(lowercased) : Array(text[range]), as: UTF8.self)
  }
}

/// Commands.
extension MathLexer {
  private mutating func command(at index: Int) -> Int {
    guard index + 1 < end else { return end }
    var stop = index + 1
    while stop < end, isLetter(text[stop]) { stop += 1 }
    guard stop > index + 1 else { return sign(at: index) }
    guard stop - index <= 16 else {
      add(.unknown, index..<stop)
      return stop
    }
    let name = name((index + 1)..<stop)
    if let kind = MathToken.commands[name] {
      add(kind, index..<stop)
      return stop
    }
    if MathToken.neutral.contains(name) {
      isSpaced = true
      let isEmptySide = (name == "left" || name == "right") && text.has(".", at: stop, end: end)
      return isEmptySide ? stop + 1 : stop
    }
    if MathToken.texts.contains(name) { return textGroup(behind: stop) }
    if name == "begin" || name == "end" { return environment(name, index, stop) }
    if name == "circ" { return add(.degree, index, 5) }
    add(.unknown, index..<stop)
    return stop
  }

  /// A backslash and one sign.
  private mutating func sign(at index: Int) -> Int {
    switch text[index + 1] {
    case UInt8(ascii: "{"): return add(.openSet, index, 2)
    case UInt8(ascii: "}"): return add(.closeSet, index, 2)
    case UInt8(ascii: "%"): return add(.percent, index, 2)
    case UInt8(ascii: "|"): return add(.bar, index, 2)
    case UInt8(ascii: "\\"): return add(.row, index, 2)
    default:
      isSpaced = true
      return index + 2
    }
  }

  /// The words of `\text{…}` as one token; contents that are more than words are read as if the command were not there.
  private mutating func textGroup(behind start: Int) -> Int {
    let open = text.skippingSpace(start, end: end)
    guard open < end, text[open] == UInt8(ascii: "{") else { return start }
    var stop = open + 1
    while stop < end, isLetter(text[stop]) || isSpace(text[stop]) || text[stop] == UInt8(ascii: "-") { stop += 1 }
    guard stop < end, text[stop] == UInt8(ascii: "}") else {
      isSpaced = true
      return open
    }
    let content = text.trimmed((open + 1)..<stop)
    isSpaced = true
    if content.count <= 8, content.count > 1, let kind = MathToken.words[name(content, folded: true)] {
      add(kind, content)
    } else if !content.isEmpty {
      add(.word, content)
    }
    isSpaced = true
    return stop + 1
  }

  /// `\begin{pmatrix}` and its kind; other environments mean nothing.
  private mutating func environment(_ name: String, _ start: Int, _ stop: Int) -> Int {
    guard stop < end, text[stop] == UInt8(ascii: "{"),
      let close = text.first("}", in: stop..<min(end, stop + 20))
    else {
      add(.unknown, start..<stop)
      return stop
    }
    if text.first("matrix", in: stop..<close) != nil {
      add(.symbol(name == "begin" ? .openMatrix : .closeMatrix), start..<(close + 1))
    }
    return close + 1
  }
}
