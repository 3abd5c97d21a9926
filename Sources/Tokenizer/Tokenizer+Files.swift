import Formats

extension Tokenizer {
  /// The files of a model folder that make transformers' `AutoTokenizer` this tokenizer: `tokenizer.json` and
  /// `tokenizer_config.json`, which has the special tokens and the chat template.
  ///
  /// A tokenizer read from such a folder gives the very bytes that were read.
  package func files() throws -> [File] {
    if let originals { return originals }
    return [
      ("tokenizer.json", try definition.tokenizerJSON.bytes() + [UInt8(ascii: "\n")]),
      ("tokenizer_config.json", try configurationJSON.bytes(pretty: true) + [UInt8(ascii: "\n")]),
    ]
  }

  private var configurationJSON: JSON {
    func token(_ id: Int32?) -> JSON { id.map { .string(definition.spelling($0)) } ?? .null }
    var members = JSONObject()
    members["tokenizer_class"] = "PreTrainedTokenizerFast"
    members["bos_token"] = token(settings.beginID)
    members["eos_token"] = token(settings.endID)
    members["pad_token"] = token(settings.padID)
    members["unk_token"] = token(settings.unknownID)
    members["clean_up_tokenization_spaces"] = false
    if let length = settings.maximumLength { members["model_max_length"] = .int(length) }
    if let template = settings.chatTemplate { members["chat_template"] = .string(template) }
    return .object(members)
  }
}

extension TokenizerDefinition {
  /// The contents of a `tokenizer.json` (Hugging Face tokenizers, version 1.0).
  var tokenizerJSON: JSON {
    [
      "version": "1.0", "truncation": .null, "padding": .null,
      "added_tokens": .array(
        addedTokens.map { token in
          [
            "id": .int(Int(token.id)), "content": .string(token.content), "single_word": .bool(token.isSingleWord),
            "lstrip": .bool(token.stripsLeft), "rstrip": .bool(token.stripsRight),
            "normalized": .bool(token.isNormalized), "special": .bool(token.isSpecial),
          ]
        }),
      "normalizer": normalizer.json, "pre_tokenizer": preTokenizer.json, "post_processor": postProcessorJSON,
      "decoder": decoder.json, "model": modelJSON,
    ]
  }

  private var modelJSON: JSON {
    let ids = (0..<Int32(spellings.count)).filter { !addedOnly.contains($0) && !spellings.range(Int($0)).isEmpty }
    return [
      "type": "BPE", "dropout": .null, "unk_token": unknownID.map { .string(spelling($0)) } ?? .null,
      "continuing_subword_prefix": .null, "end_of_word_suffix": .null, "fuse_unk": .bool(fusesUnknown),
      "byte_fallback": .bool(byteFallback), "ignore_merges": .bool(ignoresMerges),
      "vocab": .object(JSONObject(ids.map { (spelling($0), .int(Int($0))) })),
      "merges": .array(merges.map { [.string(spelling($0.left)), .string(spelling($0.right))] }),
    ]
  }
}
