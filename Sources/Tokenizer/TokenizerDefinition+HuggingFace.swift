import Formats

extension TokenizerDefinition {
  /// Reads the contents of a `tokenizer.json` (Hugging Face tokenizers).
  ///
  /// - Throws: `RollbookError` `badInput` that names the file and the part, for anything malformed and for kinds of
  ///   tokenizers that are not supported.
  init(json: JSON, source: TokenizerSource) throws {
    guard json.object != nil else { throw source.bad("", "expected a JSON object, found \(json.kind)") }
    guard let model = json["model"] else { throw source.bad("model", "missing: this is no tokenizer.json") }
    try Self.checkModel(model, source)
    byteFallback = try source.flag(model, "byte_fallback", default: false, "model")
    ignoresMerges = try source.flag(model, "ignore_merges", default: false, "model")
    fusesUnknown = try source.flag(model, "fuse_unk", default: false, "model")
    normalizer = try Normalizer(json: json["normalizer"] ?? .null, source)
    preTokenizer = try PreTokenizer(json: json["pre_tokenizer"] ?? .null, source)
    decoder = try Decoder(json: json["decoder"] ?? .null, source)
    guard preTokenizer.isByteLevel == (decoder == .byteLevel) else {
      throw source.unsupported(
        "the pair", "of this pre_tokenizer and this decoder", supported: "ByteLevel in both, or in none")
    }

    var byID = try Self.vocabulary(model, source)
    let vocabulary = SpellingTable(Self.flat(byID))
    addedTokens = try Self.addedTokens(json["added_tokens"], source)
    try place(&byID, vocabulary, source)
    spellings = Self.flat(byID)
    merges = try Self.merges(model, vocabulary, source)
    if let unknown = model["unk_token"], !unknown.isNull {
      let name = try source.text(model, "unk_token", "model")
      guard let id = vocabulary[name] else { throw source.bad("model.unk_token", "\"\(name)\" is not in model.vocab") }
      unknownID = id
    }
    try readPostProcessor(json["post_processor"] ?? .null, source)
  }

  /// Enters the added tokens into the tokens by id. The tokenizers library gives a token of the vocabulary the id it
  /// has there, and every other one the next free id; a file whose ids are not those would mean two different things.
  private mutating func place(_ byID: inout [String?], _ vocabulary: SpellingTable, _ source: TokenizerSource) throws {
    var next = byID.reduce(0) { $0 + ($1 == nil ? 0 : 1) }
    for (index, token) in addedTokens.enumerated() {
      let known = vocabulary[token.content]
      guard Int(token.id) == known.map(Int.init) ?? next else {
        throw source.bad(
          "added_tokens[\(index)]",
          "expected id \(known.map(Int.init) ?? next) for \"\(token.content)\", found \(token.id)",
          hint: known == nil
            ? "ids of added tokens follow the vocabulary without a gap, in order" : "model.vocab has the token too")
      }
      next = max(next, Int(token.id) + 1)
      guard known == nil else { continue }
      while byID.count < next { byID.append(nil) }
      byID[Int(token.id)] = token.content
      addedOnly.insert(token.id)
    }
    addedTokens.sort { $0.id < $1.id }
  }

