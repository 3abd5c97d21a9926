extension JSON {
  /// The value as JSON text in UTF-8: no space at all, or pretty with two spaces a level.
  ///
  /// Doubles are written in the shortest form that reads back as the same bits. Only quotes, backslashes and control
  /// characters are escaped. The text is a pure function of the value.
  ///
  /// - Throws: `RollbookError` `badInput` for a number that is not finite: JSON has no word for it.
  package func serialized(pretty: Bool = false, sortedKeys: Bool = false) throws -> String {
    String(decoding: try bytes(pretty: pretty, sortedKeys: sortedKeys), as: UTF8.self)
  }

  /// The bytes of `serialized`.
  package func bytes(pretty: Bool = false, sortedKeys: Bool = false) throws -> [UInt8] {
    var writer = JSONWriter(pretty: pretty, sortedKeys: sortedKeys)
    try writer.write(self, level: 0)
    return writer.bytes
  }
}

private struct JSONWriter {
  let pretty: Bool
  let sortedKeys: Bool
  var bytes: [UInt8] = []

  init(pretty: Bool, sortedKeys: Bool) {
    self.pretty = pretty
    self.sortedKeys = sortedKeys
  }

  mutating func write(_ value: JSON, level: Int) throws {
    switch value {
    case .null: append("null")
    case .bool(let value): append(value ? "true" : "false")
    case .int(let value): append(String(value))
    case .double(let value):
      guard value.isFinite else {
        throw RollbookError.badInput("", "expected a finite number to write as JSON, found \(value)")
      }
      append(value.description)
    case .string(let value): write(value)
    case .array(let array):
      try list(array, "[", "]", level) { writer, element throws in try writer.write(element, level: level + 1) }
    case .object(let object):
      var members = object.members
      if sortedKeys { members.sort { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) } }
      try list(members, "{", "}", level) { writer, member throws in
        writer.write(member.key)
        writer.append(writer.pretty ? ": " : ":")
        try writer.write(member.value, level: level + 1)
      }
    }
  }

  private mutating func list<Element>(
    _ elements: [Element], _ open: StaticString, _ close: StaticString, _ level: Int,
    _ body: (inout JSONWriter, Element) throws -> Void
  ) throws {
    append(open)
    for (index, element) in elements.enumerated() {
      if index > 0 { append(",") }
      newLine(level + 1)
      try body(&self, element)
    }
    if !elements.isEmpty { newLine(level) }
    append(close)
  }

  private mutating func newLine(_ level: Int) {
    guard pretty else { return }
    bytes.append(0x0A)
    for _ in 0..<level { append("  ") }
  }

  private mutating func append(_ text: StaticString) {
    bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  private mutating func append(_ text: String) {
    bytes.append(contentsOf: text.utf8)
  }

  private mutating func write(_ string: String) {
    bytes.append(UInt8(ascii: "\""))
    for byte in string.utf8 {
      switch byte {
      case UInt8(ascii: "\""): append("\\\"")
      case UInt8(ascii: "\\"): append("\\\\")
      case 0x08: append("\\b")
      case 0x09: append("\\t")
      case 0x0A: append("\\n")
      case 0x0C: append("\\f")
      case 0x0D: append("\\r")
      case ..<0x20:
        append("\\u00")
        append(Digest.hex([byte]))
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}
