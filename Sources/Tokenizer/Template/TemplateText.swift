/// Python's string operations, on UTF-8 and scalars.
enum TemplateText {
  /// Where `part` first stands in `bytes`, from a place on.
  static func firstRange(of part: [UInt8], in bytes: [UInt8], from start: Int) -> Range<Int>? {
    guard let first = part.first else { return start <= bytes.count ? start..<start : nil }
    var index = start
    while index + part.count <= bytes.count {
      if bytes[index] == first, bytes[index...].starts(with: part) { return index..<(index + part.count) }
      index += 1
    }
    return nil
  }

  /// Which ends `strip` takes characters from.
  enum Side {
    case both
    case left
    case right
  }

  /// `str.strip`, `lstrip`, `rstrip`: white space, or the characters of `characters`.
  static func stripped(_ text: String, _ side: Side, characters: String?) -> String {
    let set = characters.map { Set($0.unicodeScalars) }
    func isStripped(_ scalar: Unicode.Scalar) -> Bool { set?.contains(scalar) ?? TemplateSource.isSpace(scalar) }
    var scalars = text.unicodeScalars[...]
    if side != .right { scalars = scalars.drop(while: isStripped) }
    if side != .left {
      while let last = scalars.last, isStripped(last) { scalars.removeLast() }
    }
    return String(scalars)
  }

  /// `str.split(separator, limit)`.
  static func split(_ text: String, by separator: String, limit: Int?) -> [String] {
    let bytes = Array(text.utf8)
    let separator = Array(separator.utf8)
    var parts: [String] = []
    var start = 0
    while limit.map({ parts.count < $0 }) ?? true, let range = firstRange(of: separator, in: bytes, from: start) {
      parts.append(String(decoding: bytes[start..<range.lowerBound], as: UTF8.self))
      start = range.upperBound
    }
    parts.append(String(decoding: bytes[start...], as: UTF8.self))
    return parts
  }

  /// `str.split()`: at white space, without empty parts.
  static func words(_ text: String) -> [String] {
    text.unicodeScalars.split(whereSeparator: TemplateSource.isSpace).map { String($0) }
  }

  /// `str.replace(old, new)` for a text to replace that is not empty.
  static func replaced(_ text: String, _ old: String, by new: String, limit: Int?) -> String {
    split(text, by: old, limit: limit).joined(separator: new)
  }
}
