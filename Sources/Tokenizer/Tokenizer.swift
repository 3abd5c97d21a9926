package import Formats
import Synchronization

/// Text to token ids and back, as Hugging Face's tokenizers do it: byte-level BPE (GPT-2, SmolLM2, Llama 3, Qwen2) and
/// SentencePiece-like BPE with byte fallback (Llama 2).
///
/// Immutable, and safe to use from any number of threads.
package final class Tokenizer: Sendable {
  let definition: TokenizerDefinition
  let settings: TokenizerSettings
  /// The files it was read from, when they were files of Hugging Face's layout.
  let originals: [File]?
  let model: BytePairModel
  /// The tokens looked for in the raw text, and those looked for after normalisation.
  let rawMatcher: AddedTokenMatcher
  let normalizedMatcher: AddedTokenMatcher
  let decodingTable: DecodingTable
  /// The working memory of one encoder, with its cache of pieces. A second thread that finds it taken uses its own.
  let encoder: Mutex<Encoder>

  /// A file of a model folder.
  package typealias File = (name: String, bytes: [UInt8])

  /// One more than the largest id, added tokens included. A model may have more rows than that.
  package let vocabularyCount: Int
  /// The tokens that end a response: of the tokenizer's own settings, the model's configuration and its generation
  /// configuration.
  package let eosIDs: Set<Int32>
  /// The identity of the tokenizer, `xxh3-128:…`: the same wherever the same tokens, merges, added tokens,
  /// normalizer and pre-tokenizer were read from. The chat template is no part of it.
  package let digest: String
  /// The chat template, if the model has one.
  package let chatTemplate: ChatTemplate?

  init(
    _ definition: TokenizerDefinition, settings: TokenizerSettings, eosIDs: Set<Int32> = [], originals: [File]? = nil,
    source: TokenizerSource
  ) throws {
    self.definition = definition
    self.settings = settings
    self.originals = originals
    model = BytePairModel(definition)
    let normalizer = definition.normalizer
    rawMatcher = AddedTokenMatcher(definition.addedTokens.filter { !$0.isNormalized })
    normalizedMatcher = AddedTokenMatcher(definition.addedTokens.filter(\.isNormalized)) {
      normalizer.normalize(Array($0.content.utf8))
    }
    decodingTable = DecodingTable(definition)
    encoder = Mutex(Encoder())
    vocabularyCount = definition.spellings.count
    self.eosIDs = eosIDs.union([settings.endID].compactMap { $0 })
    digest = try definition.digest()
    chatTemplate = settings.chatTemplate.map { ChatTemplate($0, name: "\(source.file): chat template") }
  }

  /// Begin-of-text, if the model has such a token. It is part of an encoding only where `encode` says so.
  package var bosID: Int32? { settings.beginID }
  /// The end token that the tokenizer itself names.
  package var eosID: Int32? { settings.endID }
  package var padID: Int32? { settings.padID }

  /// The id of a token by its spelling in the vocabulary (`<|im_end|>`; byte-level pieces in the byte alphabet,
  /// "Ġthe").
  package func id(of spelling: String) -> Int32? {
    if let added = definition.addedTokens.first(where: { $0.content.utf8.elementsEqual(spelling.utf8) }) {
      return added.id
    }
    return model.vocabulary[spelling]
  }

  /// The spelling of a token in the vocabulary; nil for an id without token.
  package func spelling(of id: Int32) -> String? {
    guard (0..<vocabularyCount).contains(Int(id)), !definition.spellings.range(Int(id)).isEmpty else { return nil }
    return definition.spelling(id)
  }

  /// Whether the token is left out when special tokens are skipped.
  package func isSpecial(_ id: Int32) -> Bool { decodingTable.isSpecial(id) }

  /// The chat messages as the text of a prompt. The special tokens join the variables, unless those name them.
  ///
  /// - Throws: `RollbookError` `badInput` for a model without a chat template, and for a template that fails or uses
  ///   what is not supported.
  package func render(_ input: ChatTemplate.Input) throws -> ChatTemplate.Output {
    guard let chatTemplate else {
      throw RollbookError(
        .badInput, "the model has no chat template, so messages cannot be turned into text",
        hint: "give prompts as \"prompt\" (plain text) instead of \"messages\", or use a model with a chat template")
    }
    var input = input
    var variables = templateVariables
    for member in input.variables.members { variables[member.key] = member.value }
    input.variables = variables
    return try chatTemplate.render(input)
  }

  /// The special tokens by the names that templates know them by.
  package var templateVariables: JSONObject {
    let roles = [
      ("bos_token", settings.beginID), ("eos_token", settings.endID), ("unk_token", settings.unknownID),
      ("pad_token", settings.padID),
    ]
    return JSONObject(roles.compactMap { name, id in id.map { (name, .string(definition.spelling($0))) } })
  }
}
