/// A parsed pattern.
indirect enum PatternNode: Equatable {
  case empty
  case bytes(ByteSet)
  /// One character of several bytes: a leading byte of the set, and its continuation bytes.
  case character(ByteSet)
  case assertion(Pattern.Assertion)
  case capture(PatternNode)
  case sequence([PatternNode])
  case choice([PatternNode])
  case repetition(PatternNode, min: Int, max: Int?, lazy: Bool)
}

/// Recursive descent over the pattern's bytes; groups nest at most ``depthLimit`` deep.
struct PatternParser {
  let text: [UInt8]
  var index = 0
  private var hasCapture = false
  private var foldsCase = false
  private var dotMatchesBreaks = false
  private var anchorsMatchLines = false

  static let depthLimit = 100
  static let repeatLimit = 1000

  init(_ pattern: String) { text = Array(pattern.utf8) }

  func fault(_ message: String, at place: Int? = nil) -> RewardError {
    RewardError("pattern '\(String(decoding: text, as: UTF8.self))' at byte \(place ?? index): \(message)")
  }

  mutating func parse() throws(RewardError) -> PatternNode {
    try flags()
    let node = try choice(depth: 0)
    guard index == text.count else { throw fault("unexpected ')'") }
    return node
  }

  private mutating func flags() throws(RewardError) {
    guard text.has("(?", at: 0, end: text.count), text.count > 2, isLetter(text[2]), text[2] != UInt8(ascii: "P")
    else { return }
    var next = 2
    while next < text.count, text[next] != UInt8(ascii: ")") {
      switch text[next] {
      case UInt8(ascii: "i"): foldsCase = true
      case UInt8(ascii: "s"): dotMatchesBreaks = true
      case UInt8(ascii: "m"): anchorsMatchLines = true
      default: throw fault("expected the flags i, s or m", at: next)
      }
      next += 1
    }
    guard next < text.count else { throw fault("expected ')' behind the flags", at: next) }
    index = next + 1
  }

  private mutating func choice(depth: Int) throws(RewardError) -> PatternNode {
    guard depth <= Self.depthLimit else { throw fault("groups nest deeper than \(Self.depthLimit)") }
    var branches = [try sequence(depth: depth)]
    while index < text.count, text[index] == UInt8(ascii: "|") {
      index += 1
      branches.append(try sequence(depth: depth))
    }
    return branches.count == 1 ? branches[0] : .choice(branches)
  }

  private mutating func sequence(depth: Int) throws(RewardError) -> PatternNode {
    var parts: [PatternNode] = []
    while index < text.count, text[index] != UInt8(ascii: "|"), text[index] != UInt8(ascii: ")") {
      let start = index
      let node = try atom(depth: depth)
      parts.append(try quantified(node, from: start))
    }
    return parts.isEmpty ? .empty : (parts.count == 1 ? parts[0] : .sequence(parts))
  }

  private mutating func atom(depth: Int) throws(RewardError) -> PatternNode {
    let byte = text[index]
    switch byte {
    case UInt8(ascii: "("): return try group(depth: depth)
    case UInt8(ascii: "["): return try characterClass()
    case UInt8(ascii: "\\"): return try escape()
    case UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"):
      throw fault("nothing to repeat")
    case UInt8(ascii: "{") where counts(at: index) != nil: throw fault("nothing to repeat")
    case UInt8(ascii: "."):
      index += 1
      return .character(dotMatchesBreaks ? ByteSet().complement : ByteSet(0x0A...0x0A).complement)
    case UInt8(ascii: "^"):
      index += 1
      return .assertion(anchorsMatchLines ? .lineStart : .textStart)
    case UInt8(ascii: "$"):
      index += 1
      return .assertion(anchorsMatchLines ? .lineEnd : .beforeFinalBreak)
    default: return literal()
    }
  }

  /// One character, of several bytes where it is not ASCII.
  mutating func literal() -> PatternNode {
    let start = index
    index += 1
    guard text[start] >= 0x80 else { return .bytes(folded(ByteSet(text[start]...text[start]))) }
    while index < text.count, text[index] & 0xC0 == 0x80 { index += 1 }
    return .sequence(text[start..<index].map { .bytes(ByteSet($0...$0)) })
  }

  func folded(_ set: ByteSet) -> ByteSet {
    guard foldsCase else { return set }
    var set = set
    set.foldCase()
    return set
  }

  private mutating func group(depth: Int) throws(RewardError) -> PatternNode {
    let open = index
    index += 1
    var captures = false
    if index < text.count, text[index] == UInt8(ascii: "?") {
      guard text.has("?:", at: index, end: text.count) else {
        throw fault("only (…) and (?:…) groups are supported: no lookaround, no named groups, flags only first")
      }
      index += 2
    } else if !hasCapture {
      hasCapture = true
      captures = true
    }
    let inner = try choice(depth: depth + 1)
    guard index < text.count else { throw fault("missing ')' for this group", at: open) }
    index += 1
    return captures ? .capture(inner) : inner
  }

  private mutating func quantified(_ node: PatternNode, from start: Int) throws(RewardError) -> PatternNode {
    guard index < text.count else { return node }
    var bounds: (min: Int, max: Int?)
    switch text[index] {
    case UInt8(ascii: "*"): (bounds, index) = ((0, nil), index + 1)
    case UInt8(ascii: "+"): (bounds, index) = ((1, nil), index + 1)
    case UInt8(ascii: "?"): (bounds, index) = ((0, 1), index + 1)
    case UInt8(ascii: "{"):
      guard let found = counts(at: index) else { return node }
      if let max = found.max, max < found.min { throw fault("the larger count comes first") }
      guard max(found.min, found.max ?? 0) <= Self.repeatLimit else {
        throw fault("counts end at \(Self.repeatLimit)")
      }
      (bounds, index) = ((found.min, found.max), found.end)
    default: return node
    }
    if case .assertion = node, text[start] != UInt8(ascii: "(") {
      throw fault("an anchor cannot be repeated", at: start)
    }
    var lazy = false
    if index < text.count, text[index] == UInt8(ascii: "?") { (lazy, index) = (true, index + 1) }
    if index < text.count {
      let next = text[index]
      let again = next == UInt8(ascii: "*") || next == UInt8(ascii: "+") || next == UInt8(ascii: "?")
      if again || counts(at: index) != nil { throw fault("a second quantifier; use a group") }
    }
    return .repetition(node, min: bounds.min, max: bounds.max, lazy: lazy)
  }

  /// `{n}`, `{n,}` or `{n,m}` at `place`; nil for any other brace, which is a literal.
  private func counts(at place: Int) -> (min: Int, max: Int?, end: Int)? {
    guard place < text.count, text[place] == UInt8(ascii: "{") else { return nil }
    var next = place + 1
    guard let low = number(&next), next < text.count else { return nil }
    if text[next] == UInt8(ascii: "}") { return (low, low, next + 1) }
    guard text[next] == UInt8(ascii: ",") else { return nil }
    next += 1
    let high = number(&next)
    guard next < text.count, text[next] == UInt8(ascii: "}") else { return nil }
    return (low, high, next + 1)
  }

  private func number(_ next: inout Int) -> Int? {
    let start = next
    var value = 0
    while next < text.count, isDigit(text[next]) {
      value = min(value * 10 + Int(text[next] - 0x30), Self.repeatLimit + 1)
      next += 1
    }
    return next > start ? value : nil
  }
}
