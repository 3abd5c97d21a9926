/// What went wrong and at which byte; turned into a line and a column only when it is reported.
struct JSONFault: Error {
  let offset: Int
  let message: String

  func located(in bytes: UnsafeBufferPointer<UInt8>, source: String, firstLine: Int) -> RollbookError {
    var line = firstLine
    var column = 1
    for byte in bytes.prefix(offset) {
      if byte == UInt8(ascii: "\n") {
        line += 1
        column = 1
      } else if byte & 0xC0 != 0x80 {
        column += 1
      }
    }
    let name = source.isEmpty ? "JSON" : source
    return .badInput("\(name):\(line):\(column)", message)
  }
}

/// Recursive descent over bytes.
struct JSONParser {
  let bytes: UnsafeBufferPointer<UInt8>
  var next = 0

  init(bytes: UnsafeBufferPointer<UInt8>) {
    self.bytes = bytes
    if bytes.count >= 3 && bytes[0] == 0xEF && bytes[1] == 0xBB && bytes[2] == 0xBF { next = 3 }
  }

  mutating func document() throws(JSONFault) -> JSON {
    skipSpace()
    let value = try value(depth: 0)
    skipSpace()
    if next < bytes.count { throw unexpected("the end of the text") }
    return value
  }

  mutating func value(depth: Int) throws(JSONFault) -> JSON {
    guard next < bytes.count else { throw unexpected("a value") }
    switch bytes[next] {
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "{"): return .object(try object(depth: depth + 1))
    case UInt8(ascii: "["): return .array(try array(depth: depth + 1))
    case UInt8(ascii: "t"):
      try word("true")
      return .bool(true)
    case UInt8(ascii: "f"):
      try word("false")
      return .bool(false)
    case UInt8(ascii: "n"):
      try word("null")
      return .null
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: throw unexpected("a value")
    }
  }

  mutating func object(depth: Int) throws(JSONFault) -> JSONObject {
    try enter(depth)
    var members: [JSONObject.Member] = []
    skipSpace()
    if take(UInt8(ascii: "}")) { return JSONObject() }
    while true {
      guard next < bytes.count, bytes[next] == UInt8(ascii: "\"") else { throw unexpected("a key in quotes") }
      let key = try string()
      skipSpace()
      guard take(UInt8(ascii: ":")) else { throw unexpected("':' after a key") }
      skipSpace()
      members.append(JSONObject.Member(key: key, value: try value(depth: depth)))
      skipSpace()
      if take(UInt8(ascii: "}")) { return JSONObject(members) }
      guard take(UInt8(ascii: ",")) else { throw unexpected("',' or '}' in an object") }
      skipSpace()
    }
  }

  mutating func array(depth: Int) throws(JSONFault) -> [JSON] {
    try enter(depth)
    var array: [JSON] = []
    skipSpace()
    if take(UInt8(ascii: "]")) { return array }
    while true {
      array.append(try value(depth: depth))
      skipSpace()
      if take(UInt8(ascii: "]")) { return array }
      guard take(UInt8(ascii: ",")) else { throw unexpected("',' or ']' in an array") }
      skipSpace()
    }
  }

  private mutating func enter(_ depth: Int) throws(JSONFault) {
    if depth > JSON.maximumDepth {
      throw JSONFault(offset: next, message: "nested deeper than \(JSON.maximumDepth) levels")
    }
    next += 1
  }

  private mutating func word(_ word: StaticString) throws(JSONFault) {
    let letters = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
    guard bytes.count - next >= letters.count, bytes[next..<next + letters.count].elementsEqual(letters) else {
      throw unexpected("a value")
    }
    next += letters.count
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard next < bytes.count, bytes[next] == byte else { return false }
    next += 1
    return true
  }

  private mutating func skipSpace() {
    while next < bytes.count {
      switch bytes[next] {
      case 0x20, 0x0A, 0x0D, 0x09: next += 1
      default: return
      }
    }
  }

  private func unexpected(_ expected: String) -> JSONFault {
    guard next < bytes.count else {
      return JSONFault(offset: next, message: "expected \(expected), found the end of the text")
    }
    let byte = bytes[next]
    let found = byte > 0x20 && byte < 0x7F ? "'\(Character(Unicode.Scalar(byte)))'" : "byte 0x\(Digest.hex([byte]))"
    return JSONFault(offset: next, message: "expected \(expected), found \(found)")
  }
}

