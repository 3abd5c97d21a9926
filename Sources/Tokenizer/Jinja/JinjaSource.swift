import Formats

/// The text of a template: UTF-8 with every line end written "\n" and one at the very end dropped, as Jinja reads it.
struct JinjaSource: Sendable {
  /// What errors call the template.
  let name: String
  let bytes: [UInt8]

  init(_ text: String, name: String) {
    self.name = name
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count)
    var afterReturn = false
    for byte in text.utf8 {
      if byte == UInt8(ascii: "\r") {
        bytes.append(UInt8(ascii: "\n"))
      } else if !(afterReturn && byte == UInt8(ascii: "\n")) {
        bytes.append(byte)
      }
      afterReturn = byte == UInt8(ascii: "\r")
    }
    if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
    self.bytes = bytes
  }

  /// An error at a byte of the text, with its line and column (in characters, from 1).
  func fault(_ offset: Int, _ message: String, hint: String? = nil) -> RollbookError {
    var line = 1
    var column = 1
    for byte in bytes.prefix(offset) {
      if byte == UInt8(ascii: "\n") {
        line += 1
        column = 1
      } else if byte & 0xC0 != 0x80 {
        column += 1
      }
    }
    return .badInput("\(name):\(line):\(column)", message, hint: hint)
  }

  /// An error about what Jinja has and this does not.
  func unsupported(_ offset: Int, _ construct: String) -> RollbookError {
    fault(offset, "\(construct) is not supported in chat templates", hint: Self.simplify)
  }

  static let simplify =
    "simplify the template, or give prompts as \"prompt\" (plain text) instead of \"messages\""

  /// White space as Python's `str.strip` and `\s` have it.
  static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
  }

  /// The start of the white space that ends `bytes`.
  static func endWithoutSpace(_ bytes: ArraySlice<UInt8>) -> Int {
    var end = bytes.endIndex
    while end > bytes.startIndex {
      var start = end - 1
      while start > bytes.startIndex, bytes[start] & 0xC0 == 0x80 { start -= 1 }
      guard let scalar = String(decoding: bytes[start..<end], as: UTF8.self).unicodeScalars.first,
        isSpace(scalar)
      else {
        break
      }
      end = start
    }
    return end
  }

  /// The end of the white space that begins at `start`.
  func endOfSpace(_ start: Int) -> Int {
    var index = start
    while index < bytes.count {
      var end = index + 1
      while end < bytes.count, bytes[end] & 0xC0 == 0x80 { end += 1 }
      guard let scalar = String(decoding: bytes[index..<end], as: UTF8.self).unicodeScalars.first,
        Self.isSpace(scalar)
      else { break }
      index = end
    }
    return index
  }
}
