import Foundation

/// What a GGUF file's metadata say about the model, in the words of Hugging Face's config.json.
struct GGUFConfiguration {
  /// config.json, with the keys of transformers 5 (`rope_parameters`, `dtype`) and those of older versions.
  var config: JSONObject
  /// generation_config.json: the special tokens.
  var generationConfig: JSONObject
  var headDimension: Int
  /// Whether q and k have the rows of a head in interleaved order.
  var interleaved: Bool

  /// Architecture → (`architectures`, whether q and k rows are interleaved). Mistral files say llama.
  private static let supported: [String: (className: String, interleaved: Bool)] = [
    "llama": ("LlamaForCausalLM", true),
    "qwen2": ("Qwen2ForCausalLM", false),
    "qwen3": ("Qwen3ForCausalLM", false),
  ]

  /// - Throws: `RollbookError` `badInput` for an architecture or a variant of one that Rollbook has no model of, and
  ///   for metadata that are missing.
  init(_ gguf: GGUF) throws {
    let reader = GGUFFields(gguf: gguf)
    guard let known = Self.supported[reader.architecture] else {
      throw RollbookError.badInput(
        gguf.path,
        "the architecture is '\(reader.architecture)', expected one of "
          + Self.supported.keys.sorted().joined(separator: ", "),
        hint: "Rollbook has no model of this architecture")
    }
    try Self.refuseVariants(reader)
    let heads = try reader.int("attention.head_count")
    let hidden = try reader.int("embedding_length")
    guard heads > 0, hidden > 0 else { throw reader.bad("expected at least one head and one hidden unit") }
    let head = try reader.optionalInt("attention.key_length") ?? hidden / heads
    guard head > 0, try reader.optionalInt("attention.value_length") ?? head == head else {
      throw reader.bad("expected keys and values of one size, found \(head) and another")
    }
    guard let embedding = gguf.info("token_embd.weight"), embedding.shape.count == 2 else {
      throw RollbookError.missing(gguf.path, "expected a matrix 'token_embd.weight', found none")
    }
    headDimension = head
    interleaved = known.interleaved
    // What each inverse frequency is to be divided by, [head_dim / 2].
    let divisors = try gguf.info("rope_freqs.weight").map { try gguf.read($0.name) }
    if let divisors, divisors.count != head / 2 || !divisors.allSatisfy({ $0.isFinite && $0 > 0 }) {
      throw reader.bad("expected rope_freqs.weight to hold \(head / 2) positive numbers")
    }
    let context = try reader.int("context_length")
    let special = try Self.specialTokens(reader)
    generationConfig = special
    config = [
      "architectures": [.string(known.className)], "model_type": .string(reader.architecture),
      "attention_bias": .bool(gguf.info("blk.0.attn_q.bias") != nil), "attention_dropout": 0.0,
      "dtype": "float32", "torch_dtype": "float32", "head_dim": .int(head), "hidden_act": "silu",
      "hidden_size": .int(hidden), "initializer_range": 0.02,
      "intermediate_size": .int(try reader.int("feed_forward_length")), "max_position_embeddings": .int(context),
      "mlp_bias": .bool(gguf.info("blk.0.ffn_up.bias") != nil), "num_attention_heads": .int(heads),
      "num_hidden_layers": .int(try reader.int("block_count")),
      "num_key_value_heads": .int(try reader.optionalInt("attention.head_count_kv") ?? heads),
      "rms_norm_eps": .double(try reader.float("attention.layer_norm_rms_epsilon")),
      "tie_word_embeddings": .bool(gguf.info("output.weight") == nil), "use_cache": true,
      "vocab_size": .int(embedding.rowCount),
    ]
    for member in special.members { config[member.key] = member.value }
    if reader.architecture != "llama" {
      config["mlp_bias"] = nil
      config["use_sliding_window"] = false
      if reader.architecture == "qwen2" { config["attention_bias"] = nil }
    }
    let rope = try Self.rope(reader, head: head, context: context, divisors: divisors)
    config["rope_theta"] = rope["rope_theta"]
    config["rope_parameters"] = .object(rope)
    if rope["rope_type"] != .string("default") { config["rope_scaling"] = .object(rope) }
  }

  private static func refuseVariants(_ reader: GGUFFields) throws {
    if let count = reader.gguf.metadata["split.count"]?.int, count > 1 {
      throw RollbookError.badInput(
        reader.gguf.path, "this is one of \(count) files of a split model",
        hint: "merge them with llama-gguf-split --merge")
    }
    if try reader.optionalInt("expert_count") ?? 0 > 0 {
      throw RollbookError.badInput(reader.gguf.path, "the model is a mixture of experts", hint: "use a dense model")
    }
  }

