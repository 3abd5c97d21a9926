import Formats
import Testing
import Tokenizer

/// Tokenizers read from GGUF metadata.
struct GGUFTokenizerTests {
  private static let preTokenizers = ["smollm", "gpt-2", "qwen2", "llama-bpe"]

  /// The byte-level tokenizers of Golden, which is the kind that GGUF calls gpt2.
  private static let byteLevel = TokenizerFolder.all.filter { folder in
    (try? JSON.parse(contentsOf: "\(folder.path)/tokenizer.json"))?["decoder"]?["type"] == "ByteLevel"
  }

  /// One of the pre-tokenizers makes the tokenizer of the folder again: the same digest, the same ids.
  @Test(arguments: byteLevel)
  func isTheTokenizerOfTheFolder(_ folder: TokenizerFolder) throws {
    let expected = try folder.tokenizer()
    let json = try JSON.parse(contentsOf: "\(folder.path)/tokenizer.json")
    var matches = 0
    for pre in Self.preTokenizers {
      var file = GGUFTokenizer(json: json, pre: pre)
      file["add_bos_token"] = .flag(expected.encode("", addSpecialTokens: true) != [])
      file["bos_token_id"] = expected.bosID.map { .integer(Int($0)) }
      let tokenizer = try file.open { try Tokenizer(gguf: $0) }
      guard tokenizer.digest == expected.digest else { continue }
      matches += 1
      for row in try folder.rows("golden.jsonl") {
        let text = try #require(row["text"]?.string)
        let ids = try #require(row["ids"]?.ids)
        #expect(tokenizer.encode(text, addSpecialTokens: false) == ids)
        #expect(tokenizer.encode(text, addSpecialTokens: true) == row["ids_with_special"]?.ids ?? ids)
      }
    }
    #expect(matches == 1)
  }

  /// `smollm` cuts out single digits, which the tokenizer.json of the folder leaves out.
  @Test(arguments: byteLevel.filter { $0.has("golden_digits.jsonl") })
  func cutsOutDigits(_ folder: TokenizerFolder) throws {
    let file = GGUFTokenizer(json: try JSON.parse(contentsOf: "\(folder.path)/tokenizer.json"), pre: "smollm")
    let tokenizer = try file.open { try Tokenizer(gguf: $0) }
    for row in try folder.rows("golden_digits.jsonl") {
      let text = try #require(row["text"]?.string)
      #expect(tokenizer.encode(text, addSpecialTokens: false) == row["ids"]?.ids)
    }
  }

  /// Those of Golden that are SentencePiece's, which is what GGUF calls llama: the normalizer puts the space in front.
  private static let sentencePiece = TokenizerFolder.all.filter { folder in
    let json = try? JSON.parse(contentsOf: "\(folder.path)/tokenizer.json")
    return json?["model"]?["byte_fallback"]?.bool == true
      && json?["normalizer"]?["normalizers"]?[0]?["type"] == "Prepend"
  }

  /// Scores in place of merges give the ids of the folder, and its text; published and read again, the same.
  @Test(arguments: sentencePiece)
  func readsScores(_ folder: TokenizerFolder) throws {
    let json = try JSON.parse(contentsOf: "\(folder.path)/tokenizer.json")
    let expected = try folder.tokenizer()
    var file = GGUFTokenizer(sentencePiece: json)
    file["add_bos_token"] = .flag(expected.encode("", addSpecialTokens: true) != [])
    file["bos_token_id"] = expected.bosID.map { .integer(Int($0)) }
    let tokenizer = try file.open { try Tokenizer(gguf: $0) }
    let again = try publishedAndRead(tokenizer)
    #expect(again.digest == tokenizer.digest)
    // White space after an added token is no part of a GGUF file.
    let strips = json["added_tokens"]?.array?.filter { $0["rstrip"]?.bool == true }.compactMap { $0["content"]?.string }
    for row in try folder.rows("golden.jsonl") {
      let text = try #require(row["text"]?.string)
      let ids = try #require(row["ids"]?.ids)
      guard strips?.contains(where: { text.contains($0) }) != true else { continue }
      #expect(tokenizer.encode(text, addSpecialTokens: false) == ids)
      #expect(again.encode(text, addSpecialTokens: true) == row["ids_with_special"]?.ids ?? ids)
      #expect(bytes(tokenizer.decode(ids, skipSpecialTokens: false)) == bytes(row["decoded"]?.string))
    }
  }

