package import Formats

/// What sets the supported architectures apart from Llama. Mistral is Llama with other defaults.
private struct Architecture {
  var queryKeyValueBias = false
  var headNorms = false
  /// What transformers assumes where config.json does not say; no size of a head: hidden_size over heads.
  var defaultPositions = 2048
  var defaultWindow: Int?
  var defaultHead: Int?

  static let supported: [String: Architecture] = [
    "llama": Architecture(),
    "mistral": Architecture(defaultPositions: 131_072, defaultWindow: 4096),
    "qwen2": Architecture(queryKeyValueBias: true, defaultPositions: 32_768),
    "qwen3": Architecture(headNorms: true, defaultPositions: 32_768, defaultHead: 128),
  ]
}

/// The sizes and constants of a decoder-only transformer, from a `config.json` in Hugging Face's words.
///
/// Both notations of transformers are read: `rope_parameters`/`dtype` (5.x) and `rope_theta`/`torch_dtype` (4.x).
package struct ModelConfiguration: Equatable, Sendable {
  package var modelType: String
  package var vocabularyCount: Int
  package var hidden: Int
  package var intermediate: Int
  package var layers: Int
  package var heads: Int
  package var keyValueHeads: Int
  package var headDimensions: Int
  package var normEpsilon: Float
  package var rotaryBase: Double
  package var rotaryScaling: RotaryScaling
  /// Whether the projections to queries, keys and values have biases (Qwen2).
  package var queryKeyValueBias: Bool
  /// Whether every head of queries and keys is normed before it is rotated (Qwen3).
  package var headNorms: Bool
  package var tiedEmbeddings: Bool
  package var maximumPositions: Int

  /// Rows of the fused query, key and value projection.
  package var queryKeyValue: Int { (heads + 2 * keyValueHeads) * headDimensions }
  package var queryWidth: Int { heads * headDimensions }
  /// Floats of a row's queries and keys, which come first in that projection.
  package var queryKeyWidth: Int { (heads + keyValueHeads) * headDimensions }

  /// Bytes of the weights in f32, rounded up a little; in double because a config can ask for anything.
  package var parameterBytes: Double {
    let attention = Double(queryKeyValue) * Double(hidden) + Double(queryWidth) * Double(hidden)
    let layer = attention + 3 * Double(intermediate) * Double(hidden) + 2 * Double(hidden) + Double(queryKeyValue)
    let embedding = Double(vocabularyCount) * Double(hidden) * (tiedEmbeddings ? 1 : 2)
    return 4 * (embedding + Double(layers) * layer + Double(hidden))
  }

  /// - Parameter place: names the file in errors.
  /// - Throws: `badInput` naming the key that is missing, out of range or asks for what is not implemented.
  package init(_ json: JSON, place: String) throws {
    let reader = Reader(json: json, place: place)
    modelType = json["model_type"]?.string ?? "(none)"
    guard let architecture = Architecture.supported[modelType] else {
      throw RollbookError.badInput(
        place,
        "model_type is '\(modelType)', expected one of "
          + Architecture.supported.keys.sorted().joined(separator: ", "),
        hint: "Rollbook has no model of this architecture")
    }
    queryKeyValueBias = architecture.queryKeyValueBias
    headNorms = architecture.headNorms
    vocabularyCount = try reader.count("vocab_size", limit: 1 << 24)
    hidden = try reader.count("hidden_size", limit: 1 << 20)
    intermediate = try reader.count("intermediate_size", limit: 1 << 22)
    layers = try reader.count("num_hidden_layers", limit: 4096)
    heads = try reader.count("num_attention_heads", limit: 4096)
    // Where the key is missing, transformers takes another number for each architecture but Llama.
    let isGiven = modelType == "llama" || json["num_key_value_heads"] != nil
    keyValueHeads = try reader.count("num_key_value_heads", limit: 4096, default: isGiven ? heads : nil)
    headDimensions = try reader.count(
      "head_dim", limit: 4096, default: architecture.defaultHead ?? max(1, hidden / heads))
    normEpsilon = Float(try reader.positive("rms_norm_eps", default: 1e-6))
    maximumPositions = try reader.count(
      "max_position_embeddings", limit: 1 << 26, default: architecture.defaultPositions)
    tiedEmbeddings = try reader.flag("tie_word_embeddings")
    (rotaryBase, rotaryScaling) = try reader.rotary(dimensions: headDimensions)
    guard heads % keyValueHeads == 0 else {
      throw RollbookError.badInput(
        place, "num_attention_heads \(heads) is no multiple of num_key_value_heads \(keyValueHeads)")
    }
    guard headDimensions % 2 == 0 else {
      throw RollbookError.badInput(place, "head_dim is \(headDimensions), expected an even number (rotary pairs)")
    }
    try reader.refuseUnsupported()
    try reader.refuseWindow(architecture.defaultWindow, layers: layers, positions: maximumPositions)
  }

  private struct Reader {
    let json: JSON
    let place: String

    func count(_ key: String, limit: Int, default fallback: Int? = nil) throws -> Int {
      guard let value = json[key], !value.isNull else {
        if let fallback { return fallback }
        throw RollbookError.badInput(place, "'\(key)' is missing")
      }
      guard let number = value.int, number >= 1, number <= limit else {
        throw RollbookError.badInput(
          place, "'\(key)' is \(try value.serialized()), expected a whole number from 1 to \(limit)")
      }
      return number
    }

    func positive(_ key: String, default fallback: Double? = nil) throws -> Double {
      guard let value = json[key], !value.isNull else {
        if let fallback { return fallback }
        throw RollbookError.badInput(place, "'\(key)' is missing")
      }
      guard let number = value.double, number > 0, number.isFinite else {
        throw RollbookError.badInput(place, "'\(key)' is \(try value.serialized()), expected a positive number")
      }
      return number
    }

    func rotary(dimensions: Int) throws -> (base: Double, scaling: RotaryScaling) {
      let rope = json["rope_parameters"].flatMap { $0.isNull ? nil : $0 } ?? json["rope_scaling"] ?? .null
      for source in [rope, json] {
        if let share = source["partial_rotary_factor"], !share.isNull, share.double != 1 {
          throw RollbookError.badInput(
            place, "'partial_rotary_factor' is \(try share.serialized()): only 1 is supported so far")
        }
      }
      let inner = Reader(json: rope, place: place)
      let base = try inner.positive("rope_theta", default: positive("rope_theta", default: 10_000))
      return (base, try inner.scaling(dimensions: dimensions))
    }

    /// This reader's object is `rope_parameters` or `rope_scaling`.
    private func scaling(dimensions: Int) throws -> RotaryScaling {
      let kind = json["rope_type"]?.string ?? json["type"]?.string ?? "default"
      switch kind {
      case "default": return .none
      case "linear": return .linear(factor: try positive("factor"))
      case "llama3":
        let low = try positive("low_freq_factor"), high = try positive("high_freq_factor")
        guard high > low else {
          throw RollbookError.badInput(
            place, "'high_freq_factor' is \(high), expected more than low_freq_factor \(low)")
        }
        return .llama3(
          factor: try positive("factor"), low: low, high: high,
          original: try positive("original_max_position_embeddings"))
      case "longrope":
        // Only as GGUF files with divisors of their own are read: the same for every length.
        let divisors = (json["short_factor"]?.array ?? []).compactMap(\.double)
        if json["long_factor"] == json["short_factor"], json["attention_factor"]?.double == 1,
          divisors.count == dimensions / 2, divisors.allSatisfy({ $0 > 0 && $0.isFinite })
        {
          return .divisors(divisors)
        }
      default: break
      }
      throw RollbookError.badInput(
        place, "rope type '\(kind)' is not supported", hint: "supported: default, linear, llama3")
    }

    func flag(_ key: String) throws -> Bool {
      guard let value = json[key], !value.isNull else { return false }
      guard let flag = value.bool else {
        throw RollbookError.badInput(place, "'\(key)' is \(try value.serialized()), expected true or false")
      }
      return flag
    }

    func refuseUnsupported() throws {
      for key in ["attention_bias", "mlp_bias"] where try flag(key) {
        throw RollbookError.badInput(place, "'\(key)' is true: biases are not supported yet")
      }
      if let activation = json["hidden_act"]?.string, activation != "silu" {
        throw RollbookError.badInput(place, "hidden_act is '\(activation)', expected 'silu'")
      }
    }

    /// Attention looks at everything before a token; a window is refused unless no sequence is longer, no layer has
    /// it or it is switched off. Llama has none, whatever its config says.
    /// - Parameter fallback: the window of an architecture that has one by default.
    func refuseWindow(_ fallback: Int?, layers: Int, positions: Int) throws {
      let isQwen = json["model_type"]?.string?.hasPrefix("qwen") == true
      if fallback == nil, !isQwen { return }
      if isQwen, try !flag("use_sliding_window") { return }
      if json["sliding_window"]?.isNull == true { return }
      let window = try count("sliding_window", limit: .max, default: fallback ?? 4096)
      if window >= positions { return }
      if isQwen, json["layer_types"] == nil, let first = json["max_window_layers"]?.int, first >= layers { return }
      if let types = json["layer_types"]?.array, !types.isEmpty, types.allSatisfy({ $0.string == "full_attention" }) {
        return
      }
      throw RollbookError.badInput(
        place,
        "'sliding_window' is \(window), less than max_position_embeddings \(positions): attention windows are "
          + "not supported",
        hint: "for sequences of at most \(window) tokens, set max_position_embeddings to \(window)")
    }
  }
}
