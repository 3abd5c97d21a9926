import Formats
import Model
import Testing

@Suite struct ConfigurationTests {
  static let good: JSON = [
    "model_type": "llama", "vocab_size": 100, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "rms_norm_eps": 1e-5, "hidden_act": "silu",
    "rope_parameters": ["rope_theta": 5000.0, "rope_type": "default"], "tie_word_embeddings": true,
    "max_position_embeddings": 512, "attention_bias": false, "mlp_bias": false, "pretraining_tp": 1,
  ]

  /// The good configuration with one key changed, or taken away by nil.
  static func changed(_ key: String, _ value: JSON?) -> JSON {
    var object = good.object ?? JSONObject()
    object[key] = value
    return .object(object)
  }

  @Test func readsEverything() throws {
    let c = try ModelConfiguration(Self.good, place: "config.json")
    #expect(c.modelType == "llama" && c.vocabularyCount == 100 && c.hidden == 32 && c.intermediate == 48)
    #expect(c.layers == 2 && c.heads == 4 && c.keyValueHeads == 2 && c.headDimensions == 8)
    #expect(c.normEpsilon == 1e-5 && c.rotaryBase == 5000 && c.tiedEmbeddings && c.maximumPositions == 512)
    #expect(c.queryKeyValue == 64 && c.queryWidth == 32)
  }

  @Test func whatMayBeMissing() throws {
    func read(_ key: String, _ value: JSON? = nil) throws -> ModelConfiguration {
      try ModelConfiguration(Self.changed(key, value), place: "config.json")
    }
    #expect(try read("num_key_value_heads").keyValueHeads == 4)
    #expect(try read("head_dim").headDimensions == 8 && read("head_dim", .null).headDimensions == 8)
    #expect(try !read("tie_word_embeddings").tiedEmbeddings)
    #expect(try read("rms_norm_eps").normEpsilon == 1e-6)
    #expect(try read("rope_parameters").rotaryBase == 10_000)
    #expect(try read("hidden_act").hidden == 32)
    // The older notation, with and without a rope_scaling.
    for scaling: JSON in [.null, ["type": "default"], ["rope_type": "default"]] {
      var old = Self.changed("rope_parameters", nil).object ?? JSONObject()
      old["rope_theta"] = 7000
      old["rope_scaling"] = scaling
      #expect(try ModelConfiguration(.object(old), place: "config.json").rotaryBase == 7000)
    }
  }

  struct Bad: Sendable, CustomTestStringConvertible {
    var key: String, value: JSON?
    /// What the error must name besides the file.
    var names: [String]
    var testDescription: String { "\(key): \((try? value?.serialized()) ?? "missing")" }
    init(_ key: String, _ value: JSON?, _ names: String...) { (self.key, self.value, self.names) = (key, value, names) }
  }