  /// Equal scores keep the order of the tokens, and of one token's halves the longer left one goes first; without
  /// `add_space_prefix` the text begins as it is.
  @Test func sentencePieceByHand() throws {
    var file = GGUFTokenizer()
    file["model"] = .string("llama")
    file["tokens"] = .strings(["<unk>", "a", "b", "\u{2581}", "ab", "ba", "aba", "<0x0A>", "\u{2581}a"])
    file["token_type"] = .integers([2, 1, 1, 1, 1, 1, 1, 6, 1])
    file["scores"] = .floats([0, 0, 0, 0, -2, -1, -3, 0, -4])
    file["add_bos_token"] = .flag(false)
    func ids(_ text: String) throws -> [Int32] {
      try file.open { try Tokenizer(gguf: $0).encode(text, addSpecialTokens: true) }
    }
    // "ba" has the highest score: a|ba|b, and then "aba" before "\u{2581}a".
    #expect(try ids("abab") == [3, 6, 2])
    #expect(try ids("a\n?!b") == [8, 7, 0, 2])
    file["add_space_prefix"] = .flag(false)
    #expect(try ids("a a") == [1, 8])
    for (key, value) in [
      ("scores", GGUFTokenizer.Value.floats([1])), ("scores", .floats([.nan, 0, 0, 0, 0, 0, 0, 0, 0])),
      ("scores", .string("x")),
      ("tokens", .strings([String(repeating: "a", count: 600), "a", "b", "c", "d", "e", "f", "g", "h"])),
    ] {
      var broken = file
      broken[key] = value
      if key == "tokens" { broken["token_type"] = .integers(Array(repeating: 1, count: 9)) }
      #expect(throws: RollbookError.self) { try broken.open { try Tokenizer(gguf: $0) } }
    }
  }

  /// A file that names no rule of its own: llama.cpp's default one, also when written as tokenizer.json and read again.
  @Test func defaultRule() throws {
    var file = GGUFTokenizer()
    file["model"] = .string("gpt2")
    let letters = "abc123.$'`\u{120}".unicodeScalars.map(String.init)
    file["tokens"] = .strings(letters + ["12", "23", "\u{120}a", "..", "ab", "'a", "\u{120}1", "`a", "123"])
    file["merges"] = .strings(["1 2", "2 3", "\u{120} a", ". .", "a b", "' a", "\u{120} 1", "` a", "12 3"])
    for pre in [nil, "default"] {
      file["pre"] = pre.map { .string($0) }
      let tokenizer = try file.open { try Tokenizer(gguf: $0) }
      for tokenizer in [tokenizer, try publishedAndRead(tokenizer)] {
        func spellings(_ text: String) -> [String] {
          tokenizer.encode(text, addSpecialTokens: false).compactMap { tokenizer.spelling(of: $0) }
        }
        #expect(spellings("ab..$a a 1") == ["ab", "..", "$", "a", "\u{120}a", "\u{120}", "1"])
        #expect(spellings("12312 'a `a") == ["123", "12", "\u{120}", "'", "a", "\u{120}", "`", "a"])
      }
    }
  }

  @Test(.enabled(if: RealModel.path != nil, Comment(rawValue: RealModel.comment)))
  func readsTheRealModel() throws {
    let path = try #require(RealModel.path)
    let tokenizer = try Tokenizer.load(try ModelFiles.open(path: path))
    let folder = try #require(TokenizerFolder.all.first { $0.has("golden_digits.jsonl") })
    for row in try folder.rows("golden_digits.jsonl") {
      let text = try #require(row["text"]?.string)
      #expect(tokenizer.encode(text, addSpecialTokens: true) == row["ids"]?.ids)
    }
    let again = try publishedAndRead(tokenizer)
    #expect(again.digest == tokenizer.digest)
    #expect(again.eosIDs == tokenizer.eosIDs && again.bosID == tokenizer.bosID && again.padID == tokenizer.padID)
    let input = ChatTemplate.Input(messages: [Message(role: "user", content: "Hi").json])
    let prompt = try tokenizer.render(input).text
    #expect(prompt.utf8.elementsEqual(try again.render(input).text.utf8))
    #expect(tokenizer.eosIDs.allSatisfy { tokenizer.isSpecial($0) } && !tokenizer.eosIDs.isEmpty)
  }

  @Test(arguments: [
    ("model", GGUFTokenizer.Value.string("t5")), ("model", GGUFTokenizer.Value.string("llama")), ("model", .integer(1)),
    ("tokens", .integer(3)),
    ("tokens", .strings(["a"])), ("token_type", .integers([1])), ("token_type", .string("x")),
    ("merges", .strings(["a"])),
    ("merges", .strings(["a b c"])), ("merges", .strings(["a z"])), ("merges", .flag(true)),
    ("pre", .string("unheard-of")),
    ("bos_token_id", .integer(99)), ("eos_token_id", .string("x")), ("add_bos_token", .flag(true)),
    ("add_bos_token", .integer(1)),
  ])
  func refuses(_ key: String, _ value: GGUFTokenizer.Value) throws {
    var file = GGUFTokenizer()
    file["model"] = .string("gpt2")
    file["pre"] = .string("gpt-2")
    file["tokens"] = .strings(["a", "b", "ab", "<|end|>"])
    file["token_type"] = .integers([1, 1, 1, 3])
    file["merges"] = .strings(["a b"])
    #expect(try file.open { try Tokenizer(gguf: $0).encode("ab<|end|>", addSpecialTokens: true) } == [2, 3])
    file[key] = value
    let error = #expect(throws: RollbookError.self) { try file.open { try Tokenizer(gguf: $0) } }
    #expect(error?.code == .badInput)
    #expect(error?.description.contains(".gguf") == true)
  }

  @Test(arguments: ["model", "tokens", "merges"])
  func refusesAFileWithout(_ key: String) throws {
    var file = GGUFTokenizer()
    file["model"] = .string("gpt2")
    file["tokens"] = .strings(["a"])
    file["merges"] = .strings([])
    file[key] = nil
    #expect(throws: RollbookError.self) { try file.open { try Tokenizer(gguf: $0) } }
  }
}
