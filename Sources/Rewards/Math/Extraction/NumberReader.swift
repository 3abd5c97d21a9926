/// Reads one number at a place of a text: integers, decimals, thousands groups, a/b, `\frac{a}{b}`, signs, percent.
///
///     value    = [sign] term [percent]
///     term     = atom [ "/" atom ]
///     atom     = literal | fraction, and in `loose` reading also "(" value ")" | "{" value "}" | \text{ value }
///     fraction = (\frac | \dfrac | \tfrac | \cfrac) argument argument
///     argument = "{" value "}" | digit
///     literal  = digits [ "." digits ] | "." digits | groups of three digits behind "," or "{,}" [ "." digits ]
///
/// Everything is linear: no backtracking beyond a few bytes, and nesting ends at ``depthLimit``.
struct NumberReader {
  let text: [UInt8]
  /// Nothing at or after this index is read.
  let end: Int
  /// Whole answers (a box, a tag, a text that is nothing but a number) may hold brackets, white space and LaTeX
  /// spacing between the parts, and spaces between groups of three digits; numbers inside of prose may not.
  let loose: Bool

  /// Deeper brackets make no answer.
  static let depthLimit = 8

  enum Result: Equatable {
    case number(ExactNumber, end: Int)
    /// Digits that are no number as they stand ("1,23", "1.2.3"); `end` is behind them.
    case malformed(end: Int)
    case none
  }

  /// Reads a value that begins exactly at `start` (in loose reading, after white space).
  func value(at start: Int, depth: Int = 0) -> Result {
    guard depth < Self.depthLimit else { return .none }
    var index = space(start)
    var negative = false
    if let (minus, next) = sign(at: index) {
      negative = minus
      index = space(next)
    }
    let unsigned = term(at: index, depth: depth)
    guard case .number(var number, var stop) = unsigned else { return unsigned }
    if let next = percent(at: stop) {
      number.percent = true
      stop = next
    }
    if negative { number.negative = !number.negative && !number.top.isZero }
    return .number(number, end: stop)
  }

  /// A plus or minus sign (also U+2212 and the en dash) and where it ends.
  func sign(at index: Int) -> (minus: Bool, end: Int)? {
    guard index < end else { return nil }
    switch text[index] {
    case UInt8(ascii: "-"): return (true, index + 1)
    case UInt8(ascii: "+"): return (false, index + 1)
    case 0xE2 where text.has("\u{2212}", at: index, end: end) || text.has("\u{2013}", at: index, end: end):
      return (true, index + 3)
    default: return nil
    }
  }

  private func term(at start: Int, depth: Int) -> Result {
    let first = atom(at: start, depth: depth)
    guard case .number(let top, let stop) = first else { return first }
    let slash = space(stop)
    guard slash < end, text[slash] == UInt8(ascii: "/") else { return first }
    let next = text.skippingSpace(space(slash + 1), end: end)
    guard next < end, isDigit(text[next]) || (loose && text[next] == UInt8(ascii: "(")) else { return first }
    switch atom(at: next, depth: depth) {
    case .number(let bottom, let stop):
      guard let quotient = top.divided(by: bottom) else { return .malformed(end: stop) }
      return .number(quotient, end: stop)
    case let other: return other == .none ? first : other
    }
  }

  private func atom(at start: Int, depth: Int) -> Result {
    guard start < end else { return .none }
    let byte = text[start]
    if isDigit(byte) || (byte == UInt8(ascii: ".") && start + 1 < end && isDigit(text[start + 1])) {
      return literal(at: start)
    }
    if byte == UInt8(ascii: "\\") {
      if let after = fractionCommand(at: start) { return fraction(at: after, depth: depth) }
      guard loose, let open = groupCommand(at: start) else { return .none }
      return group(open: open, close: UInt8(ascii: "}"), depth: depth)
    }
    guard loose else { return .none }
    if byte == UInt8(ascii: "(") { return group(open: start, close: UInt8(ascii: ")"), depth: depth) }
    if byte == UInt8(ascii: "{") { return group(open: start, close: UInt8(ascii: "}"), depth: depth) }
    return .none
  }

  private func group(open: Int, close: UInt8, depth: Int) -> Result {
    guard case .number(let number, let stop) = value(at: open + 1, depth: depth + 1) else { return .none }
    let closing = space(stop)
    guard closing < end, text[closing] == close else { return .none }
    return .number(number, end: closing + 1)
  }

  private func fraction(at start: Int, depth: Int) -> Result {
    guard case .number(let top, let middle) = argument(at: start, depth: depth),
      case .number(let bottom, let stop) = argument(at: middle, depth: depth)
    else { return .none }
    guard let quotient = top.divided(by: bottom) else { return .malformed(end: stop) }
    return .number(quotient, end: stop)
  }

  private func argument(at start: Int, depth: Int) -> Result {
    let index = text.skippingSpace(start, end: end)
    guard index < end else { return .none }
    if isDigit(text[index]) {
      let digit = DecimalDigits([text[index] - 0x30], exponent: 0)
      return .number(ExactNumber(negative: false, top: digit), end: index + 1)
    }
    guard text[index] == UInt8(ascii: "{") else { return .none }
    let inner = NumberReader(text: text, end: end, loose: true)
    return inner.group(open: index, close: UInt8(ascii: "}"), depth: depth)
  }

  /// "%", "\%" or " percent" behind a number.
  private func percent(at start: Int) -> Int? {
    if text.has("%", at: start, end: end) { return start + 1 }
    if text.has("\\%", at: start, end: end) { return start + 2 }
    let index = text.skippingSpace(start, end: end)
    guard index > start else { return nil }
    if text.has("%", at: index, end: end) { return index + 1 }
    if text.has("\\%", at: index, end: end) { return index + 2 }
    return text.hasFolded("percent", at: index, end: end) ? index + 7 : nil
  }
}
