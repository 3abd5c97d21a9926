/// A token that is recognised in the text itself, before any splitting: special tokens such as `<|im_start|>`, and
/// ordinary ones such as `<think>`.
struct AddedToken: Hashable, Sendable {
  let id: Int32
  let content: String
  /// Only where no word character stands right before or after it.
  var isSingleWord = false
  /// Takes the white space before it along.
  var stripsLeft = false
  /// Takes the white space after it along.
  var stripsRight = false
  /// Looked for in the normalised text, and normalised itself.
  var isNormalized = false
  /// Left out when special tokens are skipped in decoding.
  var isSpecial = true
}

/// Finds added tokens: at each place the longest, from left to right, without overlap.
struct AddedTokenMatcher: Sendable {
  /// A stretch of a text: an added token, or the text between two of them (`id` nil).
  struct Stretch {
    var id: Int32?
    var range: Range<Int>
  }

  private struct Node {
    var byte: UInt8
    var token: Int32 = -1
    var child: Int32 = -1
    var sibling: Int32 = -1
  }

  private let tokens: [AddedToken]
  private var nodes: [Node] = []
  /// The node that each first byte leads to; -1 for none.
  private var roots = [Int32](repeating: -1, count: 256)

  var isEmpty: Bool { tokens.isEmpty }

  /// - Parameter spelling: what to look for instead of a token's own content.
  init(_ tokens: [AddedToken], spelling: (AddedToken) -> [UInt8] = { Array($0.content.utf8) }) {
    self.tokens = tokens
    for (index, token) in tokens.enumerated() { insert(spelling(token), Int32(index)) }
  }

  private mutating func insert(_ bytes: [UInt8], _ token: Int32) {
    guard let first = bytes.first else { return }
    if roots[Int(first)] < 0 { roots[Int(first)] = append(Node(byte: first)) }
    var node = Int(roots[Int(first)])
    for byte in bytes.dropFirst() {
      if let next = child(of: node, byte) {
        node = next
      } else {
        let next = append(Node(byte: byte, sibling: nodes[node].child))
        nodes[node].child = next
        node = Int(next)
      }
    }
    nodes[node].token = token
  }

  private mutating func append(_ node: Node) -> Int32 {
    nodes.append(node)
    return Int32(nodes.count - 1)
  }

  private func child(of node: Int, _ byte: UInt8) -> Int? {
    var next = Int(nodes[node].child)
    while next >= 0 {
      if nodes[next].byte == byte { return next }
      next = Int(nodes[next].sibling)
    }
    return nil
  }

  /// The longest token that begins at `start`.
  private func match(_ text: UnsafeBufferPointer<UInt8>, at start: Int) -> (token: AddedToken, end: Int)? {
    var node = Int(roots[Int(text[start])])
    var found: (Int, Int)?
    var index = start + 1
    while node >= 0 {
      if nodes[node].token >= 0 { found = (Int(nodes[node].token), index) }
      guard index < text.count, let next = child(of: node, text[index]) else { break }
      node = next
      index += 1
    }
    return found.map { (tokens[$0.0], $0.1) }
  }

  /// Cuts valid UTF-8 into added tokens and what lies between them, in order; no empty stretches.
  func stretches(of text: UnsafeBufferPointer<UInt8>) -> [Stretch] {
    var result: [Stretch] = []
    var done = 0
    var index = 0
    while index < text.count {
      guard roots[Int(text[index])] >= 0, let (token, end) = match(text, at: index) else {
        index += 1
        continue
      }
      let start = index
      index = end
      if token.isSingleWord, Self.touchesWord(text, start, end) { continue }
      let view = ScalarView(text)
      let first = token.stripsLeft ? max(done, Self.spaceStart(view, before: start)) : start
      let stop = token.stripsRight ? view.runEnd(of: .space, from: end, to: text.count) : end
      if done < first { result.append(Stretch(id: nil, range: done..<first)) }
      // White space that the token before took along may leave nothing of a token that is white space itself.
      if first < stop { result.append(Stretch(id: token.id, range: first..<stop)) }
      done = stop
    }
    if done < text.count { result.append(Stretch(id: nil, range: done..<text.count)) }
    return result
  }

  /// The start of the white space that ends at `end`.
  private static func spaceStart(_ text: ScalarView, before end: Int) -> Int {
    var start = end
    while start > 0 {
      let scalar = scalarStart(text.bytes, before: start)
      if text.classAndLength(at: scalar).kind != .space { break }
      start = scalar
    }
    return start
  }

  private static func scalarStart(_ bytes: UnsafeBufferPointer<UInt8>, before end: Int) -> Int {
    var index = end - 1
    while index > 0, bytes[index] & 0xC0 == 0x80 { index -= 1 }
    return index
  }

  private static func touchesWord(_ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int) -> Bool {
    let view = ScalarView(text)
    if start > 0, isWord(view.scalar(at: scalarStart(text, before: start)).value) { return true }
    return end < text.count && isWord(view.scalar(at: end).value)
  }

  /// `\w` of Unicode's regular expressions (UTS #18): alphabetic, marks, decimal digits, connectors, joiners.
  private static func isWord(_ value: UInt32) -> Bool {
    guard let properties = Unicode.Scalar(value)?.properties, ScalarClasses.isKnown(properties) else { return false }
    switch properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: return true
    default: return properties.isAlphabetic || properties.isJoinControl
    }
  }
}
