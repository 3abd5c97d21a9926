/// The BPE model: from a piece of text to its tokens.
struct BytePairModel: Sendable {
  /// By spelling; tokens that are only added tokens are not in it.
  let vocabulary: SpellingTable
  let merges: MergeTable
  private let isByteLevel: Bool
  /// The token of each single byte: of its character for byte-level models, `<0x..>` for the others; -1 for none.
  private let byteTokens: [Int32]
  private let usesByteFallback: Bool
  private let ignoresMerges: Bool
  private let unknownID: Int32?
  private let fusesUnknown: Bool
  /// What stands for a space, where a piece may be cut in front of it without changing any token.
  let cutMark: [UInt8]?

  init(_ definition: TokenizerDefinition) {
    var spellings = definition.spellings
    if !definition.addedOnly.isEmpty {
      spellings = FlatStrings()
      for id in 0..<definition.spellings.count {
        if definition.addedOnly.contains(Int32(id)) {
          spellings.append(EmptyCollection())
        } else {
          spellings.append(definition.spellings[id])
        }
      }
    }
    vocabulary = SpellingTable(spellings)
    merges = MergeTable(definition.merges)
    isByteLevel = definition.preTokenizer.isByteLevel
    ignoresMerges = definition.ignoresMerges
    unknownID = definition.unknownID
    fusesUnknown = definition.fusesUnknown
    byteTokens = Self.byteTokens(vocabulary, isByteLevel: isByteLevel)
    usesByteFallback = definition.byteFallback
    cutMark = Self.cutMark(definition, vocabulary)
  }

  /// SentencePiece's tokenizers work on whole texts, but nearly all their merges stay inside of a word. Where no merge
  /// joins something to a following space, words can be merged one by one, and remembered.
  private static func cutMark(_ definition: TokenizerDefinition, _ vocabulary: SpellingTable) -> [UInt8]? {
    guard case .marked(let text, _) = definition.decoder, text.unicodeScalars.count == 1, vocabulary[text] != nil else {
      return nil
    }
    let mark = Array(text.utf8)
    func ends(_ id: Int32) -> Bool { definition.spellings[Int(id)].suffix(mark.count).elementsEqual(mark) }
    func starts(_ id: Int32) -> Bool { definition.spellings[Int(id)].starts(with: mark) }
    return definition.merges.contains { starts($0.right) && !ends($0.left) } || definition.ignoresMerges ? nil : mark
  }

  private static func byteTokens(_ vocabulary: SpellingTable, isByteLevel: Bool) -> [Int32] {
    (UInt8.min...UInt8.max).map { byte in
      if !isByteLevel { return vocabulary[ByteToken.spelling(byte)] ?? -1 }
      var spelling: [UInt8] = []
      ByteAlphabet.append(byte, to: &spelling)
      return vocabulary[spelling] ?? -1
    }
  }

  /// Leaves the tokens of a piece (valid UTF-8) in `merger.symbols`.
  func tokenize(_ piece: UnsafeBufferPointer<UInt8>, _ merger: inout BytePairMerger) {
    merger.symbols.removeAll(keepingCapacity: true)
    if ignoresMerges, let whole = wholeToken(piece) {
      merger.symbols.append(whole)
      return
    }
    if isByteLevel { spellBytes(piece, &merger.symbols) } else { spellScalars(piece, &merger.symbols) }
    merger.merge(merges)
  }

  private func wholeToken(_ piece: UnsafeBufferPointer<UInt8>) -> Int32? {
    guard isByteLevel else { return vocabulary[piece] }
    var spelling: [UInt8] = []
    spelling.reserveCapacity(2 * piece.count)
    for byte in piece { ByteAlphabet.append(byte, to: &spelling) }
    return vocabulary[spelling]
  }

  private func spellBytes(_ piece: UnsafeBufferPointer<UInt8>, _ symbols: inout [Int32]) {
    var hasUnknown = false
    for byte in piece {
      let token = byteTokens[Int(byte)]
      if token >= 0 {
        flushUnknown(&symbols, &hasUnknown)
        symbols.append(token)
      } else {
        noteUnknown(&symbols, &hasUnknown)
      }
    }
    flushUnknown(&symbols, &hasUnknown)
  }

  private func spellScalars(_ piece: UnsafeBufferPointer<UInt8>, _ symbols: inout [Int32]) {
    let text = ScalarView(piece)
    var hasUnknown = false
    var index = 0
    while index < piece.count {
      let length = text.scalar(at: index).length
      let scalar = UnsafeBufferPointer(rebasing: piece[index..<(index + length)])
      index += length
      if let token = vocabulary[scalar] {
        flushUnknown(&symbols, &hasUnknown)
        symbols.append(token)
      } else if usesByteFallback, scalar.allSatisfy({ byteTokens[Int($0)] >= 0 }) {
        // As in the tokenizers library, an unknown character before these bytes comes out after them.
        for byte in scalar { symbols.append(byteTokens[Int(byte)]) }
      } else {
        noteUnknown(&symbols, &hasUnknown)
      }
    }
    flushUnknown(&symbols, &hasUnknown)
  }

  private func noteUnknown(_ symbols: inout [Int32], _ hasUnknown: inout Bool) {
    if !fusesUnknown { flushUnknown(&symbols, &hasUnknown) }
    hasUnknown = true
  }

  private func flushUnknown(_ symbols: inout [Int32], _ hasUnknown: inout Bool) {
    if hasUnknown, let unknownID { symbols.append(unknownID) }
    hasUnknown = false
  }
}

/// The tokens `<0x00>` … `<0xFF>` that stand for single bytes in vocabularies with byte fallback.
enum ByteToken {
  static func spelling(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16, uppercase: true)
    return "<0x" + (digits.utf8.count == 1 ? "0" : "") + digits + ">"
  }

  /// The byte of a spelling; nil for any other token.
  static func byte(_ spelling: some Collection<UInt8>) -> UInt8? {
    guard spelling.count == 6, spelling.starts(with: "<0x".utf8), spelling.dropFirst(5).first == UInt8(ascii: ">")
    else {
      return nil
    }
    return UInt8(String(decoding: spelling.dropFirst(3).prefix(2), as: UTF8.self), radix: 16)
  }
}
