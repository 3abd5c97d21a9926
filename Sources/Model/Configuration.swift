package import Formats

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
  package var tiedEmbeddings: Bool
  package var maximumPositions: Int

  /// Rows of the fused query, key and value projection.
  package var queryKeyValue: Int { (heads + 2 * keyValueHeads) * headDimensions }
  package var queryWidth: Int { heads * headDimensions }

  /// Bytes of the weights in f32; in double because a config can ask for anything.
  package var parameterBytes: Double {
    let attention = Double(queryKeyValue) * Double(hidden) + Double(queryWidth) * Double(hidden)
    let layer = attention + 3 * Double(intermediate) * Double(hidden) + 2 * Double(hidden)
    let embedding = Double(vocabularyCount) * Double(hidden) * (tiedEmbeddings ? 1 : 2)
    return 4 * (embedding + Double(layers) * layer + Double(hidden))
  }

  /// - Parameter place: names the file in errors.
  /// - Throws: `badInput` naming the key that is missing, out of range or asks for what is not implemented.
  package init(_ json: JSON, place: String) throws {
    let reader = Reader(json: json, place: place)
    modelType = json["model_type"]?.string ?? "(none)"
    guard modelType == "llama" else {
      throw RollbookError.badInput(
        place, "model_type is '\(modelType)', expected 'llama'", hint: "only the Llama architecture is supported so far")
    }
    vocabularyCount = try reader.count("vocab_size", limit: 1 << 24)
    hidden = try reader.count("hidden_size", limit: 1 << 20)
    intermediate = try reader.count("intermediate_size", limit: 1 << 22)
    layers = try reader.count("num_hidden_layers", limit: 4096)
    heads = try reader.count("num_attention_heads", limit: 4096)
    keyValueHeads = try reader.count("num_key_value_heads", limit: 4096, default: heads)
    headDimensions = try reader.count("head_dim", limit: 4096, default: max(1, hidden / heads))
    normEpsilon = Float(try reader.positive("rms_norm_eps", default: 1e-6))
    maximumPositions = try reader.count("max_position_embeddings", limit: 1 << 26, default: 2048)
    tiedEmbeddings = try reader.flag("tie_word_embeddings")
    rotaryBase = try reader.rotaryBase()
    guard heads % keyValueHeads == 0 else {
      throw RollbookError.badInput(
        place, "num_attention_heads \(heads) is no multiple of num_key_value_heads \(keyValueHeads)")
    }
    guard headDimensions % 2 == 0 else {
      throw RollbookError.badInput(place, "head_dim is \(headDimensions), expected an even number (rotary pairs)")
    }
    try reader.refuseUnsupported()
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

    func positive(_ key: String, default fallback: Double) throws -> Double {
      guard let value = json[key], !value.isNull else { return fallback }
      guard let number = value.double, number > 0, number.isFinite else {
        throw RollbookError.badInput(place, "'\(key)' is \(try value.serialized()), expected a positive number")
      }
      return number
    }

    func rotaryBase() throws -> Double {
      let rope = json["rope_parameters"].flatMap { $0.isNull ? nil : $0 } ?? json["rope_scaling"] ?? .null
      let kind = rope["rope_type"]?.string ?? rope["type"]?.string ?? "default"
      guard kind == "default" else {
        throw RollbookError.badInput(place, "rope type '\(kind)' is not supported", hint: "supported so far: default")
      }
      for source in [rope, json] {
        if let share = source["partial_rotary_factor"], !share.isNull, share.double != 1 {
          throw RollbookError.badInput(
            place, "'partial_rotary_factor' is \(try share.serialized()): only 1 is supported so far")
        }
      }
      let inner = Reader(json: rope, place: place)
      return try inner.positive("rope_theta", default: positive("rope_theta", default: 10_000))
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
  }
}
