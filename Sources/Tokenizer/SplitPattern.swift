/// The split patterns of byte-level tokenizers, written by hand over UTF-8: no regular-expression engine runs.
///
/// The alternatives are tried in the order of the pattern at each position. What no alternative matches is a piece too,
/// up to the next match.
enum SplitPattern: Hashable, Sendable {
  /// GPT-2, also SmolLM, GPT-NeoX, OLMo and others:
  /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
  case gpt2
  /// Llama 3 (`digits` 3) and Qwen2 (`digits` 1), after OpenAI's cl100k:
  /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,digits}| ?[^\s\p{L}\p{N}]+[\r\n]*|`
  /// `\s*[\r\n]+|\s+(?!\S)|\s+`
  case cl100k(digits: Int)

  /// Runs of punctuation and of some symbols; llama.cpp cuts them out first where a file names no rule of its own.
  case punctuation
  /// Three digits each, of a run of digits; the last of that rule.
  case digitTriples

  /// The regular expression, as published tokenizer.json files write it.
  var expression: String {
    switch self {
    case .gpt2: return #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
    case .cl100k(let digits):
      let number = digits == 1 ? #"\p{N}"# : #"\p{N}{1,\#(digits)}"#
      return #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + number
        + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    case .punctuation: return #"[\p{P}\$\+<=>\^~\|]+"#
    case .digitTriples: return "[0-9][0-9][0-9]"
    }
  }

  /// Whether every text is made of matches alone.
  var coversAll: Bool {
    switch self {
    case .gpt2, .cl100k: true
    case .punctuation, .digitTriples: false
    }
  }

  /// The patterns that are recognised, by their text.
  static let known: [String: SplitPattern] = {
    let patterns: [SplitPattern] = [.gpt2, .punctuation, .digitTriples] + (1...9).map { .cl100k(digits: $0) }
    return Dictionary(uniqueKeysWithValues: patterns.map { ($0.expression, $0) })
  }()

  /// Appends the end of every piece of `text[start..<end]`. The range is all that the pattern sees: its end is the end
  /// of the text for `(?!\S)`.
  func split(_ text: ScalarView, from start: Int, to end: Int, ends: inout [Int]) {
    var index = start
    while index < end {
      switch self {
      case .gpt2: index = Self.gpt2PieceEnd(text, index, end)
      case .cl100k(let digits): index = Self.cl100kPieceEnd(text, index, end, digits: digits)
      case .punctuation: index = Self.punctuationPieceEnd(text, index, end)
      case .digitTriples: index = Self.digitTriplesPieceEnd(text, index, end)
      }
      ends.append(index)
    }
  }

  @inline(__always)
  private static func gpt2PieceEnd(_ text: ScalarView, _ start: Int, _ end: Int) -> Int {
    let first = text.bytes[start]
    if first == UInt8(ascii: "'") {
      let length = contractionLength(text, start, end, ignoringCase: false)
      if length > 0 { return start + length }
    }
    let (kind, length) = text.classAndLength(at: start)
    if kind != .space { return text.runEnd(of: kind, from: start + length, to: end) }
    if first == UInt8(ascii: " "), start + 1 < end {
      let (next, nextLength) = text.classAndLength(at: start + 1)
      if next != .space { return text.runEnd(of: next, from: start + 1 + nextLength, to: end) }
    }
    return spaceEnd(text, start, end, stoppingAfterNewlines: false)
  }

  @inline(__always)
  private static func cl100kPieceEnd(_ text: ScalarView, _ start: Int, _ end: Int, digits: Int) -> Int {
    let first = text.bytes[start]
    if first == UInt8(ascii: "'") {
      let length = contractionLength(text, start, end, ignoringCase: true)
      if length > 0 { return start + length }
    }
    let (kind, length) = text.classAndLength(at: start)
    let second = start + length
    switch kind {
    case .letter: return text.runEnd(of: .letter, from: second, to: end)
    case .number: return numberEnd(text, second, end, digits - 1)
    case .other, .space: break
    }
    if second < end, first != UInt8(ascii: "\n"), first != UInt8(ascii: "\r") {
      let next = text.classAndLength(at: second)
      if next.kind == .letter { return text.runEnd(of: .letter, from: second + next.length, to: end) }
      if first == UInt8(ascii: " "), next.kind == .other { return otherEnd(text, second + next.length, end) }
    }
    if kind == .other { return otherEnd(text, second, end) }
    return spaceEnd(text, start, end, stoppingAfterNewlines: true)
  }

  /// The end of the run of punctuation, or of what is none.
  private static func punctuationPieceEnd(_ text: ScalarView, _ start: Int, _ end: Int) -> Int {
    let first = text.scalar(at: start)
    let isPunctuation = Self.isPunctuation(first.value)
    var index = start + first.length
    while index < end {
      let (scalar, length) = text.scalar(at: index)
      if Self.isPunctuation(scalar) != isPunctuation { break }
      index += length
    }
    return index
  }

  /// `[\p{P}\$\+<=>\^~\|]`
  private static func isPunctuation(_ value: UInt32) -> Bool {
    guard let scalar = Unicode.Scalar(value) else { return false }
    switch scalar.properties.generalCategory {
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
      .finalPunctuation, .otherPunctuation:
      return true
    default: return value < 0x80 && "$+<=>^~|".utf8.contains(UInt8(value))
    }
  }

  /// Three digits, or everything up to the next three.
  private static func digitTriplesPieceEnd(_ text: ScalarView, _ start: Int, _ end: Int) -> Int {
    func isTriple(_ index: Int) -> Bool {
      index + 3 <= end && (index..<index + 3).allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text.bytes[$0]) }
    }
    if isTriple(start) { return start + 3 }
    var index = start + 1
    while index < end, !isTriple(index) { index += 1 }
    return index
  }

  /// `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll`, `'d`: the length of the one at `start`, or 0.
  /// Without regard to case, U+017F (long s) is an s too, which is how regular expressions fold case.
  private static func contractionLength(_ text: ScalarView, _ start: Int, _ end: Int, ignoringCase: Bool) -> Int {
    guard start + 1 < end else { return 0 }
    let fold: UInt8 = ignoringCase ? 0x20 : 0
    let first = text.bytes[start + 1]
    let second = start + 2 < end ? text.bytes[start + 2] : 0
    switch first | fold {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return 2
    case UInt8(ascii: "r"), UInt8(ascii: "v"): return second | fold == UInt8(ascii: "e") ? 3 : 0
    case UInt8(ascii: "l"): return second | fold == UInt8(ascii: "l") ? 3 : 0
    default: return ignoringCase && first == 0xC5 && second == 0xBF ? 3 : 0
    }
  }

  /// The end of up to `more` further numbers.
  private static func numberEnd(_ text: ScalarView, _ start: Int, _ end: Int, _ more: Int) -> Int {
    var index = start
    var left = more
    while index < end, left > 0 {
      let (kind, length) = text.classAndLength(at: index)
      if kind != .number { break }
      index += length
      left -= 1
    }
    return index
  }

  /// The end of `[^\s\p{L}\p{N}]*[\r\n]*`.
  private static func otherEnd(_ text: ScalarView, _ start: Int, _ end: Int) -> Int {
    var index = text.runEnd(of: .other, from: start, to: end)
    while index < end, text.bytes[index] == UInt8(ascii: "\n") || text.bytes[index] == UInt8(ascii: "\r") { index += 1 }
    return index
  }

  /// White space: `\s*[\r\n]+` where asked for, then `\s+(?!\S)`, then `\s+`. A run before other text gives its last
  /// character up to that text.
  private static func spaceEnd(
    _ text: ScalarView, _ start: Int, _ end: Int, stoppingAfterNewlines: Bool
  ) -> Int {
    var index = start
    var last = start
    var afterNewline = start
    while index < end {
      let (kind, length) = text.classAndLength(at: index)
      if kind != .space { break }
      last = index
      index += length
      if text.bytes[last] == UInt8(ascii: "\n") || text.bytes[last] == UInt8(ascii: "\r") { afterNewline = index }
    }
    if stoppingAfterNewlines, afterNewline > start { return afterNewline }
    return index == end || last == start ? index : last
  }
}
