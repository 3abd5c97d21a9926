import Formats
import Testing
import Tokenizer

/// A tokenizer of four entries and one added token.
enum SmallTokenizer {
  static func model(
    vocabulary: JSON = ["a": 0, "b": 1, "ab": 2, "ba": 3], merges: JSON = [["a", "b"], ["b", "a"]]
  ) -> JSON {
    ["type": "BPE", "vocab": vocabulary, "merges": merges]
  }

  static func addedToken(_ content: String, id: JSON = 4, special: JSON = true) -> JSON {
    ["id": id, "content": .string(content), "special": special, "normalized": false]
  }

  static func json() -> JSON {
    [
      "added_tokens": [addedToken("<e>")], "normalizer": .null,
      "pre_tokenizer": ["type": "ByteLevel", "add_prefix_space": false, "use_regex": true], "post_processor": .null,
      "decoder": ["type": "ByteLevel"], "model": model(),
    ]
  }
}

/// Files that are damaged, wrong, or of a kind that is not supported: an error that names the file and the part.
struct HostileTokenizerTests {
  @Test func theSmallTokenizerWorks() throws {
    let tokenizer = try Tokenizer(json: SmallTokenizer.json())
    #expect(tokenizer.encode("abab<e>ba c", addSpecialTokens: true) == [2, 2, 4, 3])
    #expect(tokenizer.decode([2, 4, 99, -1, 3], skipSpecialTokens: true) == "abba")
    #expect(tokenizer.bytes(of: 99) == [] && tokenizer.bytes(of: -1) == [] && tokenizer.bytes(of: 2) == [0x61, 0x62])
    #expect(tokenizer.id(of: "ab") == 2 && tokenizer.id(of: "<e>") == 4 && tokenizer.id(of: "zz") == nil)
    #expect(tokenizer.spelling(of: 4) == "<e>" && tokenizer.spelling(of: 5) == nil)
  }

  static let changes: [(key: String, value: JSON, word: String)] = [
    ("model", .null, "model"), ("model", [], "model"), ("model", ["type": "Unigram"], "Unigram"),
    ("model", ["type": "BPE", "merges": []], "model.vocab"),
    ("model", ["type": "BPE", "vocab": ["a": 0, "b": 1, "c": 2, "d": 3]], "model.merges"),
    ("model", SmallTokenizer.model(vocabulary: ["a": 0, "b": 0]), "both"),
    ("model", SmallTokenizer.model(vocabulary: ["a": -1]), "model.vocab[\"a\"]"),
    ("model", SmallTokenizer.model(vocabulary: ["a": 1e18]), "model.vocab[\"a\"]"),
    ("model", SmallTokenizer.model(vocabulary: ["a": "0"]), "model.vocab[\"a\"]"),
    ("model", SmallTokenizer.model(merges: [["a"]]), "model.merges[0]"),
    ("model", SmallTokenizer.model(merges: ["a b", "ab"]), "model.merges[1]"),
    ("model", SmallTokenizer.model(merges: [["", "a"]]), "model.merges[0]"),
    ("model", SmallTokenizer.model(merges: [["ab", "ab"]]), "abab"),
    ("model", SmallTokenizer.model(merges: [7]), "model.merges[0]"),
    (
      "model", ["type": "BPE", "vocab": ["a": 0, "b": 1, "c": 2, "d": 3], "merges": [], "unk_token": "u"], "unk_token"
    ),
    ("model", ["type": "BPE", "vocab": [:], "merges": [], "byte_fallback": 1], "byte_fallback"),
    ("model", ["type": "BPE", "vocab": [:], "merges": [], "end_of_word_suffix": "</w>"], "end_of_word_suffix"),
    ("model", ["type": "BPE", "vocab": [:], "merges": [], "dropout": 0.1], "dropout"),
    ("added_tokens", 3, "added_tokens"), ("added_tokens", [3], "added_tokens[0]"),
    ("added_tokens", [SmallTokenizer.addedToken("<e>", id: 9)], "added_tokens[0]"),
    ("added_tokens", [SmallTokenizer.addedToken("a")], "added_tokens[0]"),
    ("added_tokens", [SmallTokenizer.addedToken("x"), SmallTokenizer.addedToken("y")], "added_tokens[1]"),
    ("added_tokens", [SmallTokenizer.addedToken("x", special: "yes")], "special"),
    ("added_tokens", [["id": 4]], "content"), ("normalizer", ["type": "NFKC"], "normalizer NFKC"),
    ("normalizer", 1, "normalizer"), ("normalizer", ["type": "Replace", "pattern": ["Regex": "x"]], "Replace"),
    ("normalizer", ["type": "Sequence"], "normalizers"), ("pre_tokenizer", ["type": "Whitespace"], "Whitespace"),
    ("pre_tokenizer", ["type": "Split", "pattern": ["Regex": "[a-z]+"]], "[a-z]+"),
    ("pre_tokenizer", ["type": "Metaspace"], "replacement"), ("pre_tokenizer", .null, "decoder"),
    ("pre_tokenizer", ["type": "ByteLevel", "use_regex": 1], "use_regex"),
    ("decoder", .null, "decoder"), ("decoder", ["type": "WordPiece"], "WordPiece"),
    ("decoder", ["type": "Sequence", "decoders": [["type": "Fuse"]]], "Fuse"),
    ("post_processor", ["type": "BertProcessing"], "BertProcessing"),
    ("post_processor", ["type": "TemplateProcessing", "single": []], "post_processor.single"),
    (
      "post_processor", ["type": "TemplateProcessing", "single": [["SpecialToken": ["id": "x"]]]],
      "post_processor.single"
    ),
    (
      "post_processor",
      [
        "type": "TemplateProcessing", "single": [["SpecialToken": ["id": "x"]], ["Sequence": [:]]],
        "special_tokens": ["x": ["ids": [7]]],
      ], "post_processor.special_tokens"
    ),
  ]

