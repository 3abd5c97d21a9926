import Formats

// The parts of tokenizer.json before and after the model, each read from and written as the objects that the
// tokenizers library uses.

extension Normalizer {
  init(json: JSON, _ source: TokenizerSource) throws {
    steps = []
    guard !json.isNull else { return }
    switch try source.type(of: json, "normalizer") {
    case "NFC": steps = [.nfc]
    case "Prepend": steps = [.prepend(try source.text(json, "prepend", "normalizer"))]
    case "Replace":
      guard let pattern = json["pattern"]?["String"]?.string else {
        throw source.unsupported("normalizer Replace", "by a regular expression", supported: "a pattern of kind String")
      }
      steps = [.replace(pattern, by: try source.text(json, "content", "normalizer"))]
    case "Sequence":
      for part in try source.list(json, "normalizers", "normalizer") {
        steps += try Normalizer(json: part, source).steps
      }
    case let type: throw source.unsupported("normalizer", type, supported: "NFC, Prepend, Replace, Sequence")
    }
  }

  var json: JSON {
    let parts: [JSON] = steps.map { step in
      switch step {
      case .nfc: ["type": "NFC"]
      case .prepend(let text): ["type": "Prepend", "prepend": .string(text)]
      case .replace(let pattern, let content):
        ["type": "Replace", "pattern": ["String": .string(pattern)], "content": .string(content)]
      }
    }
    return parts.count > 1 ? ["type": "Sequence", "normalizers": .array(parts)] : parts.first ?? .null
  }
}

extension PreTokenizer {
  init(json: JSON, _ source: TokenizerSource) throws {
    steps = []
    guard !json.isNull else { return }
    let part = "pre_tokenizer"
    switch try source.type(of: json, part) {
    case "Sequence":
      for inner in try source.list(json, "pretokenizers", part) { steps += try PreTokenizer(json: inner, source).steps }
    case "ByteLevel":
      steps = [
        .byteLevel(
          addPrefixSpace: try source.flag(json, "add_prefix_space", default: true, part),
          split: try source.flag(json, "use_regex", default: true, part))
      ]
    case "Digits": steps = [.digits(individual: try source.flag(json, "individual_digits", default: false, part))]
    case "Split": steps = [try Self.split(json, source)]
    case "Metaspace": steps = [try Self.metaspace(json, source)]
    case let type:
      throw source.unsupported(
        part, type, supported: "ByteLevel, Digits, Metaspace, Sequence, Split by a known pattern")
    }
  }

  private static func split(_ json: JSON, _ source: TokenizerSource) throws -> Step {
    guard let expression = json["pattern"]?["Regex"]?.string, let pattern = SplitPattern.known[expression] else {
      let found = json["pattern"]?["Regex"]?.string ?? json["pattern"]?["String"]?.string ?? "nothing"
      throw source.unsupported(
        "pre_tokenizer Split", "by \(found)", supported: "the patterns of GPT-2, Qwen2 and Llama 3")
    }
    // The patterns of whole tokenizers cover every text, so that to isolate the matches and to remove what is no match
    // are the same.
    let behavior = try source.text(json, "behavior", "pre_tokenizer Split")
    let inverts = try source.flag(json, "invert", default: false, "pre_tokenizer Split")
    guard (behavior == "Isolated" && !inverts) || (behavior == "Removed" && inverts && pattern.coversAll) else {
      throw source.unsupported(
        "pre_tokenizer Split", "with behavior \(behavior), invert \(inverts)", supported: "Isolated")
    }
    return .split(pattern)
  }

  private static func metaspace(_ json: JSON, _ source: TokenizerSource) throws -> Step {
    let part = "pre_tokenizer Metaspace"
    let replacement = try source.text(json, "replacement", part)
    guard replacement.unicodeScalars.count == 1 else {
      throw source.bad("pre_tokenizer.replacement", "expected one character, found \"\(replacement)\"")
    }
    // Older files say add_prefix_space, and always split.
    var scheme = try source.flag(json, "add_prefix_space", default: true, part) ? "always" : "never"
    if let found = json["prepend_scheme"], !found.isNull { scheme = try source.text(json, "prepend_scheme", part) }
    guard let prepend = MetaspacePrepend(rawValue: scheme) else {
      throw source.bad("pre_tokenizer.prepend_scheme", "expected always, first or never, found \"\(scheme)\"")
    }
    return .metaspace(
      replacement: replacement, prepend: prepend, split: try source.flag(json, "split", default: true, part))
  }

  var json: JSON {
    let parts: [JSON] = steps.map { step in
      switch step {
      case .split(let pattern):
        ["type": "Split", "pattern": ["Regex": .string(pattern.expression)], "behavior": "Isolated", "invert": false]
      case .digits(let individual): ["type": "Digits", "individual_digits": .bool(individual)]
      case .byteLevel(let addPrefixSpace, let split):
        [
          "type": "ByteLevel", "add_prefix_space": .bool(addPrefixSpace), "trim_offsets": true,
          "use_regex": .bool(split),
        ]
      case .metaspace(let replacement, let prepend, let split):
        [
          "type": "Metaspace", "replacement": .string(replacement), "prepend_scheme": .string(prepend.rawValue),
          "split": .bool(split),
        ]
      }
    }
    return parts.count > 1 ? ["type": "Sequence", "pretokenizers": .array(parts)] : parts.first ?? .null
  }
}

