import Formats

/// Everything that decides what ids a text gets and what text ids give, wherever it was read from. The tokenizer's
/// digest and the files it publishes are functions of this alone.
struct TokenizerDefinition: Sendable {
  /// The spelling of each id as vocabulary files write it, added tokens included; empty where an id has no token.
  var spellings = FlatStrings()
  /// Ids of added tokens that the model's own vocabulary does not have.
  var addedOnly: Set<Int32> = []
  /// In order of rank.
  var merges: [MergeTable.Merge] = []
  /// By id.
  var addedTokens: [AddedToken] = []
  /// Stands for what the vocabulary cannot spell; without it, such characters vanish.
  var unknownID: Int32?
  /// Whether a run of unknown characters is one token.
  var fusesUnknown = false
  /// Whether characters that have no token are spelled by byte tokens `<0x00>` … `<0xFF>`.
  var byteFallback = false
  /// Whether a piece that is a token is taken whole, without asking the merges.
  var ignoresMerges = false
  var normalizer = Normalizer(steps: [])
  var preTokenizer = PreTokenizer(steps: [])
  var decoder = Decoder.byteLevel
  /// Ids that `addSpecialTokens` puts before and after the text.
  var prefix: [Int32] = []
  var suffix: [Int32] = []

  /// How spellings become text.
  enum Decoder: Hashable, Sendable {
    /// `ByteLevel`: spellings are in the byte alphabet.
    case byteLevel
    /// `Replace` of a mark by a space, then `ByteFallback`, `Fuse`, and `Strip` of so many spaces at the start.
    case marked(String, stripsSpaces: Int)
  }

  /// Ids are below this: more than any vocabulary, and what a hostile file may make us allocate stays small.
  static let idLimit = 1 << 22

  func spelling(_ id: Int32) -> String { String(decoding: spellings[Int(id)], as: UTF8.self) }
}

/// What goes with a tokenizer without changing any id: which tokens have a role, and the chat template.
struct TokenizerSettings: Sendable {
  var beginID: Int32?
  var endID: Int32?
  var padID: Int32?
  var unknownID: Int32?
  var chatTemplate: String?
  /// The longest text in tokens, where the source says so.
  var maximumLength: Int?
}

/// Errors about one tokenizer file name it and the part of it.
struct TokenizerSource: Sendable {
  /// The path of the file, or a name for it.
  let file: String

  func bad(_ part: String, _ message: String, hint: String? = nil) -> RollbookError {
    .badInput(part.isEmpty ? file : "\(file): \(part)", message, hint: hint)
  }

  /// A part that is well-formed, but of a kind that is not built.
  func unsupported(_ part: String, _ kind: String, supported: String) -> RollbookError {
    .badInput(
      file, "\(part) \(kind) is not supported",
      hint: "supported: \(supported). Byte-level BPE and SentencePiece-like BPE with byte fallback are covered")
  }

  /// The type of a part such as a normalizer.
  func type(of value: JSON, _ part: String) throws -> String {
    guard let type = value["type"]?.string else {
      throw bad(part, "expected an object with a string \"type\", found \(value.kind)")
    }
    return type
  }

  func flag(_ value: JSON, _ key: String, default fallback: Bool, _ part: String) throws -> Bool {
    guard let found = value[key], !found.isNull else { return fallback }
    guard let flag = found.bool else { throw bad("\(part).\(key)", "expected true or false, found \(found.kind)") }
    return flag
  }

  func text(_ value: JSON, _ key: String, _ part: String) throws -> String {
    guard let text = value[key]?.string else {
      throw bad("\(part).\(key)", "expected a string, found \(value[key]?.kind ?? "nothing")")
    }
    return text
  }

  func list(_ value: JSON, _ key: String, _ part: String) throws -> [JSON] {
    guard let list = value[key]?.array else {
      throw bad("\(part).\(key)", "expected an array, found \(value[key]?.kind ?? "nothing")")
    }
    return list
  }
}
