import Formats

extension TokenizerDefinition {
  /// Longer tokens are refused: all the ways to cut a token in two are tried, and real ones have tens of bytes.
  private static let longestToken = 512
  /// What SentencePiece writes for a space (U+2581).
  private static let mark = "\u{2581}"

  /// Reads the rest of `tokenizer.ggml.model` llama, SentencePiece's BPE with byte fallback: `scores` instead of
  /// merges, `add_space_prefix`.
  ///
  /// The merges are those that transformers' converter derives from scores: every way to cut a token into two tokens,
  /// tokens of a higher score first.
  mutating func readSentencePiece(tokens: [String], _ metadata: GGUFTokenizerMetadata) throws {
    let source = metadata.source
    guard let scores = metadata.values[metadata.key("scores")]?.doubles, scores.count == tokens.count else {
      throw source.bad(metadata.key("scores"), "expected one number for each of \(tokens.count) tokens")
    }
    guard !scores.contains(where: \.isNaN) else {
      throw source.bad(metadata.key("scores"), "expected numbers, found NaN")
    }
    let types = try metadata.integers("token_type") ?? Array(repeating: 1, count: tokens.count)
    let isText = types.map { $0 == GGUFTokenType.normal.rawValue || $0 == GGUFTokenType.userDefined.rawValue }
    if let long = tokens.firstIndex(where: { $0.utf8.count > Self.longestToken }), isText[long] {
      throw source.bad(
        "\(metadata.key("tokens"))[\(long)]",
        "expected at most \(Self.longestToken) bytes, found \(tokens[long].utf8.count)")
    }
    byteFallback = tokens.contains { ByteToken.byte(Array($0.utf8)) != nil }
    fusesUnknown = true
    unknownID =
      try metadata.id("unknown_token_id")
      ?? types.firstIndex(of: GGUFTokenType.unknown.rawValue).map { Int32($0) }
    let hasPrefix = try metadata.flag("add_space_prefix") ?? true
    normalizer.steps = (hasPrefix ? [.prepend(Self.mark)] : []) + [.replace(" ", by: Self.mark)]
    decoder = .marked(Self.mark, stripsSpaces: hasPrefix ? 1 : 0)
    merges = Self.merges(tokens, scores: scores, isText: isText, SpellingTable(spellings))
  }

  private struct ScoredMerge {
    let merge: MergeTable.Merge
    let score: Double
    /// Lengths of the parts in scalars.
    let left: Int
    let right: Int

    /// Equal ones keep the order of the tokens.
    func precedes(_ other: ScoredMerge) -> Bool {
      if score != other.score { return score > other.score }
      return left != other.left ? left > other.left : right > other.right
    }
  }

  private static func merges(
    _ tokens: [String], scores: [Double], isText: [Bool], _ vocabulary: SpellingTable
  ) -> [MergeTable.Merge] {
    var found: [ScoredMerge] = []
    for (id, token) in tokens.enumerated() where isText[id] {
      let bytes = Array(token.utf8)
      let count = token.unicodeScalars.count
      var left = 0
      bytes.withUnsafeBufferPointer { bytes in
        // Of a token that is there twice, only the first is the vocabulary's.
        guard vocabulary[bytes].map(Int.init) == id else { return }
        for cut in bytes.indices.dropFirst() where bytes[cut] & 0xC0 != 0x80 {
          left += 1
          guard let a = vocabulary[UnsafeBufferPointer(rebasing: bytes[..<cut])], isText[Int(a)],
            let b = vocabulary[UnsafeBufferPointer(rebasing: bytes[cut...])], isText[Int(b)]
          else { continue }
          let merge = MergeTable.Merge(left: a, right: b, result: Int32(id))
          found.append(ScoredMerge(merge: merge, score: scores[id], left: left, right: count - left))
        }
      }
    }
    return found.enumerated()
      .sorted { a, b in
        if a.element.precedes(b.element) { return true }
        return !b.element.precedes(a.element) && a.offset < b.offset
      }
      .map(\.element.merge)
  }
}
