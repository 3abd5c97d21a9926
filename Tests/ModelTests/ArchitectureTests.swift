import Formats
import Model
import Testing

/// What config.json says of the architectures that are not plain Llama.
@Suite struct ArchitectureTests {
  /// Llama's good configuration with other members; nil takes one away.
  static func config(_ members: [(String, JSON?)]) -> JSON {
    var object = ConfigurationTests.good.object ?? JSONObject()
    for (key, value) in members { object[key] = value }
    return .object(object)
  }

  static func read(_ members: (String, JSON?)...) throws -> ModelConfiguration {
    try ModelConfiguration(config(members), place: "folder/config.json")
  }

  @Test func whatSetsThemApart() throws {
    let window: (String, JSON?) = ("sliding_window", .null)
    let llama = try Self.read(), mistral = try Self.read(("model_type", "mistral"), window)
    let qwen2 = try Self.read(("model_type", "qwen2")), qwen3 = try Self.read(("model_type", "qwen3"))
    #expect([llama, mistral, qwen3].allSatisfy { !$0.queryKeyValueBias } && qwen2.queryKeyValueBias)
    #expect([llama, mistral, qwen2].allSatisfy { !$0.headNorms } && qwen3.headNorms)
    func extra(_ c: ModelConfiguration) -> [String] {
      let plain = Set(ParameterLayout(llama).entries.map(\.name)), prefix = "model.layers.1."
      return ParameterLayout(c).entries.map(\.name).filter { !plain.contains($0) && $0.hasPrefix(prefix) }
        .map { String($0.dropFirst(prefix.count)) }
    }
    #expect(extra(mistral).isEmpty)
    #expect(extra(qwen2) == ["q", "k", "v"].map { "self_attn.\($0)_proj.bias" })
    #expect(extra(qwen3) == ["self_attn.q_norm.weight", "self_attn.k_norm.weight"])
    let layout = ParameterLayout(qwen2)
    let entries = layout.entries.sorted { $0.offset < $1.offset }
    for (a, b) in zip(entries, entries.dropFirst()) { #expect(a.offset + a.count <= b.offset) }
    #expect(layout.parameterCount == ParameterLayout(llama).parameterCount + 2 * qwen2.queryKeyValue)
  }

  /// Where config.json says nothing, transformers' defaults.
  @Test func defaults() throws {
    let qwen3 = try Self.read(("model_type", "qwen3"), ("head_dim", nil)), wide: (String, JSON?) = ("head_dim", nil)
    #expect(qwen3.headDimensions == 128)
    #expect(try Self.read(("model_type", "qwen2"), wide).headDimensions == 8)
    #expect(try Self.read(("model_type", "qwen2"), ("num_key_value_heads", .null)).keyValueHeads == 4)
    for type in ["mistral", "qwen2", "qwen3"] {
      let error = #expect(throws: RollbookError.self) {
        try Self.read(("model_type", .string(type)), ("num_key_value_heads", nil))
      }
      #expect(error?.message.contains("'num_key_value_heads'") == true)
    }
  }

  @Test func freshBiasesAreZero() throws {
    let p = Parameters.random(try Self.read(("model_type", "qwen2")), seed: 3)
    #expect(p.values("model.layers.0.self_attn.k_proj.bias") == [Float](repeating: 0, count: 16))
    let q = Parameters.random(try Self.read(("model_type", "qwen3")), seed: 3)
    #expect(q.values("model.layers.0.self_attn.k_norm.weight") == [Float](repeating: 1, count: 8))
  }

  @Test func unknownArchitecturesNameWhatThereIs() {
    let error = #expect(throws: RollbookError.self) { try Self.read(("model_type", "gemma3")) }
    for name in ["'gemma3'", "llama", "mistral", "qwen2", "qwen3", "folder/config.json"] {
      #expect(error?.description.contains(name) == true, "\(String(describing: error))")
    }
  }

  static let llama3: JSON = [
    "rope_type": "llama3", "rope_theta": 5000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
  ]

