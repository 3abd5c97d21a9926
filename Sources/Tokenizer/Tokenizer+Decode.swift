/// What each token gives in decoding.
struct DecodingTable: Sendable {
  let bytes: FlatStrings
  /// Tokens that stand for one byte by byte fallback.
  private let isByte: [Bool]
  private let special: [Bool]

  init(_ definition: TokenizerDefinition) {
    var bytes = FlatStrings()
    var isByte = [Bool](repeating: false, count: definition.spellings.count)
    var special = isByte
    // An added token that is looked for in normalised text decodes as it stands there.
    let normalized = Dictionary(
      uniqueKeysWithValues: definition.addedTokens.filter(\.isNormalized).map { token in
        (Int(token.id), definition.normalizer.normalize(Array(token.content.utf8))[...])
      })
    for id in 0..<definition.spellings.count {
      let spelling = normalized[id] ?? definition.spellings[id]
      switch definition.decoder {
      case .byteLevel:
        bytes.append(ByteAlphabet.decode(spelling) ?? Array(spelling))
      case .marked(let mark, _):
        if let byte = ByteToken.byte(spelling) {
          bytes.append(CollectionOfOne(byte))
          isByte[id] = true
        } else {
          let step = Normalizer(steps: [.replace(mark, by: " ")])
          bytes.append(step.normalize(Array(spelling)))
        }
      }
    }
    for token in definition.addedTokens where token.isSpecial { special[Int(token.id)] = true }
    self.bytes = bytes
    self.isByte = isByte
    self.special = special
  }

  func isSpecial(_ id: Int32) -> Bool { id >= 0 && Int(id) < special.count && special[Int(id)] }

  func isByteToken(_ id: Int32) -> Bool { isByte[Int(id)] }

  func holds(_ id: Int32) -> Bool { id >= 0 && Int(id) < special.count }
}

extension Tokenizer {
  /// The bytes a token stands for: for byte-level models often less or more than whole characters. Empty for an id
  /// that has no token.
  package func bytes(of id: Int32) -> [UInt8] {
    decodingTable.holds(id) ? Array(decodingTable.bytes[Int(id)]) : []
  }

  /// The text of ids, U+FFFD for each maximal part that is not UTF-8 (in models with byte fallback: for each byte of a
  /// run of byte tokens that is not UTF-8 as a whole). Ids without a token give nothing.
  package func decode(_ ids: some Sequence<Int32>, skipSpecialTokens: Bool) -> String {
    var output: [UInt8] = []
    switch definition.decoder {
    case .byteLevel:
      var repair = UTF8Repair()
      for id in ids where decodingTable.holds(id) && !(skipSpecialTokens && isSpecial(id)) {
        repair.append(decodingTable.bytes[Int(id)], to: &output)
      }
      repair.finish(to: &output)
    case .marked(_, let strippedSpaces):
      var run: [UInt8] = []
      for id in ids where decodingTable.holds(id) && !(skipSpecialTokens && isSpecial(id)) {
        if decodingTable.isByteToken(id) {
          run += decodingTable.bytes[Int(id)]
        } else {
          Self.flush(&run, to: &output)
          output += decodingTable.bytes[Int(id)]
        }
      }
      Self.flush(&run, to: &output)
      output.removeFirst(output.prefix(strippedSpaces).prefix { $0 == UInt8(ascii: " ") }.count)
    }
    return String(decoding: output, as: UTF8.self)
  }

  private static func flush(_ run: inout [UInt8], to output: inout [UInt8]) {
    guard !run.isEmpty else { return }
    if String(validating: run, as: UTF8.self) != nil {
      output += run
    } else {
      for _ in run { output += [0xEF, 0xBF, 0xBD] }
    }
    run.removeAll(keepingCapacity: true)
  }

  /// Decodes token by token and never shows part of a character.
  ///
  /// What `append` returned, joined, and then `finish`, is the text of `decode`. (One exception, in models with byte
  /// fallback: a run of byte tokens that is not UTF-8 as a whole keeps its good characters here.)
  package struct StreamingDecoder: Sendable {
    private let tokenizer: Tokenizer
    private let skipsSpecialTokens: Bool
    private var repair = UTF8Repair()
    /// Spaces still to be left out at the start of the text.
    private var spacesToStrip: Int

    package init(_ tokenizer: Tokenizer, skipSpecialTokens: Bool) {
      self.tokenizer = tokenizer
      skipsSpecialTokens = skipSpecialTokens
      if case .marked(_, let spaces) = tokenizer.definition.decoder {
        spacesToStrip = spaces
      } else {
        spacesToStrip = 0
      }
    }

    /// The text that is certain after one more token; an unfinished character is kept back.
    package mutating func append(_ id: Int32) -> String {
      guard tokenizer.decodingTable.holds(id), !(skipsSpecialTokens && tokenizer.isSpecial(id)) else { return "" }
      var output: [UInt8] = []
      repair.append(tokenizer.decodingTable.bytes[Int(id)], to: &output)
      return stripped(output)
    }

    /// The rest at the end: U+FFFD if a character was left unfinished. The decoder is as new after it.
    package mutating func finish() -> String {
      var output: [UInt8] = []
      repair.finish(to: &output)
      defer { self = StreamingDecoder(tokenizer, skipSpecialTokens: skipsSpecialTokens) }
      return stripped(output)
    }

    private mutating func stripped(_ output: [UInt8]) -> String {
      var start = 0
      while start < output.count, spacesToStrip > 0 {
        if output[start] == UInt8(ascii: " ") { start += 1 } else { spacesToStrip = 1 }
        spacesToStrip -= 1
      }
      return String(decoding: output[start...], as: UTF8.self)
    }
  }

  /// A decoder for one stream of tokens.
  package func streamingDecoder(skipSpecialTokens: Bool) -> StreamingDecoder {
    StreamingDecoder(self, skipSpecialTokens: skipSpecialTokens)
  }
}