  static let bad: [Bad] = [
    Bad("model_type", "gpt2", "model_type", "'gpt2'"), Bad("model_type", nil, "model_type"),
    Bad("model_type", 3, "model_type"),
    Bad("vocab_size", nil, "'vocab_size'"), Bad("vocab_size", 0, "'vocab_size'", "0"),
    Bad("vocab_size", -5, "'vocab_size'", "-5"), Bad("vocab_size", "100", "'vocab_size'", "\"100\""),
    Bad("vocab_size", 1.5, "'vocab_size'", "1.5"), Bad("vocab_size", 1e30, "'vocab_size'"),
    Bad("vocab_size", .int(.max), "'vocab_size'"), Bad("hidden_size", nil, "'hidden_size'"),
    Bad("hidden_size", .null, "'hidden_size'"), Bad("hidden_size", [1], "'hidden_size'"),
    Bad("intermediate_size", nil, "'intermediate_size'"), Bad("num_hidden_layers", 0, "'num_hidden_layers'"),
    Bad("num_hidden_layers", 1_000_000, "'num_hidden_layers'"),
    Bad("num_attention_heads", nil, "'num_attention_heads'"),
    Bad("num_attention_heads", true, "'num_attention_heads'"),
    Bad("num_key_value_heads", 3, "num_key_value_heads", "3"),
    Bad("num_key_value_heads", 0, "'num_key_value_heads'"), Bad("num_key_value_heads", 8, "num_key_value_heads", "8"),
    Bad("head_dim", 7, "head_dim", "7"), Bad("head_dim", 0, "'head_dim'"), Bad("rms_norm_eps", 0, "'rms_norm_eps'"),
    Bad("rms_norm_eps", -1, "'rms_norm_eps'"), Bad("rms_norm_eps", "small", "'rms_norm_eps'"),
    Bad("max_position_embeddings", 0, "'max_position_embeddings'"), Bad("hidden_act", "gelu", "hidden_act", "'gelu'"),
    Bad("attention_bias", true, "'attention_bias'"), Bad("mlp_bias", true, "'mlp_bias'"),
    Bad("tie_word_embeddings", "yes", "'tie_word_embeddings'"),
    Bad("rope_parameters", ["rope_type": "of-the-future"], "'of-the-future'"),
    Bad("rope_parameters", ["rope_type": "default", "rope_theta": -1], "rope_theta", "-1"),
    Bad("rope_parameters", ["rope_type": "default", "rope_theta": "many"], "rope_theta", "many"),
    Bad("rope_parameters", ["rope_type": "default", "partial_rotary_factor": 0.5], "partial_rotary_factor", "0.5"),
    Bad("partial_rotary_factor", 0.25, "partial_rotary_factor", "0.25"),
  ]

  @Test(arguments: bad)
  func everyBadValueIsNamed(bad: Bad) {
    do {
      _ = try ModelConfiguration(Self.changed(bad.key, bad.value), place: "folder/config.json")
      Issue.record("accepted \(bad.testDescription)")
    } catch let error as RollbookError {
      #expect(error.code == .badInput && error.description.contains("folder/config.json"))
      for name in bad.names { #expect(error.message.contains(name), "\(error)") }
    } catch {
      Issue.record("expected a RollbookError, found \(error)")
    }
  }

  @Test func otherRootsAreNoConfiguration() {
    for json: JSON in [.null, [], 3, "llama", [:]] {
      #expect(throws: RollbookError.self) { try ModelConfiguration(json, place: "config.json") }
    }
  }

  /// The layout holds every parameter once, in the checkpoint's names, without overlap.
  @Test(arguments: [true, false])
  func layout(tied: Bool) throws {
    let c = try ModelConfiguration(Self.changed("tie_word_embeddings", .bool(tied)), place: "config.json")
    let layout = ParameterLayout(c)
    let entries = layout.entries.sorted { $0.offset < $1.offset }
    for (a, b) in zip(entries, entries.dropFirst()) { #expect(a.offset + a.count <= b.offset) }
    #expect(Set(entries.map(\.name)).count == entries.count)
    #expect(entries.allSatisfy { $0.offset + $0.count <= layout.count })
    #expect(layout.entries.contains { $0.name == "lm_head.weight" } == !tied)
    let perLayer = 2 * 32 + 64 * 32 + 32 * 32 + 3 * 48 * 32
    #expect(layout.parameterCount == 2 * perLayer + 32 + (tied ? 1 : 2) * 100 * 32)
    #expect(layout.layers.count == 2 && (layout.head == layout.embedding) == tied)
  }

  @Test func freshWeights() throws {
    let c = try ModelConfiguration(Self.good, place: "config.json")
    let a = Parameters.random(c, seed: 1), b = Parameters.random(c, seed: 1), other = Parameters.random(c, seed: 2)
    #expect(a.bits == b.bits && a.bits != other.bits)
    for entry in a.layout.entries {
      let values = a.values(entry).map { Double($0) }
      if entry.shape.count == 1 {
        #expect(values.allSatisfy { $0 == 1 })
      } else {
        let deviation = (values.reduce(0) { $0 + $1 * $1 } / Double(values.count)).squareRoot()
        #expect(abs(deviation - 0.02) < 0.002 && values.allSatisfy { abs($0) < 0.12 }, "\(entry.name)")
      }
    }
  }
}
