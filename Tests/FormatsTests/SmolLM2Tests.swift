import Formats
import Foundation
import TestSupport
import Testing

/// The real model, where it is on this machine: `ROLLBOOK_SMOLLM2`, or the cache folder.
@Suite struct SmolLM2Tests {
  static let path: String? = {
    let environment = ProcessInfo.processInfo.environment
    let home = environment["HOME"] ?? ""
    let cache = environment["XDG_CACHE_HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? "\(home)/.cache"
    let candidates = [environment["ROLLBOOK_SMOLLM2"], "\(cache)/rollbook/SmolLM2-135M-Instruct.Q4_1.gguf"]
    return candidates.compactMap { $0 }.first { FileManager.default.fileExists(atPath: $0) }
  }()

  private static func golden() throws -> JSON {
    try JSON.parse(contentsOf: "\(Golden.folder)/smollm2/gguf.json")
  }

  @Test(.enabled(if: path != nil, "set ROLLBOOK_SMOLLM2 to SmolLM2-135M-Instruct.Q4_1.gguf"))
  func metadataAsDescribed() throws {
    let path = try #require(Self.path)
    let golden = try Self.golden()
    let source = try GGUF(path: path)
    #expect(try MappedFile(path: path).bytes.count == golden["bytes"]?.int)
    #expect(source.version == golden["version"]?.int)
    #expect(source.tensors.count == golden["tensor_count"]?.int)
    let expected = try #require(golden["metadata"]?.object)
    #expect(Set(source.metadata.keys) == Set(expected.keys))
    for member in expected.members {
      let value = try #require(member.value["value"])
      let found = try #require(source.metadata[member.key])
      if let length = value["length"]?.int {
        #expect(found.count == length)
        let items = found.strings.map { $0.map { JSON.string($0) } } ?? found.ints.map { $0.map { JSON.int($0) } } ?? []
        let first = try #require(value["first"]?.array)
        let last = try #require(value["last"]?.array)
        #expect(Array(items.prefix(first.count)) == first && Array(items.suffix(last.count)) == last, "\(member.key)")
      } else {
        switch found {
        case .integer(let int): #expect(value == .int(int))
        case .float(let double): #expect(value.double == double)
        case .bool(let bool): #expect(value == .bool(bool))
        case .string(let string): #expect(value == .string(string))
        case .strings(let strings): #expect(value == .array(strings.map { .string($0) }))
        default: Issue.record("\(member.key) has an unexpected type")
        }
      }
    }
  }

  /// Every tensor's place and first and last values; sums of all values where a debug build can afford them.
  @Test(.enabled(if: path != nil, "set ROLLBOOK_SMOLLM2 to SmolLM2-135M-Instruct.Q4_1.gguf"))
  func tensorsAsDescribed() throws {
    let source = try GGUF(path: try #require(Self.path))
    let list = try #require(try Self.golden()["tensors"]?.array)
    #expect(list.count == source.tensors.count)
    #if DEBUG
      let limit = 200_000
    #else
      let limit = Int.max
    #endif
    for (expected, tensor) in zip(list, source.tensors) {
      #expect(tensor.name == expected["name"]?.string)
      #expect(tensor.type.rawValue == expected["type"]?.string?.lowercased())
      #expect(tensor.shape == expected["shape"]?.array?.compactMap(\.int).reversed())
      #expect(tensor.offset == expected["data_offset"]?.int && tensor.byteCount == expected["bytes"]?.int)
      let first = try #require(expected["first"]?.array).compactMap(\.double)
      let last = try #require(expected["last"]?.array).compactMap(\.double)
      let lastRow = try row(source, tensor, tensor.rowCount - 1)
      #expect(try row(source, tensor, 0).prefix(first.count).map { Double($0) } == first || tensor.shape.count == 1)
      #expect(lastRow.suffix(last.count).map { Double($0) } == last || tensor.shape.count == 1)
      guard tensor.elementCount <= limit else { continue }
      let values = try source.read(tensor.name)
      #expect(values.prefix(first.count).map { Double($0) } == first)
      #expect(values.suffix(last.count).map { Double($0) } == last)
      let absolute = try #require(expected["sum_abs"]?.double)
      #expect(abs(values.reduce(0) { $0 + Double($1) } - (expected["sum"]?.double ?? .nan)) < 1e-9 * absolute)
      #expect(abs(values.reduce(0) { $0 + abs(Double($1)) } - absolute) < 1e-9 * absolute)
    }
  }

  private func row(_ source: any TensorSource, _ tensor: TensorInfo, _ row: Int) throws -> [Float] {
    var values = [Float](repeating: .nan, count: tensor.rowElements)
    try values.withUnsafeMutableBufferPointer { try source.read(tensor.name, rows: row..<row + 1, into: $0) }
    return values
  }

  @Test(.enabled(if: path != nil, "set ROLLBOOK_SMOLLM2 to SmolLM2-135M-Instruct.Q4_1.gguf"))
  func opensAsAModel() throws {
    let files = try ModelFiles.open(path: try #require(Self.path))
    let config: [String: JSON] = [
      "model_type": "llama", "hidden_size": 576, "num_hidden_layers": 30, "num_attention_heads": 9,
      "num_key_value_heads": 3, "head_dim": 64, "vocab_size": 49152, "rope_theta": 100_000.0,
      "tie_word_embeddings": true, "eos_token_id": 2, "rms_norm_eps": 1e-5,
    ]
    for (key, value) in config { #expect(files.config[key] == value, "\(key)") }
    let gguf = try #require(files.gguf)
    #expect(files.weights.tensors.count == gguf.tensors.count)
    let name = "model.layers.29.self_attn.k_proj.weight"
    let info = try #require(files.weights.info(name))
    #expect(info.shape == [192, 576])
    let stored = try #require(gguf.info("blk.29.attn_k.weight"))
    #expect(try row(files.weights, info, 64 + 33) == row(gguf, stored, 64 + 3))
    #expect(try row(files.weights, info, 128 + 31) == row(gguf, stored, 128 + 62))
  }
}