  /// `bos_token_id`, `eos_token_id` (a list if the end of a turn is another token) and `pad_token_id`.
  private static func specialTokens(_ reader: GGUFFields) throws -> JSONObject {
    func id(_ key: String) -> Int? { reader.gguf.metadata["tokenizer.ggml.\(key)_token_id"]?.int }
    var object = JSONObject()
    object["bos_token_id"] = id("bos").map { .int($0) } ?? .null
    var ends = [id("eos"), id("eot")].compactMap { $0 }
    if ends.count == 2 && ends[0] == ends[1] { ends.removeLast() }
    object["eos_token_id"] = ends.count > 1 ? .array(ends.map { .int($0) }) : ends.first.map { .int($0) } ?? .null
    object["pad_token_id"] = id("padding").map { .int($0) } ?? .null
    return object
  }

  /// `rope_parameters`. Divisors become type `llama3` when its formula gives them, else `longrope` with the same
  /// divisors for every length, which is what they mean.
  private static func rope(
    _ reader: GGUFFields, head: Int, context: Int, divisors: [Float]?
  ) throws -> JSONObject {
    let theta = try reader.optionalFloat("rope.freq_base") ?? 10_000
    var rope: JSONObject = ["rope_theta": .double(theta), "rope_type": "default"]
    let rotated = try reader.optionalInt("rope.dimension_count") ?? head
    if rotated != head { rope["partial_rotary_factor"] = .double(Double(rotated) / Double(head)) }
    if let divisors, divisors.contains(where: { $0 != 1 }) {
      if let fitted = Llama3Rope(divisors: divisors, theta: theta) {
        for member in fitted.parameters.members { rope[member.key] = member.value }
      } else {
        let factors = JSON.array(divisors.map { .double(shortest($0)) })
        rope["rope_type"] = "longrope"
        rope["short_factor"] = factors
        rope["long_factor"] = factors
        rope["attention_factor"] = 1.0
        rope["factor"] = 1.0
        rope["original_max_position_embeddings"] = .int(context)
      }
      return rope
    }
    let type = reader.gguf.metadata["\(reader.architecture).rope.scaling.type"]?.string ?? "none"
    guard type != "none" else { return rope }
    guard type == "linear" || type == "yarn" else { throw reader.bad("unknown rope.scaling.type '\(type)'") }
    rope["rope_type"] = .string(type)
    rope["factor"] = .double(try reader.float("rope.scaling.factor"))
    rope["original_max_position_embeddings"] =
      try reader.optionalInt("rope.scaling.original_context_length").map { .int($0) }
    return rope
  }
}

/// The double that reads like the float: 1e-05, not 9.999999747378752e-06. It rounds to the same float again.
func shortest(_ value: Float) -> Double {
  Double(value.description) ?? Double(value)
}

/// Llama 3's rope scaling (transformers, `_compute_llama3_parameters`) fitted to stored divisors: wavelengths below
/// original / high stay, those above original / low are divided by the factor, with a ramp between.
struct Llama3Rope {
  var factor: Double
  var originalContext: Int
  /// What every published model has; files of divisors do not say.
  static let low = 1.0
  static let high = 4.0

  /// Nil unless some power of two as original length gives every divisor to one part in 100,000.
  init?(divisors: [Float], theta: Double) {
    guard let largest = divisors.max(), largest > 1, theta > 1 else { return nil }
    factor = Double(largest)
    for shift in 4...22 {
      originalContext = 1 << shift
      var fits = true
      for (index, divisor) in divisors.enumerated() {
        let expected = self.divisor(index, count: divisors.count, theta: theta)
        fits = fits && abs(Double(divisor) / expected - 1) < 1e-5
      }
      if fits { return }
    }
    return nil
  }

  /// - Parameter count: Half the size of a head.
  private func divisor(_ index: Int, count: Int, theta: Double) -> Double {
    let wavelength = 2 * Double.pi * pow(theta, Double(index) / Double(count))
    let turns = Double(originalContext) / wavelength
    if turns > Self.high { return 1 }
    if turns < Self.low { return factor }
    let smooth = (turns - Self.low) / (Self.high - Self.low)
    return 1 / ((1 - smooth) / factor + smooth)
  }

  var parameters: JSONObject {
    [
      "rope_type": "llama3", "factor": .double(factor), "low_freq_factor": .double(Self.low),
      "high_freq_factor": .double(Self.high), "original_max_position_embeddings": .int(originalContext),
    ]
  }
}
