/// A regular expression that matches in time linear in the text, whatever the pattern: an automaton over bytes that
/// follows all alternatives at once (Thompson 1968, with Pike's captures), never backtracking.
///
/// Syntax: literals, `.`, classes `[a-z0-9_]` and `[^…]`, `\d \w \s \D \W \S` (ASCII), `\n \t \r \f \v \xHH`, escaped
/// punctuation, groups `(…)` and `(?:…)`, `|`, `* + ? {n} {n,} {n,m}` greedy and lazy (`?` behind), `^ $ \b \B \A \z`,
/// and the flags `(?i)`, `(?s)`, `(?m)` at the beginning. `.` and negated classes match one UTF-8 character.
/// `$` also matches before a line break that ends the text. The match is the leftmost; among those, the one that a
/// backtracking matcher would find (where what is repeated can be empty, the two may differ).
///
/// Not there, and named in the error: lookahead and lookbehind, back-references, named groups, non-ASCII in classes.
package struct Pattern: Sendable {
  package struct Match: Equatable, Sendable {
    package let range: Range<Int>
    /// The first group, where it took part.
    package let group: Range<Int>?
  }

  /// One step of the automaton.
  enum Instruction: Equatable {
    case bytes(ByteSet)
    /// Goes on at both places; the first is preferred.
    case split(Int, Int)
    case jump(Int)
    /// Stores the position in a slot: 0 and 1 the match, 2 and 3 the first group.
    case save(Int)
    case check(Assertion)
    case match
  }

  enum Assertion: Equatable { case textStart, textEnd, beforeFinalBreak, lineStart, lineEnd, wordEdge, noWordEdge }

  /// Programs beyond this are refused: `(a{1000}){1000}` must not fill the memory.
  static let programLimit = 20_000

  package let source: String
  let program: [Instruction]

  /// - Throws: ``RewardError`` with the byte position in the pattern and what is wrong there.
  package init(_ source: String) throws(RewardError) {
    self.source = source
    var parser = PatternParser(source)
    let node = try parser.parse()
    var compiler = PatternCompiler()
    try compiler.emit(.save(0))
    try compiler.compile(node)
    try compiler.emit(.save(1))
    try compiler.emit(.match)
    program = compiler.program
  }
}

/// A set of byte values.
struct ByteSet: Equatable, Sendable {
  private var low: (UInt64, UInt64) = (0, 0)
  private var high: (UInt64, UInt64) = (0, 0)

  init() {}

  init(_ ranges: ClosedRange<UInt8>...) {
    for range in ranges { insert(range) }
  }

  @inline(__always)
  func contains(_ byte: UInt8) -> Bool {
    let bit: UInt64 = 1 << UInt64(byte & 63)
    switch byte >> 6 {
    case 0: return low.0 & bit != 0
    case 1: return low.1 & bit != 0
    case 2: return high.0 & bit != 0
    default: return high.1 & bit != 0
    }
  }

  mutating func insert(_ range: ClosedRange<UInt8>) {
    for byte in range {
      let bit: UInt64 = 1 << UInt64(byte & 63)
      switch byte >> 6 {
      case 0: low.0 |= bit
      case 1: low.1 |= bit
      case 2: high.0 |= bit
      default: high.1 |= bit
      }
    }
  }

  mutating func formUnion(_ other: ByteSet) {
    low = (low.0 | other.low.0, low.1 | other.low.1)
    high = (high.0 | other.high.0, high.1 | other.high.1)
  }

  /// The ASCII bytes that are not in this set, and every byte that begins a longer UTF-8 character.
  var complement: ByteSet {
    var result = ByteSet(0xC0...0xFF)
    result.low = (~low.0, ~low.1)
    return result
  }

  /// Adds the other case of every ASCII letter.
  mutating func foldCase() {
    for byte in UInt8(ascii: "a")...UInt8(ascii: "z") {
      let upper = byte - 32
      if contains(byte) { insert(upper...upper) }
      if contains(upper) { insert(byte...byte) }
    }
  }

  static func == (a: ByteSet, b: ByteSet) -> Bool { a.low == b.low && a.high == b.high }

  static let digits = ByteSet(0x30...0x39)
  static let space = ByteSet(0x09...0x0D, 0x20...0x20)
  static let word = ByteSet(0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A)
  static let continuation = ByteSet(0x80...0xBF)
}
