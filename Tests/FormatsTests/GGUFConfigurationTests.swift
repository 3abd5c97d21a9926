import Formats
import Foundation
import TestSupport
import Testing

/// What small variations of a GGUF file's metadata become in config.json.
@Suite struct GGUFConfigurationTests {
  private func open(_ file: GGUFBuilder) throws -> ModelFiles {
    let folder = try ScratchFolder()
    return try ModelFiles.open(path: folder.file("model.gguf", file.bytes))
  }

  @Test(arguments: ["llama", "qwen2", "qwen3"])
  func defaults(architecture: String) throws {
    let files = try open(.tiny(architecture: architecture))
    #expect(files.config["head_dim"] == 4 && files.config["vocab_size"] == 5)
    #expect(files.config["tie_word_embeddings"] == true && files.config["rms_norm_eps"] == 1e-5)
    #expect(files.config["rope_parameters"] == ["rope_theta": 10_000.0, "rope_type": "default"])
    #expect(files.config["rope_scaling"] == nil)
    #expect(files.config["eos_token_id"] == .null)
    // Rows of a head of 4 are stored as 0, 2, 1, 3 by llama, in order by the others.
    let q = try files.weights.read("model.layers.0.self_attn.q_proj.weight")
    let rows = stride(from: 0, to: 64, by: 8).map { Int(q[$0]) / 8 }
    #expect(rows == (architecture == "llama" ? [0, 2, 1, 3, 4, 6, 5, 7] : Array(0..<8)))
    #expect(try files.weights.read("model.layers.0.self_attn.v_proj.weight") == (0..<32).map { Float($0) })
  }

  @Test func specialTokens() throws {
    var file = GGUFBuilder.tiny()
    file.set("tokenizer.ggml.bos_token_id", UInt32(1))
    file.set("tokenizer.ggml.eos_token_id", UInt32(2))
    file.set("tokenizer.ggml.eot_token_id", UInt32(2))
    file.set("tokenizer.ggml.padding_token_id", UInt32(0))
    var config = try open(file).config
    #expect(config["bos_token_id"] == 1 && config["eos_token_id"] == 2 && config["pad_token_id"] == 0)
    file.set("tokenizer.ggml.eot_token_id", UInt32(4))
    let files = try open(file)
    config = files.config
    #expect(config["eos_token_id"] == [2, 4])
    #expect(files.generationConfig == ["bos_token_id": 1, "eos_token_id": [2, 4], "pad_token_id": 0])
  }

  @Test func biasesOfQAndKFollowTheirRows() throws {
    var file = GGUFBuilder.tiny()
    file.add("blk.0.attn_q.bias", [8])
    file.add("blk.0.attn_k.bias", [4])
    let files = try open(file)
    #expect(files.config["attention_bias"] == true)
    #expect(try files.weights.read("model.layers.0.self_attn.q_proj.bias") == [0, 2, 1, 3, 4, 6, 5, 7])
    #expect(try files.weights.read("model.layers.0.self_attn.k_proj.bias") == [0, 2, 1, 3])
  }

  @Test func scalingTypes() throws {
    var file = GGUFBuilder.tiny()
    file.set("llama.rope.scaling.type", "yarn")
    #expect(rollbookError({ _ = try open(file) })?.message.contains("rope.scaling.factor") == true)
    file.set("llama.rope.scaling.factor", Float(2.5))
    file.set("llama.rope.scaling.original_context_length", UInt32(32))
    let expected: JSON = [
      "rope_theta": 10_000.0, "rope_type": "yarn", "factor": 2.5, "original_max_position_embeddings": 32,
    ]
    #expect(try open(file).config["rope_parameters"] == expected)
    #expect(try open(file).config["rope_scaling"] == expected)
    file.set("llama.rope.scaling.type", "spiral")
    #expect(rollbookError({ _ = try open(file) })?.code == .badInput)
  }

  /// Divisors that are no formula's survive a checkpoint's config.json to the bit.
  @Test func divisorsOfNoKnownType() throws {
    let divisors: [Float] = [1.5, 1.2345678]
    var file = GGUFBuilder.tiny()
    file.add("rope_freqs.weight", [2], divisors)
    let files = try open(file)
    #expect(files.weights.info("rope_freqs.weight") == nil)
    let rope = try #require(files.config["rope_parameters"])
    #expect(rope["rope_type"] == "longrope" && rope["attention_factor"] == 1.0)
    #expect(rope["long_factor"] == rope["short_factor"])

    let folder = try ScratchFolder()
    _ = try folder.file("config.json", files.config.bytes())
    _ = try SafetensorsWriter(path: folder.path + "/model.safetensors", tensors: []).finish()
    let read = try ModelFiles.open(path: folder.path).config["rope_parameters"]?["short_factor"]?.array
    #expect(read?.compactMap { $0.double.map { Float($0) } } == divisors)

    file.tensors.removeLast()
    file.add("rope_freqs.weight", [2], [1, 1])
    #expect(try open(file).config["rope_parameters"]?["rope_type"] == "default")
    for bad in [[1], [1, 0], [1, .nan], [1, -2]] as [[Float]] {
      file.tensors.removeLast()
      file.add("rope_freqs.weight", [bad.count], bad)
      #expect(rollbookError({ _ = try open(file) })?.message.contains("rope_freqs.weight") == true)
    }
  }

  @Test(
    arguments: [
      ("llama.expert_count", 8), ("split.count", 2), ("llama.attention.value_length", 8),
      ("llama.attention.head_count", 0),
      ("llama.attention.key_length", 3), ("llama.attention.key_length", 0), ("llama.attention.head_count_kv", .max),
    ] as [(String, UInt32)])
  func unsupportedVariants(key: String, value: UInt32) throws {
    var file = GGUFBuilder.tiny()
    file.set(key, value)
    let error = rollbookError({ _ = try open(file) })
    #expect(error?.code == .badInput && error?.hint != nil || key.hasSuffix("key_length"))
  }

  @Test func missingMetadataAndTensorsAreNamed() throws {
    let whole = GGUFBuilder.tiny()
    for index in whole.values.indices {
      var file = whole
      let key = file.values.remove(at: index).key
      if key.hasSuffix("freq_base") || key.hasSuffix("head_count_kv") { continue }
      let error = rollbookError({ _ = try open(file) }, "\(key)")
      #expect(error?.code == .badInput, "\(key)")
      if key != "general.architecture" { #expect(error?.message.contains(key) == true) }
    }
    var file = whole
    file.tensors.removeFirst()
    #expect(rollbookError({ _ = try open(file) })?.message.contains("token_embd.weight") == true)
    file = whole
    file.set("llama.block_count", "one")
    #expect(rollbookError({ _ = try open(file) })?.message.contains("llama.block_count") == true)
  }

  @Test func unknownArchitecturesAreNamed() throws {
    let error = rollbookError({ _ = try open(.tiny(architecture: "mamba")) })
    #expect(error?.code == .badInput)
    #expect(error?.message.contains("mamba") == true && error?.message.contains("qwen2") == true)
  }

  @Test func twoTensorsOfOneNameAreAnError() throws {
    var file = GGUFBuilder.tiny()
    file.add("model.norm.weight", [8])
    #expect(rollbookError({ _ = try open(file) })?.message.contains("model.norm.weight") == true)
    file = .tiny()
    file.add("output_norm.weight", [8])
    #expect(rollbookError({ _ = try open(file) })?.message.contains("output_norm.weight") == true)
  }
}
