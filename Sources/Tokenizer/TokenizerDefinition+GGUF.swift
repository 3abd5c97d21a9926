import Formats

extension TokenizerDefinition {
  /// Reads the metadata `tokenizer.ggml.*` of a GGUF file: `model` gpt2 (byte-level BPE, with `merges` and `pre`) or
  /// llama (SentencePiece's BPE, with `scores`), `tokens`, `token_type`, and the flags `add_bos_token` and
  /// `add_eos_token`.
  ///
  /// `pre` names a pre-tokenizer of llama.cpp; each is read as the tokenizer.json of the models it was made for
  /// says it.
  ///
  /// - Throws: `RollbookError` `badInput` that names the file and the key.
  init(metadata: GGUFTokenizerMetadata) throws {
    let source = metadata.source
    let kind = try metadata.text("model")
    guard kind == "gpt2" || kind == "llama" else {
      throw source.unsupported(metadata.key("model"), "\"\(kind)\"", supported: "\"gpt2\", \"llama\"")
    }
    let tokens = try metadata.strings("tokens")
    guard tokens.count <= Self.idLimit else {
      throw source.bad(metadata.key("tokens"), "expected at most \(Self.idLimit) tokens, found \(tokens.count)")
    }
    for token in tokens { spellings.append(token.utf8) }
    addedTokens = try Self.addedTokens(tokens, types: metadata.integers("token_type"), metadata)
    if kind == "llama" {
      try readSentencePiece(tokens: tokens, metadata)
    } else {
      try readPreTokenizer(metadata.optionalText("pre") ?? "default", metadata)
      let vocabulary = SpellingTable(spellings)
      var builder = MergeBuilder(vocabulary: vocabulary, source: source, part: metadata.key("merges"))
      for (index, line) in try metadata.strings("merges").enumerated() { try builder.add(line: line, index) }
      merges = builder.merges
    }
    // llama.cpp puts begin-of-text before Llama 2's and Llama 3's texts unless the file says otherwise.
    if try metadata.flag("add_bos_token") ?? (kind == "llama" || ignoresMerges) {
      guard let id = try metadata.id("bos_token_id") else { throw source.bad(metadata.key("bos_token_id"), "missing") }
      prefix = [id]
    }
    if try metadata.flag("add_eos_token") ?? false {
      guard let id = try metadata.id("eos_token_id") else { throw source.bad(metadata.key("eos_token_id"), "missing") }
      suffix = [id]
    }
  }

  private mutating func readPreTokenizer(_ name: String, _ metadata: GGUFTokenizerMetadata) throws {
    switch name {
    case "default":
      // No published model was made with it: files from before the key existed, and llama.cpp's own rule for them.
      preTokenizer.steps = [
        .split(.punctuation), .split(.gpt2), .digits(individual: false), .split(.digitTriples),
        .byteLevel(addPrefixSpace: false, split: false),
      ]
    case "smollm":
      preTokenizer.steps = [.digits(individual: true), .byteLevel(addPrefixSpace: false, split: true)]
    case "gpt-2":
      preTokenizer.steps = [.byteLevel(addPrefixSpace: false, split: true)]
    case "qwen2", "deepseek-r1-qwen":
      // The checkpoints compose their text first (NFC); llama.cpp leaves that out.
      normalizer.steps = [.nfc]
      preTokenizer.steps = [.split(.cl100k(digits: 1)), .byteLevel(addPrefixSpace: false, split: false)]
    case "llama-bpe", "llama3", "llama-v3":
      preTokenizer.steps = [.split(.cl100k(digits: 3)), .byteLevel(addPrefixSpace: false, split: false)]
      ignoresMerges = true
    default:
      throw metadata.source.unsupported(
        metadata.key("pre"), "\"\(name)\"", supported: "default, gpt-2, llama-bpe, qwen2, smollm")
    }
  }

  private static func addedTokens(
    _ tokens: [String], types: [Int]?, _ metadata: GGUFTokenizerMetadata
  ) throws -> [AddedToken] {
    guard let types else { return [] }
    guard types.count == tokens.count else {
      throw metadata.source.bad(
        metadata.key("token_type"), "expected one type for each of \(tokens.count) tokens, found \(types.count)")
    }
    return zip(tokens, types).enumerated().compactMap { id, token in
      switch GGUFTokenType(rawValue: token.1) {
      case .unknown, .control: AddedToken(id: Int32(id), content: token.0, isSpecial: true)
      case .userDefined: AddedToken(id: Int32(id), content: token.0, isSpecial: false)
      case .normal, .unused, .byte, nil: nil
      }
    }
  }
}

/// `llama_token_type` of GGUF files.
enum GGUFTokenType: Int {
  case normal = 1
  case unknown, control, userDefined, unused, byte
}

/// The keys `tokenizer.ggml.*` of a file, with errors that name file and key.
struct GGUFTokenizerMetadata {
  let source: TokenizerSource
  let values: [String: GGUFValue]
  let tokenCount: Int

  init(_ gguf: GGUF) {
    source = TokenizerSource(file: gguf.path)
    values = gguf.metadata
    tokenCount = values["tokenizer.ggml.tokens"]?.count ?? 0
  }

  func key(_ name: String) -> String { "tokenizer.ggml.\(name)" }

  func text(_ name: String) throws -> String {
    guard let text = try optionalText(name) else {
      throw source.bad(
        key(name), "missing", hint: "the file holds no tokenizer; use a model folder with tokenizer.json")
    }
    return text
  }

  func optionalText(_ name: String) throws -> String? {
    guard let value = values[key(name)] else { return nil }
    guard let text = value.string else { throw source.bad(key(name), "expected a string") }
    return text
  }

  func strings(_ name: String) throws -> [String] {
    guard let strings = values[key(name)]?.strings else { throw source.bad(key(name), "expected an array of strings") }
    return strings
  }

  func integers(_ name: String) throws -> [Int]? {
    guard let value = values[key(name)] else { return nil }
    guard let integers = value.ints else { throw source.bad(key(name), "expected an array of integers") }
    return integers
  }

  func flag(_ name: String) throws -> Bool? {
    guard let value = values[key(name)] else { return nil }
    guard let flag = value.bool else { throw source.bad(key(name), "expected a boolean") }
    return flag
  }

  func id(_ name: String) throws -> Int32? {
    guard let value = values[key(name)] else { return nil }
    guard let id = value.int, (0..<tokenCount).contains(id) else {
      throw source.bad(key(name), "expected a token id below \(tokenCount)")
    }
    return Int32(id)
  }

  /// Roles of tokens and the chat template.
  func settings() throws -> TokenizerSettings {
    var settings = TokenizerSettings()
    settings.beginID = try id("bos_token_id")
    settings.endID = try id("eos_token_id")
    settings.padID = try id("padding_token_id")
    settings.unknownID = try id("unknown_token_id")
    settings.chatTemplate = values["tokenizer.chat_template"]?.string
    if let architecture = values["general.architecture"]?.string {
      settings.maximumLength = values["\(architecture).context_length"]?.int
    }
    return settings
  }

  /// The further tokens that end a turn or a message in llama.cpp's sense.
  func endIDs() throws -> Set<Int32> {
    Set(try [id("eos_token_id"), id("eot_token_id"), id("eom_token_id")].compactMap { $0 })
  }
}
