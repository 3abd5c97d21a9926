import Formats

/// Reads the tokens of expressions: names, numbers, strings and operators, as Jinja's lexer does.
struct JinjaTokenReader {
  private let source: JinjaSource
  private(set) var position: Int

  private static let symbols = [
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}",
    ">", "<", "=", ".",
    ":", "|", ",", ";",
  ]

  init(_ source: JinjaSource, _ position: Int) {
    self.source = source
    self.position = position
  }

  private var bytes: [UInt8] { source.bytes }

  private func byte(_ offset: Int) -> UInt8 { offset < bytes.count ? bytes[offset] : 0 }

  mutating func skipSpace() { position = source.endOfSpace(position) }

  /// The token at `position`, which must be inside of the text.
  mutating func next() throws -> JinjaToken {
    let start = position
    let first = byte(start)
    if Self.isNameStart(first) {
      while Self.isNameStart(byte(position)) || Self.isDigit(byte(position)) { position += 1 }
      return JinjaToken(kind: .name, text: text(start..<position), offset: start)
    }
    if Self.isDigit(first) { return try number() }
    if first == UInt8(ascii: "'") || first == UInt8(ascii: "\"") { return try string(quote: first) }
    for symbol in Self.symbols where bytes[start...].starts(with: symbol.utf8) {
      position += symbol.utf8.count
      return JinjaToken(kind: .symbol, text: symbol, offset: start)
    }
    let rest = String(decoding: bytes[start...].prefix(4), as: UTF8.self)
    throw source.fault(
      start, "unexpected character \"\(rest.unicodeScalars.first.map(String.init) ?? "")\"")
  }

  private func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  private static func isNameStart(_ byte: UInt8) -> Bool {
    let lower = byte | 0x20
    return (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(lower) || byte == UInt8(ascii: "_")
  }

  private mutating func digits() {
    while Self.isDigit(byte(position))
      || (byte(position) == UInt8(ascii: "_") && Self.isDigit(byte(position + 1)))
    {
      position += 1
    }
  }

  /// `0x1f`, `0o17`, `0b11`; nil if it is none of them.
  private mutating func prefixedNumber() throws -> JinjaToken? {
    let start = position
    let radixes: [UInt8: Int] = [UInt8(ascii: "x"): 16, UInt8(ascii: "o"): 8, UInt8(ascii: "b"): 2]
    guard byte(start) == UInt8(ascii: "0"), let radix = radixes[byte(start + 1) | 0x20] else { return nil }
    position += 2
    while Self.isNameStart(byte(position)) || Self.isDigit(byte(position)) { position += 1 }
    let digits = bytes[(start + 2)..<position].filter { $0 != UInt8(ascii: "_") }
    guard let value = Int(String(decoding: digits, as: UTF8.self), radix: radix) else {
      throw source.fault(start, "expected a number that fits 64 bits")
    }
    return JinjaToken(kind: .integer(value), text: text(start..<position), offset: start)
  }

  private mutating func number() throws -> JinjaToken {
    if let number = try prefixedNumber() { return number }
    let start = position
    digits()
    var isFloat = false
    if byte(position) == UInt8(ascii: "."), Self.isDigit(byte(position + 1)) {
      isFloat = true
      position += 1
      digits()
    }
    if byte(position) | 0x20 == UInt8(ascii: "e") {
      let sign =
        byte(position + 1) == UInt8(ascii: "+") || byte(position + 1) == UInt8(ascii: "-") ? 1 : 0
      if Self.isDigit(byte(position + 1 + sign)) {
        isFloat = true
        position += 1 + sign
        digits()
      }
    }
    let digits = String(
      decoding: bytes[start..<position].filter { $0 != UInt8(ascii: "_") }, as: UTF8.self)
    if isFloat, let value = Double(digits) {
      return JinjaToken(kind: .float(value), text: digits, offset: start)
    }
    let hasLeadingZero = digits.utf8.count > 1 && digits.utf8.first == UInt8(ascii: "0")
    guard !Self.isNameStart(byte(position)), !hasLeadingZero, let value = Int(digits) else {
      throw source.fault(start, "expected a decimal number that fits 64 bits")
    }
    return JinjaToken(kind: .integer(value), text: digits, offset: start)
  }

  private mutating func string(quote: UInt8) throws -> JinjaToken {
    let start = position
    var contents: [UInt8] = []
    position += 1
    while position < bytes.count, bytes[position] != quote {
      if bytes[position] == UInt8(ascii: "\\"), position + 1 < bytes.count {
        try escape(&contents)
      } else {
        contents.append(bytes[position])
        position += 1
      }
    }
    guard position < bytes.count else {
      throw source.fault(start, "the string that begins here has no end")
    }
    position += 1
    return JinjaToken(kind: .string, text: String(decoding: contents, as: UTF8.self), offset: start)
  }

  /// An escape as in Python's strings; an unknown one stands for itself, with its backslash.
  private mutating func escape(_ contents: inout [UInt8]) throws {
    let start = position
    let letter = bytes[position + 1]
    position += 2
    switch letter {
    case UInt8(ascii: "\n"): break
    case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""): contents.append(letter)
    case UInt8(ascii: "n"): contents.append(0x0A)
    case UInt8(ascii: "r"): contents.append(0x0D)
    case UInt8(ascii: "t"): contents.append(0x09)
    case UInt8(ascii: "a"): contents.append(0x07)
    case UInt8(ascii: "b"): contents.append(0x08)
    case UInt8(ascii: "f"): contents.append(0x0C)
    case UInt8(ascii: "v"): contents.append(0x0B)
    case UInt8(ascii: "x"): try scalar(2, radix: 16, start, &contents)
    case UInt8(ascii: "u"): try scalar(4, radix: 16, start, &contents)
    case UInt8(ascii: "U"): try scalar(8, radix: 16, start, &contents)
    case UInt8(ascii: "0")...UInt8(ascii: "7"):
      position -= 1
      let octal = bytes[position...].prefix(3).prefix {
        (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0)
      }
      try scalar(octal.count, radix: 8, start, &contents)
    case UInt8(ascii: "N"), 0x80...: throw source.unsupported(start, "this escape in a string")
    default: contents += [UInt8(ascii: "\\"), letter]
    }
  }

  private mutating func scalar(_ count: Int, radix: Int, _ start: Int, _ contents: inout [UInt8])
    throws
  {
    let digits = bytes[position...].prefix(count)
    guard digits.count == count,
      let value = UInt32(String(decoding: digits, as: UTF8.self), radix: radix),
      let scalar = Unicode.Scalar(value)
    else {
      throw source.fault(
        start, "expected an escape for a character, found \"\(text(start..<position))\"")
    }
    position += count
    contents.append(contentsOf: String(scalar).utf8)
  }
}