  private static func checkModel(_ model: JSON, _ source: TokenizerSource) throws {
    // Files from before the field existed leave the type out; they are BPE when they have merges.
    let type = model["type"]?.string ?? (model["merges"] != nil ? "BPE" : "without type")
    guard type == "BPE" else { throw source.unsupported("model", type, supported: "BPE") }
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
      if let affix = model[key], !affix.isNull, affix.string != "" {
        throw source.unsupported("model.\(key)", "\"\(affix.string ?? affix.kind)\"", supported: "null")
      }
    }
    if let dropout = model["dropout"], !dropout.isNull, dropout.double != 0 {
      throw source.unsupported("model.dropout", "other than null", supported: "null")
    }
  }

  private static func vocabulary(_ model: JSON, _ source: TokenizerSource) throws -> [String?] {
    guard let members = model["vocab"]?.object?.members else {
      throw source.bad("model.vocab", "expected an object, found \(model["vocab"]?.kind ?? "nothing")")
    }
    var byID = [String?](repeating: nil, count: members.count)
    for member in members {
      let id = try checkedID(member.value, "model.vocab[\"\(member.key)\"]", source)
      while byID.count <= id { byID.append(nil) }
      if let other = byID[id] {
        throw source.bad("model.vocab", "id \(id) belongs to both \"\(other)\" and \"\(member.key)\"")
      }
      byID[id] = member.key
    }
    return byID
  }

  private static func checkedID(_ value: JSON, _ part: @autoclosure () -> String, _ source: TokenizerSource) throws
    -> Int
  {
    guard let id = value.int, (0..<idLimit).contains(id) else {
      throw source.bad(
        part(), "expected a token id from 0 to \(idLimit - 1), found \(value.int.map(String.init) ?? value.kind)")
    }
    return id
  }

  private static func flat(_ byID: [String?]) -> FlatStrings {
    var strings = FlatStrings()
    for spelling in byID { strings.append((spelling ?? "").utf8) }
    return strings
  }

  private static func addedTokens(_ value: JSON?, _ source: TokenizerSource) throws -> [AddedToken] {
    guard let value, !value.isNull else { return [] }
    guard let list = value.array else { throw source.bad("added_tokens", "expected an array, found \(value.kind)") }
    var seen: Set<Int32> = []
    return try list.enumerated().map { index, entry in
      let part = "added_tokens[\(index)]"
      let id = Int32(try checkedID(entry["id"] ?? .null, "\(part).id", source))
      guard seen.insert(id).inserted else { throw source.bad(part, "id \(id) was given before") }
      let isSpecial = try source.flag(entry, "special", default: false, part)
      return AddedToken(
        id: id, content: try source.text(entry, "content", part),
        isSingleWord: try source.flag(entry, "single_word", default: false, part),
        stripsLeft: try source.flag(entry, "lstrip", default: false, part),
        stripsRight: try source.flag(entry, "rstrip", default: false, part),
        isNormalized: try source.flag(entry, "normalized", default: !isSpecial, part), isSpecial: isSpecial)
    }
  }

  private static func merges(
    _ model: JSON, _ vocabulary: SpellingTable, _ source: TokenizerSource
  ) throws -> [MergeTable.Merge] {
    let list = try source.list(model, "merges", "model")
    var builder = MergeBuilder(vocabulary: vocabulary, source: source, part: "model.merges")
    for (index, entry) in list.enumerated() {
      switch entry {
      case .string(let line): try builder.add(line: line, index)
      case .array(let pair):
        guard pair.count == 2, let left = pair[0].string, let right = pair[1].string else {
          throw source.bad("model.merges[\(index)]", "expected a pair of strings")
        }
        try builder.add(left, right, index)
      default: throw source.bad("model.merges[\(index)]", "expected a pair or a string \"a b\", found \(entry.kind)")
      }
    }
    return builder.merges
  }
}

/// Turns merges written as text into ids.
struct MergeBuilder {
  let vocabulary: SpellingTable
  let source: TokenizerSource
  let part: String
  private(set) var merges: [MergeTable.Merge] = []
  private var joined: [UInt8] = []

  init(vocabulary: SpellingTable, source: TokenizerSource, part: String) {
    self.vocabulary = vocabulary
    self.source = source
    self.part = part
  }

  /// A merge in the notation "a b".
  mutating func add(line: String, _ index: Int) throws {
    let parts = line.utf8.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
      throw source.bad("\(part)[\(index)]", "expected two tokens with one space between, found \"\(line)\"")
    }
    try add(String(Substring(parts[0])), String(Substring(parts[1])), index)
  }

  mutating func add(_ left: String, _ right: String, _ index: Int) throws {
    joined.removeAll(keepingCapacity: true)
    joined.append(contentsOf: left.utf8)
    joined.append(contentsOf: right.utf8)
    guard let a = vocabulary[left], let b = vocabulary[right], let result = vocabulary[joined] else {
      let missing = [left, right, left + right].first { vocabulary[$0] == nil } ?? ""
      throw source.bad("\(part)[\(index)]", "\"\(left)\" + \"\(right)\": \"\(missing)\" is not in the vocabulary")
    }
    merges.append(MergeTable.Merge(left: a, right: b, result: result))
  }
}
