extension ModelFiles {
  /// Writes the model as a Hugging Face folder: config.json, generation_config.json, model.safetensors. The tokenizer's
  /// files are the caller's to add, and the folder is the caller's to publish.
  ///
  /// - Parameters:
  ///   - type: How weights are stored: `f32`, which loses nothing, `bf16` or `f16`.
  ///   - proceed: Called every few megabytes; throw to give up.
  /// - Returns: The number of parameters.
  /// - Throws: `RollbookError` `badInput` for a tensor that is no part of the model or does not fit the type, `io`.
  package func write(to folder: FolderWriter, type: TensorType, proceed: () throws -> Void) throws -> Int {
    func text(_ json: JSON) throws -> [UInt8] { try json.bytes(pretty: true) + [UInt8(ascii: "\n")] }
    if let stranger = weights.tensors.first(where: { !$0.name.hasPrefix("model.") && $0.name != "lm_head.weight" }) {
      throw RollbookError.badInput(
        path, "tensor '\(stranger.name)' has no name in a Hugging Face model",
        hint: "the file may be of a variant of its architecture that Rollbook does not know")
    }
    try folder.writeFile("config.json", text(CheckpointWriter.checkpointConfig(config, type: type)))
    if let generationConfig { try folder.writeFile("generation_config.json", text(generationConfig)) }
    let tensors = weights.tensors.map { SafetensorsWriter.Tensor(name: $0.name, shape: $0.shape, type: type) }
    try folder.writeTensors(CheckpointWriter.weightsName, tensors) { file in
      for tensor in weights.tensors { try copy(tensor, to: file, type, proceed) }
    }
    return weights.tensors.reduce(0) { $0 + $1.elementCount }
  }

  /// A few rows at a time, so that memory does not grow with the model.
  private func copy(
    _ tensor: TensorInfo, to file: SafetensorsWriter, _ type: TensorType, _ proceed: () throws -> Void
  ) throws {
    let step = max(1, (1 << 20) / max(1, tensor.rowElements))
    for first in stride(from: 0, to: tensor.rowCount, by: step) {
      try proceed()
      let rows = first..<min(tensor.rowCount, first + step), count = rows.count * tensor.rowElements
      let values = try [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
        try weights.read(tensor.name, rows: rows, into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
        initialized = count
      }
      if type == .f16, let large = values.first(where: { $0.isFinite && abs($0) >= 65_520 }) {
        throw RollbookError.badInput(
          path, "tensor '\(tensor.name)' holds \(large), more than float16 can", hint: "choose bfloat16 or float32")
      }
      try file.append(tensor.name, values)
    }
  }
}
