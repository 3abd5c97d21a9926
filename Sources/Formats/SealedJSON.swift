/// JSON files that tell when a bit of theirs has changed: the last member, `checksum`, is the digest of the whole file
/// with the 32 hex digits of that checksum replaced by zeros (docs/format.md).
///
/// Layout counts, too: a sealed file is not edited by hand but written anew.
package enum SealedJSON {
  /// The key of the last member.
  package static let key = "checksum"

  private static let head = "  \"\(key)\": \"\(Digest.prefix)"
  private static let zeros = String(repeating: "0", count: 32)
  private static let tail = "\"\n}\n"

  /// The text of an object with its checksum added, ending in a newline.
  ///
  /// - Throws: `RollbookError` `badInput` for a number that is not finite.
  package static func text(_ object: JSONObject) throws -> String {
    var object = object
    object[key] = nil
    object[key] = .string(Digest.prefix + zeros)
    let blank = try JSON.object(object).serialized(pretty: true) + "\n"
    let start = blank.utf8.index(blank.endIndex, offsetBy: -(tail.utf8.count + zeros.utf8.count))
    return blank[..<start] + Digest.xxh3(blank).dropFirst(Digest.prefix.utf8.count) + tail
  }

  /// Reads a file and checks its checksum, before anything it says is believed.
  ///
  /// - Throws: `RollbookError` `missing`, `io`, or `badInput` naming the file when any of its bytes has changed.
  package static func read(_ path: String) throws -> JSON {
    try parse(MappedFile.contents(of: path), source: path)
  }

  /// - Parameter source: What an error calls the place, usually the path.
  package static func parse(_ bytes: [UInt8], source: String) throws -> JSON {
    let end = bytes.count - tail.utf8.count
    let start = end - zeros.utf8.count
    guard start >= head.utf8.count, bytes[..<start].suffix(head.utf8.count).elementsEqual(head.utf8),
      bytes[end...].elementsEqual(tail.utf8)
    else {
      throw RollbookError.badInput(source, "expected a \"\(key)\" at its end, found none", hint: advice)
    }
    var blank = bytes
    blank.replaceSubrange(start..<end, with: zeros.utf8)
    let expected = String(decoding: bytes[start..<end], as: UTF8.self)
    let found = Digest.xxh3(blank)
    guard found.utf8.dropFirst(Digest.prefix.utf8.count).elementsEqual(bytes[start..<end]) else {
      throw RollbookError.badInput(
        source, "expected the checksum \(Digest.prefix)\(expected) that it ends with, found \(found)", hint: advice)
    }
    return try JSON.parse(bytes, source: source)
  }

  private static let advice = "it was changed by hand or is damaged: restore it from a copy"
}
