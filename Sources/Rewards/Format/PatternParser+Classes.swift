/// Escapes and classes.
extension PatternParser {
  mutating func escape() throws(RewardError) -> PatternNode {
    guard index + 1 < text.count else { throw fault("a backslash at the end") }
    let assertions: [UInt8: Pattern.Assertion] = [
      UInt8(ascii: "b"): .wordEdge, UInt8(ascii: "B"): .noWordEdge, UInt8(ascii: "A"): .textStart,
      UInt8(ascii: "z"): .textEnd, UInt8(ascii: "Z"): .textEnd,
    ]
    if let assertion = assertions[text[index + 1]] {
      index += 2
      return .assertion(assertion)
    }
    if text[index + 1] >= 0x80 {
      index += 1
      return literal()
    }
    let (set, negated) = try escapedSet()
    return negated ? .character(set.complement) : .bytes(folded(set))
  }

  /// The set of an escape at `index`; `negated` for \D, \W and \S, whose complement is meant.
  private mutating func escapedSet() throws(RewardError) -> (set: ByteSet, negated: Bool) {
    guard index + 1 < text.count else { throw fault("a backslash at the end") }
    let byte = text[index + 1]
    let place = index
    index += 2
    switch byte {
    case UInt8(ascii: "d"): return (.digits, false)
    case UInt8(ascii: "w"): return (.word, false)
    case UInt8(ascii: "s"): return (.space, false)
    case UInt8(ascii: "D"): return (.digits, true)
    case UInt8(ascii: "W"): return (.word, true)
    case UInt8(ascii: "S"): return (.space, true)
    case UInt8(ascii: "n"): return (ByteSet(0x0A...0x0A), false)
    case UInt8(ascii: "t"): return (ByteSet(0x09...0x09), false)
    case UInt8(ascii: "r"): return (ByteSet(0x0D...0x0D), false)
    case UInt8(ascii: "f"): return (ByteSet(0x0C...0x0C), false)
    case UInt8(ascii: "v"): return (ByteSet(0x0B...0x0B), false)
    case UInt8(ascii: "x"):
      guard index + 1 < text.count, let high = hexadecimal(text[index]), let low = hexadecimal(text[index + 1]) else {
        throw fault("expected two hexadecimal digits behind \\x", at: place)
      }
      index += 2
      return (ByteSet((high << 4 | low)...(high << 4 | low)), false)
    case _ where isDigit(byte): throw fault("back-references are not supported", at: place)
    case _ where isLetter(byte) || byte >= 0x80: throw fault("unknown escape", at: place)
    default: return (ByteSet(byte...byte), false)
    }
  }

  private func hexadecimal(_ byte: UInt8) -> UInt8? {
    if isDigit(byte) { return byte - 0x30 }
    let letter = byte | 0x20
    return letter >= UInt8(ascii: "a") && letter <= UInt8(ascii: "f") ? letter - UInt8(ascii: "a") + 10 : nil
  }

  mutating func characterClass() throws(RewardError) -> PatternNode {
    let open = index
    index += 1
    var negated = false
    if index < text.count, text[index] == UInt8(ascii: "^") { (negated, index) = (true, index + 1) }
    var set = ByteSet()
    var isFirst = true
    var holdsCharacters = false
    while index < text.count, isFirst || text[index] != UInt8(ascii: "]") {
      isFirst = false
      let (low, isSet, reaches) = try classItem()
      holdsCharacters = holdsCharacters || reaches
      set.formUnion(low)
      guard !isSet, index + 1 < text.count, text[index] == UInt8(ascii: "-"), text[index + 1] != UInt8(ascii: "]")
      else { continue }
      let dash = index
      index += 1
      let (high, highIsSet, _) = try classItem()
      guard !highIsSet, let first = low.only, let last = high.only, first <= last else {
        throw fault("a range that runs backwards or is not between two characters", at: dash)
      }
      set.insert(first...last)
    }
    guard index < text.count else { throw fault("missing ']' for this class", at: open) }
    index += 1
    set = folded(set)
    if negated { return .character(set.complement) }
    return holdsCharacters ? .character(set) : .bytes(set)
  }

  /// One character or escape of a class. `reaches`: the set holds characters beyond ASCII (\D, \W, \S).
  private mutating func classItem() throws(RewardError) -> (set: ByteSet, isSet: Bool, reaches: Bool) {
    guard index < text.count else { throw fault("missing ']'") }
    let byte = text[index]
    guard byte < 0x80 else { throw fault("only ASCII characters are supported in classes") }
    guard byte == UInt8(ascii: "\\") else {
      index += 1
      return (ByteSet(byte...byte), false, false)
    }
    let (set, negated) = try escapedSet()
    return negated ? (set.complement, true, true) : (set, set.only == nil, false)
  }
}

extension ByteSet {
  /// The single member, or nil.
  fileprivate var only: UInt8? {
    var found: UInt8?
    for byte in UInt8.min...UInt8.max where contains(byte) {
      guard found == nil else { return nil }
      found = byte
    }
    return found
  }
}