extension TokenizerDefinition.Decoder {
  init(json: JSON, _ source: TokenizerSource) throws {
    guard !json.isNull else { throw source.unsupported("decoder", "null", supported: "ByteLevel") }
    let type = try source.type(of: json, "decoder")
    if type == "ByteLevel" {
      self = .byteLevel
      return
    }
    let parts = type == "Sequence" ? try source.list(json, "decoders", "decoder") : [json]
    var kinds = try parts.map { try source.type(of: $0, "decoder") }
    var stripped = 0
    if kinds.last == "Strip", let strip = parts.last {
      guard strip["content"]?.string == " ", let start = strip["start"]?.int, strip["stop"]?.int == 0, start >= 0 else {
        throw source.unsupported(
          "decoder", "Strip of other than spaces at the start", supported: "content \" \", stop 0")
      }
      stripped = start
      kinds.removeLast()
    }
    guard kinds == ["Replace", "ByteFallback", "Fuse"], parts[0]["content"]?.string == " ",
      let mark = parts[0]["pattern"]?["String"]?.string, !mark.isEmpty
    else {
      throw source.unsupported(
        "decoder", ([type] + (type == "Sequence" ? kinds : [])).joined(separator: " "),
        supported: "ByteLevel, or the sequence Replace, ByteFallback, Fuse, Strip")
    }
    self = .marked(mark, stripsSpaces: stripped)
  }

  var json: JSON {
    switch self {
    case .byteLevel:
      return ["type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true]
    case .marked(let mark, let spaces):
      var parts: [JSON] = [
        ["type": "Replace", "pattern": ["String": .string(mark)], "content": " "], ["type": "ByteFallback"],
        ["type": "Fuse"],
      ]
      if spaces > 0 { parts.append(["type": "Strip", "content": " ", "start": .int(spaces), "stop": 0]) }
      return ["type": "Sequence", "decoders": .array(parts)]
    }
  }
}

extension TokenizerDefinition {
  /// Reads `post_processor`: only the ids it puts before and after a single text matter here.
  mutating func readPostProcessor(_ json: JSON, _ source: TokenizerSource) throws {
    guard !json.isNull else { return }
    switch try source.type(of: json, "post_processor") {
    case "ByteLevel": return
    case "Sequence":
      for part in try source.list(json, "processors", "post_processor") { try readPostProcessor(part, source) }
    case "TemplateProcessing": try readTemplateProcessing(json, source)
    case let type:
      throw source.unsupported("post_processor", type, supported: "ByteLevel, TemplateProcessing, Sequence")
    }
  }

  private mutating func readTemplateProcessing(_ json: JSON, _ source: TokenizerSource) throws {
    var before: [Int32] = []
    var after: [Int32] = []
    var seenText = false
    for piece in try source.list(json, "single", "post_processor") {
      if piece["Sequence"] != nil {
        guard !seenText else { throw source.bad("post_processor.single", "the text stands in it twice") }
        seenText = true
        continue
      }
      guard let name = piece["SpecialToken"]?["id"]?.string,
        let ids = json["special_tokens"]?[name]?["ids"]?.array?.map({ $0.int ?? -1 })
      else { throw source.bad("post_processor.single", "expected Sequence or a SpecialToken listed in special_tokens") }
      guard ids.allSatisfy({ spellings.count > $0 && $0 >= 0 }) else {
        throw source.bad("post_processor.special_tokens", "an id of \"\(name)\" is not in the vocabulary")
      }
      if seenText { after += ids.map { Int32($0) } } else { before += ids.map { Int32($0) } }
    }
    guard seenText else { throw source.bad("post_processor.single", "the text does not stand in it") }
    prefix = before + prefix
    suffix += after
  }

  /// `post_processor` for the ids before and after the text.
  var postProcessorJSON: JSON {
    let text: JSON = ["Sequence": ["id": "A", "type_id": 0]]
    func token(_ id: Int32) -> JSON { ["SpecialToken": ["id": .string(spelling(id)), "type_id": 0]] }
    let single = prefix.map(token) + [text] + suffix.map(token)
    let special = (prefix + suffix).map { id in
      (spelling(id), ["id": .string(spelling(id)), "ids": [.int(Int(id))], "tokens": [.string(spelling(id))]] as JSON)
    }
    return [
      "type": "TemplateProcessing", "single": .array(single),
      "pair": .array(single + [["Sequence": ["id": "B", "type_id": 1]]] as [JSON]),
      "special_tokens": .object(JSONObject(special)),
    ]
  }
}