  @Test(arguments: changes.indices)
  func refuses(_ index: Int) throws {
    let change = Self.changes[index]
    var json = try #require(SmallTokenizer.json().object)
    json[change.key] = change.value
    let error = #expect(throws: RollbookError.self) { try Tokenizer(json: .object(json), source: "x/tokenizer.json") }
    #expect(error?.code == .badInput)
    #expect(error?.description.hasPrefix("x/tokenizer.json: ") == true, "\(change)")
    #expect(error?.description.contains(change.word) == true, "\(change.word): \(error?.description ?? "")")
  }

  @Test(arguments: [JSON.null, 1, "x", [], [:]])
  func refusesOtherJSON(_ json: JSON) {
    #expect(throws: RollbookError.self) { try Tokenizer(json: json) }
  }

  @Test func refusesAFolderWithoutTokenizer() {
    let error = #expect(throws: RollbookError.self) { try Tokenizer.load(folder: "/nonexistent") }
    #expect(error?.code == .missing)
  }

  /// Bytes changed at random: an error or a tokenizer, never a trap.
  @Test(arguments: TokenizerFolder.all.filter { !$0.has("golden_digits.jsonl") })
  func survivesDamage(_ folder: TokenizerFolder) throws {
    let file = try MappedFile(path: "\(folder.path)/tokenizer.json")
    let original = Array(file.bytes)
    var state: UInt64 = 1
    func draw(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
    for _ in 0..<60 {
      var bytes = original
      for _ in 0...draw(3) {
        let place = draw(bytes.count)
        switch draw(3) {
        case 0: bytes[place] = UInt8(draw(128))
        case 1: bytes.removeSubrange(place..<min(bytes.count, place + 1 + draw(40)))
        default: bytes.replaceSubrange(place..<place, with: bytes[place...].prefix(draw(40)))
        }
      }
      do {
        let tokenizer = try Tokenizer(json: try JSON.parse(bytes))
        let ids = tokenizer.encode("Hello, <s> wörld 123 \n<|im_end|>", addSpecialTokens: true)
        _ = tokenizer.decode(ids, skipSpecialTokens: false)
      } catch is RollbookError {}
    }
  }

  /// Pieces without any split keep to n log n.
  @Test(arguments: TokenizerFolder.all)
  func encodesLongPieces(_ folder: TokenizerFolder) throws {
    let tokenizer = try folder.tokenizer()
    for unit in ["a", " ", "ab", "\n", "é", "1"] {
      let text = "b" + String(repeating: unit, count: 4000)
      let ids = tokenizer.encode(text, addSpecialTokens: false)
      #expect(bytes(tokenizer.decode(ids, skipSpecialTokens: false)) == bytes(text))
    }
  }
}