extension JSONParser {
  /// A number, in the grammar of RFC 8259 §6.
  private mutating func number() throws(JSONFault) -> JSON {
    let start = next
    let negative = take(UInt8(ascii: "-"))
    let first = next
    var magnitude = 0
    var fits = true
    while let digit = digit() {
      let (tens, over) = magnitude.multipliedReportingOverflow(by: 10)
      // Counting down reaches Int.min as well as Int.max.
      let (sum, over2) = negative ? tens.subtractingReportingOverflow(digit) : tens.addingReportingOverflow(digit)
      if over || over2 { fits = false } else if fits { magnitude = sum }
    }
    if next == first { throw unexpected("a digit") }
    if bytes[first] == UInt8(ascii: "0") && next > first + 1 {
      throw JSONFault(offset: first, message: "expected a number without leading zeros")
    }
    var whole = true
    if take(UInt8(ascii: ".")) {
      whole = false
      try digits()
    }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      whole = false
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      try digits()
    }
    if whole && fits && !(negative && magnitude == 0) { return .int(magnitude) }
    let text = String(decoding: bytes[start..<next], as: UTF8.self)
    guard let value = Double(text), value.isFinite else {
      throw JSONFault(offset: start, message: "expected a number within the range of a double")
    }
    return .double(value)
  }

  private mutating func digit() -> Int? {
    guard next < bytes.count, bytes[next] >= UInt8(ascii: "0"), bytes[next] <= UInt8(ascii: "9") else { return nil }
    next += 1
    return Int(bytes[next - 1] - UInt8(ascii: "0"))
  }

  private mutating func digits() throws(JSONFault) {
    guard digit() != nil else { throw unexpected("a digit") }
    while digit() != nil {}
  }
}

extension JSONParser {
  /// A string; `next` is at its opening quote. Strings without escapes are copied in one piece.
  private mutating func string() throws(JSONFault) -> String {
    next += 1
    let start = next
    var all: UInt8 = 0
    while next < bytes.count {
      let byte = bytes[next]
      if byte == UInt8(ascii: "\"") {
        let piece = UnsafeBufferPointer(rebasing: bytes[start..<next])
        next += 1
        return try text(piece, at: start, ascii: all < 0x80)
      }
      if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
      if byte < 0x20 { throw controlCharacter() }
      all |= byte
      next += 1
    }
    throw JSONFault(offset: start - 1, message: "expected a closing quote, found the end of the text")
  }

  private mutating func escapedString(from start: Int) throws(JSONFault) -> String {
    var buffer = Array(bytes[start..<next])
    while next < bytes.count {
      let byte = bytes[next]
      if byte == UInt8(ascii: "\"") {
        next += 1
        // The escapes only add valid UTF-8 at boundaries, so an offset inside the buffer is near enough.
        guard let string = String(validating: buffer, as: UTF8.self) else {
          throw JSONFault(offset: start, message: "expected UTF-8 in this string")
        }
        return string
      }
      if byte < 0x20 { throw controlCharacter() }
      next += 1
      if byte == UInt8(ascii: "\\") { try escape(into: &buffer) } else { buffer.append(byte) }
    }
    throw JSONFault(offset: start - 1, message: "expected a closing quote, found the end of the text")
  }

  private func text(_ piece: UnsafeBufferPointer<UInt8>, at start: Int, ascii: Bool) throws(JSONFault) -> String {
    if ascii { return String(decoding: piece, as: UTF8.self) }
    guard let string = String(validating: piece, as: UTF8.self) else {
      throw JSONFault(offset: start, message: "expected UTF-8 in this string")
    }
    return string
  }

  private mutating func escape(into buffer: inout [UInt8]) throws(JSONFault) {
    guard next < bytes.count else { throw unexpected("an escape after '\\'") }
    next += 1
    switch bytes[next - 1] {
    case UInt8(ascii: "\""): buffer.append(UInt8(ascii: "\""))
    case UInt8(ascii: "\\"): buffer.append(UInt8(ascii: "\\"))
    case UInt8(ascii: "/"): buffer.append(UInt8(ascii: "/"))
    case UInt8(ascii: "b"): buffer.append(0x08)
    case UInt8(ascii: "f"): buffer.append(0x0C)
    case UInt8(ascii: "n"): buffer.append(0x0A)
    case UInt8(ascii: "r"): buffer.append(0x0D)
    case UInt8(ascii: "t"): buffer.append(0x09)
    case UInt8(ascii: "u"):
      buffer.append(contentsOf: UTF8.encode(try unicodeEscape()) ?? UTF8.encodedReplacementCharacter)
    default:
      next -= 1
      throw unexpected("one of \" \\ / b f n r t u after '\\'")
    }
  }

  /// The scalar after `\u`: a pair of surrogates is one scalar, half a pair is U+FFFD.
  private mutating func unicodeEscape() throws(JSONFault) -> Unicode.Scalar {
    let high = try hexadecimal()
    if let scalar = Unicode.Scalar(high) { return scalar }
    let resume = next
    if high < 0xDC00, take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) {
      let low = try hexadecimal()
      let joined = 0x10000 &+ ((high & 0x3FF) << 10) &+ (low & 0x3FF)
      if (0xDC00..<0xE000).contains(low), let scalar = Unicode.Scalar(joined) { return scalar }
    }
    next = resume
    return "\u{FFFD}"
  }

  private mutating func hexadecimal() throws(JSONFault) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard next < bytes.count else { throw unexpected("four hex digits after '\\u'") }
      let byte = bytes[next]
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt32(byte - UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt32(byte - UInt8(ascii: "a") + 10)
      case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | UInt32(byte - UInt8(ascii: "A") + 10)
      default: throw unexpected("four hex digits after '\\u'")
      }
      next += 1
    }
    return value
  }

  private func controlCharacter() -> JSONFault {
    JSONFault(offset: next, message: "expected an escape for control character 0x\(Digest.hex([bytes[next]]))")
  }
}
