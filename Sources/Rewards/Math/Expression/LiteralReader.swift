/// Reads the digits of a number inside of an expression: groups of three, a decimal point, an exponent, a repeating
/// decimal. Always succeeds at a digit, or a point before one.
struct LiteralReader {
  let text: [UInt8]
  let end: Int
  let groupsByComma: Bool

  func literal(at start: Int) -> (number: ExactNumber, end: Int) {
    var digits: [UInt8] = []
    var index = text.digits(at: start, end: end, into: &digits)
    if digits.count <= 3, !digits.isEmpty, digits[0] != 0 { index = groups(at: index, into: &digits) }
    let whole = digits.count
    if index + 1 < end, text[index] == UInt8(ascii: "."), isDigit(text[index + 1]) {
      index = text.digits(at: index + 1, end: end, into: &digits)
    }
    let places = digits.count - whole
    if let (period, stop) = period(of: digits, places: places, at: index) {
      return (repeating(digits, places: places, period), stop)
    }
    var exponent = 0
    if let (value, stop) = scientific(at: index) { (exponent, index) = (value, stop) }
    return (ExactNumber(negative: false, top: DecimalDigits(digits, exponent: exponent - places)), index)
  }

  /// Signs that part groups of three digits. One number uses one of them.
  private static let separators: [StaticString] = [",", "{,}", ",\\!", "\\,", "\\ ", "\\;", "~", " ", "'", "_", "."]

  private func groups(at start: Int, into digits: inout [UInt8]) -> Int {
    for separator in Self.separators where text.has(separator, at: start, end: end) {
      let width = separator.utf8CodeUnitCount
      if width == 1, text[start] == UInt8(ascii: ","), !groupsByComma { continue }
      var index = start
      var count = 0
      while text.has(separator, at: index, end: end), isGroup(at: index + width) {
        index += width + 3
        count += 1
      }
      // One point is a decimal point.
      guard count > (width == 1 && text[start] == UInt8(ascii: ".") ? 1 : 0) else { continue }
      var place = start
      while place < index { place = text.digits(at: place + width, end: end, into: &digits) }
      return index
    }
    return start
  }

  private func isGroup(at index: Int) -> Bool {
    guard index + 3 <= end, isDigit(text[index]), isDigit(text[index + 1]), isDigit(text[index + 2]) else {
      return false
    }
    return index + 3 == end || !isDigit(text[index + 3])
  }

  /// `e-4`, directly behind the digits. Exponents beyond a million are kept at it: no such number is expanded.
  private func scientific(at start: Int) -> (Int, end: Int)? {
    guard start + 1 < end, text[start] | 0x20 == UInt8(ascii: "e") else { return nil }
    var index = start + 1
    let isNegative = text[index] == UInt8(ascii: "-")
    if isNegative || text[index] == UInt8(ascii: "+") { index += 1 }
    guard index < end, isDigit(text[index]) else { return nil }
    var value = 0
    while index < end, isDigit(text[index]) {
      value = min(value * 10 + Int(text[index] - 0x30), 1_000_000)
      index += 1
    }
    if index < end, isLetter(text[index]) { return nil }
    return (isNegative ? -value : value, index)
  }

  /// How many of the last digits repeat: those under `\overline{}`, or, before dots, the shortest block that stands
  /// there at least twice (a single digit: three times).
  private func period(of digits: [UInt8], places: Int, at index: Int) -> (digits: [UInt8], end: Int)? {
    if index < end, text[index] == UInt8(ascii: ".") || text[index] == UInt8(ascii: "\\") {
      let start = text[index] == UInt8(ascii: ".") ? index + 1 : index
      if text.has("\\overline{", at: start, end: end) {
        var block: [UInt8] = []
        let stop = text.digits(at: start + 10, end: end, into: &block)
        guard !block.isEmpty, block.count <= 12, text.has("}", at: stop, end: end) else { return nil }
        return (block, stop + 1)
      }
    }
    for dots: StaticString in ["...", "\\ldots", "\\dots", "\\cdots"] where text.has(dots, at: index, end: end) {
      for length in 1...8 where places >= length * (length == 1 ? 3 : 2) {
        let block = digits.suffix(length)
        guard block.elementsEqual(digits.dropLast(length).suffix(length)) else { continue }
        return (Array(block), index + dots.utf8CodeUnitCount)
      }
    }
    return nil
  }

  /// digits and then the block for ever: (digits · (10^n − 1) + block) / (10^places · (10^n − 1)).
  private func repeating(_ digits: [UInt8], places: Int, _ block: [UInt8]) -> ExactNumber {
    let nines = DecimalDigits(Array(repeating: 9, count: block.count), exponent: 0)
    // digits followed by the block once, minus digits: the numerator without a subtraction of its own below.
    var (longer, carry) = (digits + block, 0)
    for offset in 0..<digits.count {
      let place = longer.count - 1 - offset
      let difference = Int(longer[place]) - Int(digits[digits.count - 1 - offset]) - carry
      carry = difference < 0 ? 1 : 0
      longer[place] = UInt8(difference + 10 * carry)
    }
    var place = longer.count - 1 - digits.count
    while carry > 0, place >= 0 {
      let difference = Int(longer[place]) - carry
      carry = difference < 0 ? 1 : 0
      longer[place] = UInt8(difference + 10 * carry)
      place -= 1
    }
    let top = DecimalDigits(longer, exponent: 0)
    var bottom = nines
    bottom.exponent += places
    return ExactNumber(negative: false, top: top, bottom: bottom)
  }
}
