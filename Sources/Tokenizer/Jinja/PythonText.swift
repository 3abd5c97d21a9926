/// Operations on text as Python has them: of scalars, not of characters.
enum PythonText {
  /// Strings are equal when their bytes are; Swift's `==` takes canonically equivalent ones for equal.
  static func same(_ a: String, _ b: String) -> Bool {
    a.utf8.count == b.utf8.count && a.utf8.elementsEqual(b.utf8)
  }

  static func contains(_ text: String, _ part: String) -> Bool {
    firstRange(of: Array(part.utf8), in: Array(text.utf8), from: 0) != nil
  }

  /// Where `part` first stands in `bytes`, from a place on.
  static func firstRange(of part: [UInt8], in bytes: [UInt8], from start: Int) -> Range<Int>? {
    var search = PythonSearch(part)
    return search.next(in: bytes, from: start)
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
    func isStripped(_ scalar: Unicode.Scalar) -> Bool {
      set?.contains(scalar) ?? JinjaSource.isSpace(scalar)
    }
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
    var search = PythonSearch(Array(separator.utf8))
    var parts: [String] = []
    var start = 0
    while limit.map({ parts.count < $0 }) ?? true, let range = search.next(in: bytes, from: start) {
      parts.append(String(decoding: bytes[start..<range.lowerBound], as: UTF8.self))
      start = range.upperBound
    }
    parts.append(String(decoding: bytes[start...], as: UTF8.self))
    return parts
  }

  /// `str.rsplit(separator, limit)`.
  static func splitFromEnd(_ text: String, by separator: String, limit: Int?) -> [String] {
    let reversed = split(
      fromBytes: text.utf8.reversed(), by: separator.utf8.reversed(), limit: limit)
    return reversed.map { String(decoding: $0.reversed(), as: UTF8.self) }.reversed()
  }

  private static func split(fromBytes bytes: [UInt8], by separator: [UInt8], limit: Int?)
    -> [ArraySlice<UInt8>]
  {
    var search = PythonSearch(separator)
    var parts: [ArraySlice<UInt8>] = []
    var start = 0
    while limit.map({ parts.count < $0 }) ?? true, let range = search.next(in: bytes, from: start) {
      parts.append(bytes[start..<range.lowerBound])
      start = range.upperBound
    }
    return parts + [bytes[start...]]
  }

  /// `str.split()`: at white space, without empty parts. With a limit, the last part keeps its white space inside.
  static func words(_ text: String, limit: Int?) -> [String] {
    var rest = text.unicodeScalars[...]
    var words: [String] = []
    while true {
      rest = rest.drop(while: JinjaSource.isSpace)
      if rest.isEmpty { return words }
      if let limit, words.count >= limit {
        return words + [stripped(String(rest), .right, characters: nil)]
      }
      let word = rest.prefix { !JinjaSource.isSpace($0) }
      words.append(String(word))
      rest = rest[word.endIndex...]
    }
  }

  /// `str.splitlines(keepends)`
  static func lines(_ text: String, keepingEnds: Bool) -> [String] {
    var lines: [String] = []
    var line = String.UnicodeScalarView()
    var scalars = text.unicodeScalars[...]
    while let scalar = scalars.popFirst() {
      guard isLineEnd(scalar) else {
        line.append(scalar)
        continue
      }
      if keepingEnds { line.append(scalar) }
      if scalar == "\r", scalars.first == "\n" {
        scalars.removeFirst()
        if keepingEnds { line.append("\n") }
      }
      lines.append(String(line))
      line = String.UnicodeScalarView()
    }
    return line.isEmpty ? lines : lines + [String(line)]
  }

  private static func isLineEnd(_ scalar: Unicode.Scalar) -> Bool {
    (0x0A...0x0D).contains(scalar.value) || (0x1C...0x1E).contains(scalar.value)
      || [0x85, 0x2028, 0x2029].contains(scalar.value)
  }

  /// How often `part` stands in `text`, without overlaps: of an empty part, between all scalars and at the ends.
  static func count(_ part: String, in text: String) -> Int {
    if part.isEmpty { return text.unicodeScalars.count + 1 }
    let bytes = Array(text.utf8)
    var search = PythonSearch(Array(part.utf8))
    var found = 0
    var start = 0
    while let range = search.next(in: bytes, from: start) {
      found += 1
      start = range.upperBound
    }
    return found
  }

  /// `str.replace(old, new, limit)`
  static func replaced(_ text: String, _ old: String, by new: String, limit: Int?) -> String {
    if !old.isEmpty { return split(text, by: old, limit: limit).joined(separator: new) }
    // An empty text stands before each scalar and at the end.
    var result = ""
    var left = limit ?? .max
    for scalar in text.unicodeScalars {
      if left > 0 { result += new }
      left -= 1
      result.unicodeScalars.append(scalar)
    }
    return left > 0 ? result + new : result
  }
}

/// Looks for bytes in bytes in time linear in both (Knuth, Morris and Pratt), whatever they are.
struct PythonSearch {
  private let part: [UInt8]
  /// For each length of a matched beginning, the longest shorter beginning that is also its end.
  private var borders: [Int] = []

  init(_ part: [UInt8]) {
    self.part = part
    borders = [0, 0]
    var length = 0
    for index in part.indices.dropFirst() {
      while length > 0, part[index] != part[length] { length = borders[length] }
      if part[index] == part[length] { length += 1 }
      borders.append(length)
    }
  }

  /// The first place from `start` on.
  mutating func next(in bytes: [UInt8], from start: Int) -> Range<Int>? {
    if part.isEmpty { return start <= bytes.count ? start..<start : nil }
    var matched = 0
    var index = start
    while index < bytes.count {
      while matched > 0, bytes[index] != part[matched] { matched = borders[matched] }
      if bytes[index] == part[matched] { matched += 1 }
      index += 1
      if matched == part.count { return index - matched..<index }
    }
    return nil
  }
}
