import Synchronization

extension Tokenizer {
  /// The token ids of a text. Added tokens in the text are recognised, special or not.
  ///
  /// Ids equal those of the tokenizers library. Bytes that the vocabulary cannot spell become the unknown token, or
  /// vanish where there is none.
  ///
  /// - Parameter addSpecialTokens: adds what the model puts around every text (begin-of-text); rendered chat templates
  ///   have it already.
  package func encode(_ text: String, addSpecialTokens: Bool) -> [Int32] {
    var text = text
    var ids = addSpecialTokens ? definition.prefix : []
    text.withUTF8 { bytes in
      let done: Void? = encoder.withLockIfAvailable { $0.encode(bytes, with: self, into: &ids) }
      if done == nil {
        var own = Encoder(caches: false)
        own.encode(bytes, with: self, into: &ids)
      }
    }
    if addSpecialTokens { ids += definition.suffix }
    return ids
  }
}

/// The working memory of encoding: reused from text to text.
struct Encoder: Sendable {
  private var pieces = Pieces()
  private var merger = BytePairMerger()
  private var cache = PieceCache()
  private let caches: Bool

  /// - Parameter caches: whether to remember pieces, which takes memory that one short text is not worth.
  init(caches: Bool = true) {
    self.caches = caches
  }

  /// Appends the ids of a text.
  mutating func encode(_ text: UnsafeBufferPointer<UInt8>, with tokenizer: Tokenizer, into ids: inout [Int32]) {
    if tokenizer.rawMatcher.isEmpty {
      encodeNormalizing(text, isStart: true, with: tokenizer, into: &ids)
      return
    }
    for stretch in tokenizer.rawMatcher.stretches(of: text) {
      if let id = stretch.id {
        ids.append(id)
      } else {
        let part = UnsafeBufferPointer(rebasing: text[stretch.range])
        encodeNormalizing(part, isStart: stretch.range.lowerBound == 0, with: tokenizer, into: &ids)
      }
    }
  }

  private mutating func encodeNormalizing(
    _ text: UnsafeBufferPointer<UInt8>, isStart: Bool, with tokenizer: Tokenizer, into ids: inout [Int32]
  ) {
    if tokenizer.definition.normalizer.isIdentity {
      encodeMatching(text, isStart: isStart, with: tokenizer, into: &ids)
    } else {
      tokenizer.definition.normalizer.normalize(Array(text)).withUnsafeBufferPointer {
        encodeMatching($0, isStart: isStart, with: tokenizer, into: &ids)
      }
    }
  }

  private mutating func encodeMatching(
    _ text: UnsafeBufferPointer<UInt8>, isStart: Bool, with tokenizer: Tokenizer, into ids: inout [Int32]
  ) {
    if tokenizer.normalizedMatcher.isEmpty {
      encodePieces(text, isStart: isStart, with: tokenizer, into: &ids)
      return
    }
    for stretch in tokenizer.normalizedMatcher.stretches(of: text) {
      if let id = stretch.id {
        ids.append(id)
      } else {
        let part = UnsafeBufferPointer(rebasing: text[stretch.range])
        encodePieces(part, isStart: isStart && stretch.range.lowerBound == 0, with: tokenizer, into: &ids)
      }
    }
  }

  private mutating func encodePieces(
    _ text: UnsafeBufferPointer<UInt8>, isStart: Bool, with tokenizer: Tokenizer, into ids: inout [Int32]
  ) {
    pieces.set(text)
    pieces.apply(tokenizer.definition.preTokenizer, isStart: isStart)
    let model = tokenizer.model
    if let mark = model.cutMark { pieces.cutBeforeRuns(of: mark) }
    pieces.bytes.withUnsafeBufferPointer { bytes in
      var start = 0
      for end in pieces.ends {
        let piece = UnsafeBufferPointer(rebasing: bytes[start..<end])
        start = end
        if cache.append(piece, to: &ids) { continue }
        model.tokenize(piece, &merger)
        ids.append(contentsOf: merger.symbols)
        if caches { cache.insert(piece, merger.symbols) }
      }
    }
  }
}
