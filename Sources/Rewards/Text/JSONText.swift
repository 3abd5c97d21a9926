/// Reads JSON text, strictly by RFC 8259, into a ``Fact``: no comments, no trailing commas, no NaN, no control
/// characters in strings, UTF-8 only. Linear; nesting is bounded. Of members with the same name the last counts.
struct JSONText {
  private let text: [UInt8]
  private var index: Int
  private let end: Int

  static let depthLimit = 100

  private init(_ text: [UInt8], _ range: Range<Int>) {
    (self.text, index, end) = (text, range.lowerBound, range.upperBound)
  }

  /// The value that the whole of `range` is, white space around it aside.
  /// - Throws: ``RewardError`` with the byte where the text stops to be JSON, and what was expected there.
  static func parse(_ text: [UInt8], in range: Range<Int>) throws(RewardError) -> Fact {
    var reader = JSONText(text, range)
    let value = try reader.value(depth: 0)
    reader.skipSpace()
    guard reader.index == reader.end else { throw reader.fault("the end") }
    return value
  }

  static func parse(_ text: String) throws(RewardError) -> Fact {
    let bytes = Array(text.utf8)
    return try parse(bytes, in: 0..<bytes.count)
  }

  private func fault(_ expected: String) -> RewardError { RewardError("JSON: byte \(index): expected \(expected)") }

  private var byte: UInt8? { index < end ? text[index] : nil }

  private mutating func skipSpace() {
    while let byte, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { index += 1 }
  }

  private mutating func take(_ wanted: Character) -> Bool {
    guard byte == wanted.asciiValue else { return false }
    index += 1
    return true
  }

  private mutating func value(depth: Int) throws(RewardError) -> Fact {
    skipSpace()
    switch byte {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try list(depth: depth)
    case UInt8(ascii: "\""): return .text(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case let other? where other == UInt8(ascii: "-") || isDigit(other): return try number()
    default: throw fault("a value")
    }
  }

  private mutating func word(_ word: StaticString, _ value: Fact) throws(RewardError) -> Fact {
    guard text.has(word, at: index, end: end) else { throw fault("\(word)") }
    index += word.utf8CodeUnitCount
    return value
  }

  private mutating func object(depth: Int) throws(RewardError) -> Fact {
    guard depth < Self.depthLimit else { throw fault("at most \(Self.depthLimit) levels") }
    index += 1
    var members: [(key: String, value: Fact)] = []
    var places: [String: Int] = [:]
    skipSpace()
    if take("}") { return .object([]) }
    repeat {
      skipSpace()
      guard byte == UInt8(ascii: "\"") else { throw fault("a name in quotes") }
      let key = try string()
      skipSpace()
      guard take(":") else { throw fault("':'") }
      let value = try value(depth: depth + 1)
      if let place = places[key] {
        members[place].value = value
      } else {
        places[key] = members.count
        members.append((key, value))
      }
      skipSpace()
    } while take(",")
    guard take("}") else { throw fault("',' or '}'") }
    return .object(members)
  }

  private mutating func list(depth: Int) throws(RewardError) -> Fact {
    guard depth < Self.depthLimit else { throw fault("at most \(Self.depthLimit) levels") }
    index += 1
    var values: [Fact] = []
    skipSpace()
    if take("]") { return .list([]) }
    repeat {
      values.append(try value(depth: depth + 1))
      skipSpace()
    } while take(",")
    guard take("]") else { throw fault("',' or ']'") }
    return .list(values)
  }

  private mutating func number() throws(RewardError) -> Fact {
    let start = index
    _ = take("-")
    if !take("0") { try digits() }
    if take(".") { try digits() }
    if byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
      index += 1
      if !take("+") { _ = take("-") }
      try digits()
    }
    guard let number = Double(String(decoding: text[start..<index], as: UTF8.self)) else { throw fault("a number") }
    return .number(number)
  }

  private mutating func digits() throws(RewardError) {
    guard let first = byte, isDigit(first) else { throw fault("a digit") }
    while let byte, isDigit(byte) { index += 1 }
  }

  private mutating func string() throws(RewardError) -> String {
    index += 1
    var bytes: [UInt8] = []
    while let next = byte, next != UInt8(ascii: "\"") {
      guard next >= 0x20 else { throw fault("an escape instead of a control character") }
      if next == UInt8(ascii: "\\") {
        try escape(into: &bytes)
      } else {
        bytes.append(next)
        index += 1
      }
    }
    guard take("\"") else { throw fault("a closing quotation mark") }
    guard let string = String(validating: bytes, as: UTF8.self) else { throw fault("UTF-8") }
    return string
  }

  private mutating func escape(into bytes: inout [UInt8]) throws(RewardError) {
    index += 1
    let plain: [UInt8: UInt8] = [
      UInt8(ascii: "\""): 0x22, UInt8(ascii: "\\"): 0x5C, UInt8(ascii: "/"): 0x2F, UInt8(ascii: "b"): 0x08,
      UInt8(ascii: "f"): 0x0C, UInt8(ascii: "n"): 0x0A, UInt8(ascii: "r"): 0x0D, UInt8(ascii: "t"): 0x09,
    ]
    guard let next = byte else { throw fault("an escape") }
    if let value = plain[next] {
      bytes.append(value)
      index += 1
      return
    }
    guard next == UInt8(ascii: "u"), var code = unit(at: index + 1) else { throw fault("an escape") }
    index += 5
    if code >= 0xD800, code < 0xDC00, text.has("\\u", at: index, end: end), let low = unit(at: index + 2),
      low >= 0xDC00, low < 0xE000
    {
      code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
      index += 6
    }
    // A half of a pair alone has no character.
    bytes += Array(String(Character(Unicode.Scalar(code) ?? "\u{FFFD}")).utf8)
  }

  /// Four hexadecimal digits.
  private func unit(at place: Int) -> UInt32? {
    guard place + 4 <= end else { return nil }
    var value: UInt32 = 0
    for byte in text[place..<(place + 4)] {
      let letter = byte | 0x20
      if isDigit(byte) {
        value = value << 4 | UInt32(byte - 0x30)
      } else if letter >= 0x61, letter <= 0x66 {
        value = value << 4 | UInt32(letter - 0x61 + 10)
      } else {
        return nil
      }
    }
    return value
  }
}
