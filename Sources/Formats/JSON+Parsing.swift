extension JSON {
  /// The deepest nesting of arrays and objects that is accepted; deeper text is an error, not a stack overflow.
  package static let maximumDepth = 128

  /// Parses one JSON text (RFC 8259): any value, with white space and an optional byte order mark around it.
  ///
  /// - Invalid UTF-8 is an error. A `\u` escape of half a surrogate pair is legal JSON that no Unicode string can
  ///   hold: it becomes U+FFFD, as in Python's `errors="replace"`.
  /// - Of a key given twice the last value wins and keeps the first place.
  /// - Numbers beyond the range of `Double` are an error; whole numbers beyond `Int` become the nearest `Double`.
  ///
  /// - Parameters:
  ///   - source: Names the text in errors, usually a path.
  ///   - firstLine: The number of the text's first line, for one line of a JSONL file.
  /// - Throws: `RollbookError` `badInput` whose place is `source:line:column` (columns count characters, from 1).
  package static func parse(
    _ bytes: UnsafeRawBufferPointer, source: String = "", firstLine: Int = 1
  ) throws -> JSON {
    let bytes = bytes.bindMemory(to: UInt8.self)
    var parser = JSONParser(bytes: bytes)
    do {
      return try parser.document()
    } catch {
      throw error.located(in: bytes, source: source, firstLine: firstLine)
    }
  }

  /// Parses one JSON text.
  package static func parse(_ bytes: [UInt8], source: String = "", firstLine: Int = 1) throws -> JSON {
    try bytes.withUnsafeBytes { try parse($0, source: source, firstLine: firstLine) }
  }

  /// Parses one JSON text.
  package static func parse(_ bytes: Span<UInt8>, source: String = "", firstLine: Int = 1) throws -> JSON {
    try bytes.withUnsafeBytes { try parse($0, source: source, firstLine: firstLine) }
  }

  /// Parses one JSON text.
  package static func parse(_ text: String, source: String = "", firstLine: Int = 1) throws -> JSON {
    var text = text
    return try text.withUTF8 { try parse(UnsafeRawBufferPointer($0), source: source, firstLine: firstLine) }
  }

  /// Parses a file that holds one JSON text.
  package static func parse(contentsOf path: String) throws -> JSON {
    let file = try MappedFile(path: path)
    return try withExtendedLifetime(file) { try parse(file.bytes, source: path) }
  }
}
