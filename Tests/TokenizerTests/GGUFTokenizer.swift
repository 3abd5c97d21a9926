import Formats
import Foundation

/// A GGUF file with nothing but tokenizer metadata, made for a test and deleted after it.
struct GGUFTokenizer {
  enum Value {
    case string(String)
    case strings([String])
    case integers([Int])
    case floats([Float])
    case integer(Int)
    case flag(Bool)
  }

  /// In the order they are written; the keys lack the prefix `tokenizer.ggml.` unless they have a dot.
  var values: [(key: String, value: Value)] = []

  init() {}

  /// The metadata that a converter would write for a `tokenizer.json`.
  init(json: JSON, pre: String) {
    var tokens: [String] = []
    var types: [Int] = []
    func set(_ id: Int, _ token: String, _ type: Int) {
      while tokens.count <= id {
        tokens.append("[unused\(tokens.count)]")
        types.append(5)
      }
      tokens[id] = token
      types[id] = type
    }
    for member in json["model"]?["vocab"]?.object?.members ?? [] { set(member.value.int ?? 0, member.key, 1) }
    for token in json["added_tokens"]?.array ?? [] {
      set(token["id"]?.int ?? 0, token["content"]?.string ?? "", token["special"]?.bool == true ? 3 : 4)
    }
    let merges = (json["model"]?["merges"]?.array ?? []).map { merge in
      merge.string ?? (merge.array ?? []).compactMap(\.string).joined(separator: " ")
    }
    self["model"] = .string("gpt2")
    self["pre"] = .string(pre)
    self["tokens"] = .strings(tokens)
    self["token_type"] = .integers(types)
    self["merges"] = .strings(merges)
  }

  /// The metadata that a converter would write for SentencePiece's tokenizer of a `tokenizer.json`: scores that fall
  /// with the rank of the merge that makes a token.
  init(sentencePiece json: JSON) {
    self.init(json: json, pre: "default")
    guard case .strings(let tokens)? = self["tokens"], case .strings(let merges)? = self["merges"],
      case .integers(var types)? = self["token_type"]
    else { return }
    var scores = [Float](repeating: 0, count: tokens.count)
    let ids = Dictionary(tokens.enumerated().map { ($0.element, $0.offset) }, uniquingKeysWith: { first, _ in first })
    for (rank, merge) in merges.enumerated().reversed() {
      if let id = ids[merge.replacing(" ", with: "")] { scores[id] = -Float(rank) }
    }
    let unknown = json["model"]?["unk_token"]?.string
    for (id, token) in tokens.enumerated() {
      if token.hasPrefix("<0x"), token.utf8.count == 6 { types[id] = 6 }
      if token == unknown { types[id] = 2 }
    }
    self["model"] = .string("llama")
    self["pre"] = nil
    self["merges"] = nil
    self["scores"] = .floats(scores)
    self["token_type"] = .integers(types)
  }

  subscript(key: String) -> Value? {
    get { values.first { $0.key == key }?.value }
    set {
      values.removeAll { $0.key == key }
      if let newValue { values.append((key, newValue)) }
    }
  }

  /// Writes the file, opens it, and hands it over.
  func open<Result>(_ body: (GGUF) throws -> Result) throws -> Result {
    let path = FileManager.default.temporaryDirectory.appending(path: "rollbook-\(UUID().uuidString).gguf").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    return try body(try GGUF(path: path))
  }

  private var bytes: [UInt8] {
    var bytes = Array("GGUF".utf8)
    func append(_ number: some FixedWidthInteger) {
      withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }
    func append(_ text: String) {
      append(UInt64(text.utf8.count))
      bytes.append(contentsOf: text.utf8)
    }
    append(UInt32(3))
    append(UInt64(0))
    append(UInt64(values.count))
    for (key, value) in values {
      append(key.contains(".") ? key : "tokenizer.ggml.\(key)")
      switch value {
      case .integer(let number):
        append(UInt32(4))
        append(UInt32(truncatingIfNeeded: number))
      case .flag(let flag):
        append(UInt32(7))
        append(UInt8(flag ? 1 : 0))
      case .string(let text):
        append(UInt32(8))
        append(text)
      case .integers(let numbers):
        append(UInt32(9))
        append(UInt32(5))
        append(UInt64(numbers.count))
        for number in numbers { append(Int32(truncatingIfNeeded: number)) }
      case .floats(let numbers):
        append(UInt32(9))
        append(UInt32(6))
        append(UInt64(numbers.count))
        for number in numbers { append(number.bitPattern) }
      case .strings(let texts):
        append(UInt32(9))
        append(UInt32(8))
        append(UInt64(texts.count))
        for text in texts { append(text) }
      }
    }
    return bytes + [UInt8](repeating: 0, count: 32)
  }
}
