extension NumberReader {
  /// Digits with groups and a decimal point; `start` is a digit, or a point before one.
  func literal(at start: Int) -> Result {
    var digits: [UInt8] = []
    var index = text.digits(at: start, end: end, into: &digits)
    var isGrouped = false
    if digits.count <= 3, !digits.isEmpty {
      while let next = groupSeparator(at: index), threeDigits(at: next) {
        index = text.digits(at: next, end: end, into: &digits)
        isGrouped = true
      }
    }
    // A comma between digits that is no thousands separator, or a group of another length: "1,23", "123,4567".
    if let next = comma(at: index), next < end, isDigit(text[next]) { return .malformed(end: skipRun(next)) }
    let whole = digits.count
    if index + 1 < end, text[index] == UInt8(ascii: "."), isDigit(text[index + 1]) {
      index = text.digits(at: index + 1, end: end, into: &digits)
      let again = index < end && (text[index] == UInt8(ascii: ".") || text[index] == UInt8(ascii: ","))
      if again, index + 1 < end, isDigit(text[index + 1]) { return .malformed(end: skipRun(index)) }
    }
    if isExponent(at: index) { return .malformed(end: skipRun(index + 1)) }
    if isGrouped && digits[0] == 0 { return .malformed(end: index) }
    let number = DecimalDigits(digits, exponent: whole - digits.count)
    return .number(ExactNumber(negative: false, top: number), end: index)
  }

  /// Behind everything that a malformed number may be made of.
  private func skipRun(_ start: Int) -> Int {
    var index = start
    while index < end, isDigit(text[index]) || text[index] == UInt8(ascii: ".") || text[index] == UInt8(ascii: ",") {
      index += 1
    }
    return index
  }

  private func comma(at index: Int) -> Int? {
    if text.has("{,}", at: index, end: end) { return index + 3 }
    if text.has(",\\!", at: index, end: end) { return index + 3 }
    return index < end && text[index] == UInt8(ascii: ",") ? index + 1 : nil
  }

  /// Where the next group of three digits would begin.
  private func groupSeparator(at index: Int) -> Int? {
    if let next = comma(at: index) { return next }
    guard index < end else { return nil }
    if groupsBySpace, text[index] == UInt8(ascii: " ") { return index + 1 }
    guard loose else { return nil }
    switch text[index] {
    case UInt8(ascii: " "), UInt8(ascii: "~"): return index + 1
    case UInt8(ascii: "\\"):
      return text.has("\\,", at: index, end: end) || text.has("\\ ", at: index, end: end) ? index + 2 : nil
    case 0xC2: return text.has("\u{A0}", at: index, end: end) ? index + 2 : nil
    case 0xE2: return text.has("\u{202F}", at: index, end: end) ? index + 3 : nil
    default: return nil
    }
  }

  private func threeDigits(at index: Int) -> Bool {
    guard index + 3 <= end, isDigit(text[index]), isDigit(text[index + 1]), isDigit(text[index + 2]) else {
      return false
    }
    return index + 3 == end || !isDigit(text[index + 3])
  }

  /// Scientific notation is not read, and must not be read as its mantissa.
  private func isExponent(at index: Int) -> Bool {
    guard index + 1 < end, text[index] | 0x20 == UInt8(ascii: "e") else { return false }
    let next = text[index + 1]
    let isSigned = next == UInt8(ascii: "-") || next == UInt8(ascii: "+")
    return isDigit(next) || (isSigned && index + 2 < end && isDigit(text[index + 2]))
  }
}

/// LaTeX around numbers.
extension NumberReader {
  /// The index behind white space; in loose reading also behind LaTeX spacing, `$`, `\left`, `\right`, `\displaystyle`.
  func space(_ start: Int) -> Int {
    guard loose else { return start }
    var index = start
    while index < end {
      let byte = text[index]
      if isSpace(byte) || byte == UInt8(ascii: "$") || byte == UInt8(ascii: "~") {
        index += 1
      } else if byte == UInt8(ascii: "\\"), let next = spacing(at: index) {
        index = next
      } else {
        break
      }
    }
    return index
  }

  private func spacing(at index: Int) -> Int? {
    if index + 1 < end, let next = Optional(text[index + 1]) {
      switch next {
      case UInt8(ascii: ","), UInt8(ascii: "!"), UInt8(ascii: ";"), UInt8(ascii: ":"), UInt8(ascii: " "),
        UInt8(ascii: "$"), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "["), UInt8(ascii: "]"):
        return index + 2
      default: break
      }
    }
    return command(at: index, of: ["\\left", "\\right", "\\displaystyle", "\\quad", "\\qquad"])
  }

  /// Behind a fraction command, or nil.
  func fractionCommand(at index: Int) -> Int? {
    guard index + 1 < end, text[index] == UInt8(ascii: "\\") else { return nil }
    switch text[index + 1] {
    case UInt8(ascii: "f"), UInt8(ascii: "d"), UInt8(ascii: "t"), UInt8(ascii: "c"):
      return command(at: index, of: ["\\frac", "\\dfrac", "\\tfrac", "\\cfrac"])
    default: return nil
    }
  }

  /// The opening brace of a command that only sets its content in another face or a box, or nil.
  func groupCommand(at index: Int) -> Int? {
    let names: [StaticString] = ["\\text", "\\textbf", "\\mathbf", "\\mathrm", "\\boxed", "\\fbox", "\\mbox"]
    guard let next = command(at: index, of: names) else { return nil }
    let open = text.skippingSpace(next, end: end)
    return open < end && text[open] == UInt8(ascii: "{") ? open : nil
  }

  /// Behind one of these commands, where no letter follows it.
  private func command(at index: Int, of names: [StaticString]) -> Int? {
    for name in names where text.has(name, at: index, end: end) {
      let next = index + name.utf8CodeUnitCount
      if next == end || !isLetter(text[next]) { return next }
    }
    return nil
  }
}
