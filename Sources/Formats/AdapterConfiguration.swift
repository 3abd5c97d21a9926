/// A LoRA adapter's settings, PEFT's `adapter_config.json`.
package struct AdapterConfiguration: Equatable, Sendable {
  package var rank: Int
  package var alpha: Double
  /// Some of `allModules`.
  package var modules: Set<String>
  /// Whether the output is scaled by alpha/√rank instead of alpha/rank (arXiv 2312.03732).
  package var scalesByRoot = false
  /// The share of an adapted module's inputs that training leaves out.
  package var dropout = 0.0
  package var baseModel: String?

  /// The linear layers that can be adapted.
  package static let allModules = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
  package static let configName = "adapter_config.json"
  package static let weightsName = "adapter_model.safetensors"

  package init(rank: Int, alpha: Double, modules: Set<String> = Set(allModules), baseModel: String? = nil) {
    (self.rank, self.alpha, self.modules, self.baseModel) = (rank, alpha, modules, baseModel)
  }

  package var scale: Float {
    Float(scalesByRoot ? alpha / Double(rank).squareRoot() : alpha / Double(rank))
  }

  /// - Parameter place: names the file in errors.
  /// - Throws: `badInput` naming the key that is missing, out of range or asks for what is not implemented.
  package init(_ json: JSON, place: String) throws {
    func bad(_ key: String, _ expected: String) throws -> RollbookError {
      .badInput(place, "'\(key)' is \(try json[key].map { try $0.serialized() } ?? "missing"), expected \(expected)")
    }
    guard json["peft_type"]?.string == "LORA" else { throw try bad("peft_type", "\"LORA\"") }
    guard let rank = json["r"]?.int, (1...4096).contains(rank) else { throw try bad("r", "a rank from 1 to 4096") }
    guard let alpha = json["lora_alpha"]?.double, alpha.isFinite else { throw try bad("lora_alpha", "a number") }
    let named =
      json["target_modules"]?.string == "all-linear"
      ? Self.allModules : (json["target_modules"]?.array ?? []).map { $0.string ?? "" }
    guard !named.isEmpty, named.allSatisfy({ Self.allModules.contains($0) }) else {
      throw try bad("target_modules", "a list of some of \(Self.allModules.joined(separator: ", "))")
    }
    let dropout = json["lora_dropout"].map { $0.isNull ? 0 : $0.double ?? .nan } ?? 0
    guard (0..<1).contains(dropout) else { throw try bad("lora_dropout", "0 to less than 1") }
    for key in ["use_dora", "lora_bias", "fan_in_fan_out", "use_qalora", "use_bdlora"] {
      if let value = json[key], !value.isNull, value != false { throw try bad(key, "false: it is not supported") }
    }
    if let bias = json["bias"], !bias.isNull, bias != "none" { throw try bad("bias", "\"none\"") }
    for key in [
      "modules_to_save", "layers_to_transform", "layer_replication", "rank_pattern", "alpha_pattern",
      "exclude_modules", "trainable_token_indices", "target_parameters", "alora_invocation_tokens",
    ] {
      let value = json[key] ?? .null
      let isEmpty = value.isNull || value.array?.isEmpty == true || value.object?.members.isEmpty == true
      guard isEmpty else { throw try bad(key, "none: it is not supported") }
    }
    self.init(rank: rank, alpha: alpha, modules: Set(named), baseModel: json["base_model_name_or_path"]?.string)
    scalesByRoot = json["use_rslora"] == true
    self.dropout = dropout
  }

  /// What PEFT needs to load the adapter.
  package var json: JSON {
    [
      "base_model_name_or_path": baseModel.map { .string($0) } ?? .null, "bias": "none", "fan_in_fan_out": false,
      "inference_mode": true, "init_lora_weights": true,
      "lora_alpha": alpha == alpha.rounded() && abs(alpha) < 1e9
        ? .int(Int(alpha)) : .double(alpha), "lora_dropout": .double(dropout),
      "modules_to_save": .null, "peft_type": "LORA",
      "r": .int(rank), "target_modules": .array(Self.allModules.filter(modules.contains).map { .string($0) }),
      "task_type": "CAUSAL_LM", "use_dora": false, "use_rslora": .bool(scalesByRoot),
    ]
  }
}
