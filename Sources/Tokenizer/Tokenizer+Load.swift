package import Formats
import Foundation

extension Tokenizer {
  /// The tokenizer of a model: of the GGUF file's metadata, or of the folder's `tokenizer.json`.
  ///
  /// - Throws: `RollbookError` `missing` without a tokenizer, `badInput` for one that is malformed or not supported.
  package static func load(_ files: ModelFiles) throws -> Tokenizer {
    var ends = endIDs(files.config)
    if let generation = files.generationConfig { ends.formUnion(endIDs(generation)) }
    if let gguf = files.gguf { return try Tokenizer(gguf: gguf, furtherEndIDs: ends) }
    return try load(folder: files.path, furtherEndIDs: ends)
  }

  /// The tokenizer of a folder with `tokenizer.json` and, if there are, `tokenizer_config.json`,
  /// `special_tokens_map.json` and `chat_template.jinja` (which goes before the template in the configuration).
  package static func load(folder: String, furtherEndIDs: Set<Int32> = []) throws -> Tokenizer {
    let names = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja"]
    var originals: [File] = []
    for name in names {
      let path = "\(folder)/\(name)"
      guard FileManager.default.fileExists(atPath: path) else { continue }
      let file = try MappedFile(path: path)
      originals.append((name, withExtendedLifetime(file) { Array(file.bytes) }))
    }
    func json(_ name: String) throws -> JSON? {
      try originals.first { $0.name == name }.map { try JSON.parse($0.bytes, source: "\(folder)/\(name)") }
    }
    guard let tokenizer = try json("tokenizer.json") else {
      throw RollbookError.missing(
        "\(folder)/tokenizer.json", "the model has no tokenizer.json",
        hint: "save the tokenizer with a recent transformers, or use a GGUF file")
    }
    let template = originals.first { $0.name == "chat_template.jinja" }.map {
      String(decoding: $0.bytes, as: UTF8.self)
    }
    return try Tokenizer(
      json: tokenizer, config: try json("tokenizer_config.json"), specialTokens: try json("special_tokens_map.json"),
      chatTemplate: template, furtherEndIDs: furtherEndIDs, originals: originals, source: "\(folder)/tokenizer.json")
  }

  /// A tokenizer from the contents of `tokenizer.json` and its companions.
  ///
  /// - Parameters:
  ///   - config: `tokenizer_config.json`: special tokens by role and the chat template.
  ///   - source: Names the file in errors.
  package convenience init(
    json: JSON, config: JSON? = nil, specialTokens: JSON? = nil, chatTemplate: String? = nil,
    furtherEndIDs: Set<Int32> = [], originals: [File]? = nil, source: String = "tokenizer.json"
  ) throws {
    let source = TokenizerSource(file: source)
    let definition = try TokenizerDefinition(json: json, source: source)
    var settings = try TokenizerSettings(config: config, specialTokens: specialTokens, definition)
    if let chatTemplate { settings.chatTemplate = chatTemplate }
    try self.init(definition, settings: settings, eosIDs: furtherEndIDs, originals: originals, source: source)
  }

  /// The tokenizer in the metadata of a GGUF file.
  package convenience init(gguf: GGUF, furtherEndIDs: Set<Int32> = []) throws {
    let metadata = GGUFTokenizerMetadata(gguf)
    try self.init(
      try TokenizerDefinition(metadata: metadata), settings: try metadata.settings(),
      eosIDs: furtherEndIDs.union(try metadata.endIDs()), source: metadata.source)
  }

  /// `eos_token_id` of a configuration: a number or a list of numbers.
  private static func endIDs(_ config: JSON) -> Set<Int32> {
    let value = config["eos_token_id"] ?? .null
    let numbers = value.array?.map(\.int) ?? [value.int]
    return Set(numbers.compactMap { $0.flatMap { Int32(exactly: $0) } })
  }
}

extension TokenizerSettings {
  init(config: JSON?, specialTokens: JSON?, _ definition: TokenizerDefinition) throws {
    /// A token is written as its text, or as an object with the text in "content".
    func id(_ role: String) -> Int32? {
      let value = config?[role] ?? specialTokens?[role]
      guard let text = value?.string ?? value?["content"]?.string else { return nil }
      if let added = definition.addedTokens.first(where: { $0.content.utf8.elementsEqual(text.utf8) }) {
        return added.id
      }
      return (0..<definition.spellings.count).first { definition.spellings[$0].elementsEqual(text.utf8) }.map {
        Int32($0)
      }
    }
    beginID = id("bos_token")
    endID = id("eos_token")
    padID = id("pad_token")
    unknownID = id("unk_token")
    chatTemplate = config?["chat_template"]?.string ?? Self.namedTemplate(config?["chat_template"]?.array)
    if let length = config?["model_max_length"]?.int, length < Int(Int32.max) { maximumLength = length }
  }

  /// A configuration may hold several templates with names; "default" is the one for plain chats.
  private static func namedTemplate(_ templates: [JSON]?) -> String? {
    let chosen = templates?.first { $0["name"]?.string == "default" }
    return chosen?["template"]?.string
  }
}
