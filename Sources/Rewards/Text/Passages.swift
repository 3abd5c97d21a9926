/// Where in a response a reward looks for its candidate.
enum Source: String, CaseIterable {
  /// All of it.
  case response
  /// The content of the last `<answer>…</answer>`.
  case tag

  /// nil where there is no such tag.
  func range(in text: [UInt8]) -> Range<Int>? {
    self == .response ? 0..<text.count : AnswerMarkers.lastTag(in: text, 0..<text.count)
  }

  static let explanation = "response or tag: the last <answer> tag's content"
}

/// The content of the last closed block ```` ```json ````, its fences on lines of their own; nil where there is none.
func lastJSONFence(in text: [UInt8]) -> Range<Int>? {
  var found: Range<Int>?
  var open: Int?
  var isJSON = false
  var start = 0
  while start < text.count {
    let stop = text[start...].firstIndex(of: 0x0A) ?? text.count
    let line = text.trimmed(start..<stop)
    if text.has("```", at: line.lowerBound, end: line.upperBound) {
      if let begin = open {
        if isJSON { found = begin..<start }
        open = nil
      } else {
        open = min(stop + 1, text.count)
        isJSON = line.count == 7 && text.hasFolded("```json", at: line.lowerBound, end: line.upperBound)
      }
    }
    start = stop + 1
  }
  return found
}

extension Unicode.Scalar {
  /// A letter, mark, digit or other number sign.
  var isWord: Bool {
    if isASCII { return isLetter(UInt8(value)) || isDigit(UInt8(value)) }
    return switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
      .letterNumber, .otherNumber, .nonspacingMark, .spacingMark, .enclosingMark:
      true
    default: false
    }
  }

  /// White space: ASCII's six characters, and Unicode's others.
  var isWhite: Bool { isASCII ? isSpace(UInt8(value)) : properties.isWhitespace }

  /// A letter of a script that writes no spaces between words: Han, kana, Thai, Lao, Khmer, Burmese.
  var isUnspaced: Bool {
    switch value {
    case 0x0E00...0x0EFF, 0x1000...0x109F, 0x1780...0x17FF, 0x3041...0x30FF, 0x31F0...0x31FF, 0x3400...0x4DBF,
      0x4E00...0x9FFF, 0xF900...0xFAFF, 0x20000...0x3FFFF:
      true
    default: false
    }
  }
}

/// The words of a text, in order: runs of letters, marks and digits; every letter of an unspaced script is a word.
///
/// - Parameter folded: Whether the words are in lower case.
func words(of text: some Sequence<UInt8>, folded: Bool = true) -> [String] {
  let string = String(decoding: Array(text), as: UTF8.self)
  var words: [String] = []
  var word = String.UnicodeScalarView()
  var isUnspaced = false
  func close() {
    if !word.isEmpty { words.append(String(word)) }
    word = String.UnicodeScalarView()
    isUnspaced = false
  }
  for scalar in (folded ? string.lowercased() : string).unicodeScalars {
    guard scalar.isWord else {
      close()
      continue
    }
    let isMark = !scalar.isASCII && scalar.properties.generalCategory.isMark
    if !isMark, isUnspaced || scalar.isUnspaced { close() }
    word.append(scalar)
    if !isMark { isUnspaced = scalar.isUnspaced }
  }
  close()
  return words
}

extension Unicode.GeneralCategory {
  var isMark: Bool { self == .nonspacingMark || self == .spacingMark || self == .enclosingMark }
}

/// Where `pattern` occurs in `text`, occurrences that overlap included; linear (Knuth, Morris and Pratt).
func occurrences<Element: Equatable>(of pattern: [Element], in text: [Element]) -> [Int] {
  guard !pattern.isEmpty, pattern.count <= text.count else { return [] }
  var borders = [0]
  var length = 0
  for index in 1..<pattern.count {
    while length > 0, pattern[index] != pattern[length] { length = borders[length - 1] }
    if pattern[index] == pattern[length] { length += 1 }
    borders.append(length)
  }
  var places: [Int] = []
  length = 0
  for (index, element) in text.enumerated() {
    while length > 0, length == pattern.count || element != pattern[length] { length = borders[length - 1] }
    if element == pattern[length] { length += 1 }
    if length == pattern.count { places.append(index + 1 - length) }
  }
  return places
}
