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
    ("model", GGUFTokenizer.Value.string("llama")), ("model", .integer(1)), ("tokens", .integer(3)),
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