  @Test func rotaryScalingInBothNotations() throws {
    let expected = RotaryScaling.llama3(factor: 8, low: 1, high: 4, original: 64)
    #expect(try Self.read(("rope_parameters", Self.llama3)).rotaryScaling == expected)
    let old = try Self.read(("rope_parameters", nil), ("rope_scaling", Self.llama3), ("rope_theta", 77.0))
    #expect(old.rotaryScaling == expected && old.rotaryBase == 5000)
    for key in ["type", "rope_type"] {
      let linear = try Self.read(
        ("rope_parameters", nil), ("rope_theta", 77), ("rope_scaling", [key: "linear", "factor": 2.5]))
      #expect(linear.rotaryScaling == .linear(factor: 2.5) && linear.rotaryBase == 77)
    }
    let factors: JSON = [1.0, 2.0, 3.0, 4.5]
    let divisors = try Self.read(
      (
        "rope_parameters",
        ["rope_type": "longrope", "attention_factor": 1.0, "short_factor": factors, "long_factor": factors]
      ))
    #expect(divisors.rotaryScaling == .divisors([1, 2, 3, 4.5]))
  }

  @Test(
    arguments: [
      ("factor", nil), ("factor", 0.0), ("low_freq_factor", nil), ("high_freq_factor", 1.0),
      ("original_max_position_embeddings", nil), ("original_max_position_embeddings", -3), ("factor", "8"),
    ] as [(String, JSON?)])
  func badRotaryScalingIsNamed(key: String, value: JSON?) {
    var rope = Self.llama3.object ?? JSONObject()
    rope[key] = value
    let error = #expect(throws: RollbookError.self) { try Self.read(("rope_parameters", .object(rope))) }
    #expect(error?.code == .badInput && error?.message.contains("'\(key)'") == true, "\(String(describing: error))")
  }

  @Test(arguments: ["yarn", "dynamic", "longrope", "proportional"])
  func otherRotaryTypesAreRefused(type: String) {
    let error = #expect(throws: RollbookError.self) {
      try Self.read(("rope_parameters", ["rope_type": .string(type), "factor": 4.0]))
    }
    #expect(error?.message.contains("'\(type)'") == true && error?.hint?.contains("llama3") == true)
  }

  /// Members, and whether attention is over everything for all positions (512 of them).
  static let windows: [([(String, JSON?)], Bool)] = [
    ([("model_type", "llama"), ("sliding_window", 16)], true),
    ([("model_type", "mistral"), ("sliding_window", .null)], true),
    ([("model_type", "mistral"), ("sliding_window", 512)], true),
    ([("model_type", "mistral")], true),
    ([("model_type", "mistral"), ("sliding_window", 511)], false),
    ([("model_type", "mistral"), ("max_position_embeddings", 32_768)], false),
    ([("model_type", "mistral"), ("max_position_embeddings", nil), ("sliding_window", 4096)], false),
    ([("model_type", "qwen2"), ("sliding_window", 16)], true),
    ([("model_type", "qwen2"), ("sliding_window", 16), ("use_sliding_window", false)], true),
    ([("model_type", "qwen2"), ("sliding_window", 16), ("use_sliding_window", true)], false),
    ([("model_type", "qwen2"), ("sliding_window", 600), ("use_sliding_window", true)], true),
    ([("model_type", "qwen3"), ("use_sliding_window", true), ("max_position_embeddings", 40_960)], false),
    ([("model_type", "qwen3"), ("sliding_window", .null), ("use_sliding_window", true)], true),
    (
      [("model_type", "qwen2"), ("sliding_window", 16), ("use_sliding_window", true), ("max_window_layers", 2)], true
    ),
    (
      [("model_type", "qwen2"), ("sliding_window", 16), ("use_sliding_window", true), ("max_window_layers", 1)], false
    ),
    (
      [
        ("model_type", "qwen2"), ("sliding_window", 16), ("use_sliding_window", true), ("max_window_layers", 2),
        ("layer_types", ["full_attention", "sliding_attention"]),
      ], false
    ),
    (
      [
        ("model_type", "qwen2"), ("sliding_window", 16), ("use_sliding_window", true),
        ("layer_types", ["full_attention", "full_attention"]),
      ], true
    ),
  ]

  @Test(arguments: windows.indices)
  func windowsThatMatterAreRefused(index: Int) {
    let (members, accepted) = Self.windows[index]
    do {
      _ = try ModelConfiguration(Self.config(members), place: "folder/config.json")
      #expect(accepted, "\(members)")
    } catch {
      let error = error as? RollbookError
      #expect(!accepted && error?.message.contains("'sliding_window'") == true, "\(members): \(error as Any)")
    }
  }
}
