import Formats
import Foundation
import Testing

/// A folder of its own, gone when the test ends. In memory where the system has a place for that: thousands of small
/// files take a second there and half a minute on a busy disk.
final class ScratchFolder {
  let path: String

  private static let root =
    FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm/" : NSTemporaryDirectory()

  init() throws {
    path = Self.root + "rollbook-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file and returns its path.
  func file(_ name: String, _ bytes: [UInt8]) throws -> String {
    let path = "\(path)/\(name)"
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    return path
  }
}

/// SplitMix64: the same numbers in every run.
struct SeededNumbers: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}

/// Entries of a folder that end in `suffix`, sorted.
func entries(_ folder: String, suffix: String = "") -> [String] {
  let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
  return names.filter { $0.hasSuffix(suffix) }.sorted()
}

func fileBytes(_ path: String) throws -> [UInt8] {
  try MappedFile.contents(of: path)
}

/// The error that `body` throws; anything but a RollbookError fails the test.
func rollbookError(
  _ body: () throws -> Void, _ comment: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation
) -> RollbookError? {
  do {
    try body()
    Issue.record(comment ?? "expected an error, found none", sourceLocation: sourceLocation)
  } catch let error as RollbookError {
    return error
  } catch {
    Issue.record("expected a RollbookError, found \(error)", sourceLocation: sourceLocation)
  }
  return nil
}

/// Opens a damaged file and reads all of it. Fine if that works; if not, the error must be ours.
func survive(_ path: String, _ open: (String) throws -> any TensorSource) -> RollbookError? {
  do {
    let source = try open(path)
    for tensor in source.tensors where tensor.type.isReadable { _ = try source.read(tensor.name) }
    return nil
  } catch let error as RollbookError {
    return error
  } catch {
    Issue.record("expected a RollbookError, found \(error)")
    return nil
  }
}

/// A GGUF file of F32 tensors, made by hand.
struct GGUFBuilder {
  var values: [(key: String, bytes: [UInt8])] = []
  var tensors: [(name: String, shape: [Int], values: [Float])] = []

  static func little(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }

  static func text(_ string: String) -> [UInt8] {
    little(UInt64(string.utf8.count)) + Array(string.utf8)
  }

  mutating func set(_ key: String, _ value: UInt32) {
    set(key, type: 4, Self.little(value))
  }

  mutating func set(_ key: String, _ value: Float) {
    set(key, type: 6, Self.little(value.bitPattern))
  }

  mutating func set(_ key: String, _ value: String) {
    set(key, type: 8, Self.text(value))
  }

  private mutating func set(_ key: String, type: UInt32, _ bytes: [UInt8]) {
    values.removeAll { $0.key == key }
    values.append((key, Self.little(type) + bytes))
  }

  /// - Parameter shape: Outermost first.
  mutating func add(_ name: String, _ shape: [Int], _ values: [Float]? = nil) {
    let count = shape.reduce(1, *)
    tensors.append((name, shape, values ?? (0..<count).map { Float($0) }))
  }

  var bytes: [UInt8] {
    var file = Array("GGUF".utf8) + Self.little(UInt32(3))
    file += Self.little(UInt64(tensors.count)) + Self.little(UInt64(values.count))
    for value in values { file += Self.text(value.key) + value.bytes }
    var data: [UInt8] = []
    for tensor in tensors {
      file += Self.text(tensor.name) + Self.little(UInt32(tensor.shape.count))
      file += tensor.shape.reversed().flatMap { Self.little(UInt64($0)) }
      file += Self.little(UInt32(0)) + Self.little(UInt64(data.count))
      data += tensor.values.flatMap { Self.little($0.bitPattern) }
      data += [UInt8](repeating: 0, count: (32 - data.count % 32) % 32)
    }
    return file + [UInt8](repeating: 0, count: (32 - file.count % 32) % 32) + data
  }

  /// A model of one layer: hidden 8, 2 heads of 4, 1 kv head, intermediate 6, vocabulary 5.
  static func tiny(architecture: String = "llama") -> GGUFBuilder {
    var file = GGUFBuilder()
    file.set("general.architecture", architecture)
    for (key, value) in [
      ("context_length", 64), ("embedding_length", 8), ("block_count", 1), ("feed_forward_length", 6),
      ("attention.head_count", 2), ("attention.head_count_kv", 1),
    ] as [(String, UInt32)] {
      file.set("\(architecture).\(key)", value)
    }
    file.set("\(architecture).attention.layer_norm_rms_epsilon", Float(1e-5))
    file.set("\(architecture).rope.freq_base", Float(10_000))
    file.add("token_embd.weight", [5, 8])
    for (name, shape) in [
      ("attn_norm", [8]), ("attn_q", [8, 8]), ("attn_k", [4, 8]), ("attn_v", [4, 8]), ("attn_output", [8, 8]),
      ("ffn_norm", [8]), ("ffn_gate", [6, 8]), ("ffn_up", [6, 8]), ("ffn_down", [8, 6]),
    ] {
      file.add("blk.0.\(name).weight", shape)
    }
    file.add("output_norm.weight", [8])
    return file
  }
}

extension JSON {
  /// What a config.json says the shape of each of these tensors is; nil for a name it does not know.
  func expectedShape(_ name: String) -> [Int]? {
    guard let hidden = self["hidden_size"]?.int, let heads = self["num_attention_heads"]?.int,
      let vocabulary = self["vocab_size"]?.int, let inner = self["intermediate_size"]?.int
    else { return nil }
    let head = self["head_dim"]?.int ?? hidden / heads
    let keys = (self["num_key_value_heads"]?.int ?? heads) * head
    let parts = name.split(separator: ".")
    let bias = parts.last == "bias"
    func matrix(_ rows: Int, _ columns: Int) -> [Int] { bias ? [rows] : [rows, columns] }
    switch parts.dropLast().last {
    case "embed_tokens", "lm_head": return [vocabulary, hidden]
    case "norm", "input_layernorm", "post_attention_layernorm": return [hidden]
    case "q_proj": return matrix(heads * head, hidden)
    case "k_proj", "v_proj": return matrix(keys, hidden)
    case "o_proj": return matrix(hidden, heads * head)
    case "q_norm", "k_norm": return [head]
    case "gate_proj", "up_proj": return matrix(inner, hidden)
    case "down_proj": return matrix(hidden, inner)
    default: return nil
    }
  }
}
