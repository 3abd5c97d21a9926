import Foundation

/// Writes a checkpoint into staging, file by file, and publishes it by one rename.
///
/// Layout (transformers loads it as it is): config.json, generation_config.json, the tokenizer's files,
/// model.safetensors, or for an adapter adapter_config.json and adapter_model.safetensors as PEFT has them,
/// ema.safetensors where weights are averaged, and for going on with training optimizer.safetensors (docs/training.md)
/// and trainer_state.json. `publish` adds manifest.json, the commit record with the digest of every file.
///
/// The staged folder is `staging/checkpoint-step-000012`; what a killed writer left there is removed first. A lock
/// beside it keeps a second writer of the same step away for as long as this object lives.
package final class CheckpointWriter {
  package let buffer: Buffer
  package let step: Int
  /// The staged folder. Files put here by any means are published and listed in the manifest.
  package let folder: String
  private let fileSystem: any FileSystem
  private let lock: StagingLock
  /// What was written by tensor files that are finished.
  private var written: [String: SafetensorsWriter.Written] = [:]

  package static let weightsName = "model.safetensors"
  package static let optimizerName = "optimizer.safetensors"
  package static let trainerStateName = "trainer_state.json"
  package static let averageName = "ema.safetensors"
  package static let headName = "value_head.safetensors"

  /// - Throws: `RollbookError` `io`; also when another process is writing the same checkpoint.
  package init(buffer: Buffer, step: Int, fileSystem: any FileSystem = LocalFileSystem()) throws {
    self.buffer = buffer
    self.step = step
    self.fileSystem = fileSystem
    folder = buffer.stagingPath("checkpoint-\(Buffer.stepName(step))")
    lock = try StagingLock(path: "\(folder).lock")
    if FileManager.default.fileExists(atPath: folder) {
      do { try FileManager.default.removeItem(atPath: folder) } catch {
        throw RollbookError(.io, place: folder, "cannot remove what an earlier writer left: \(error)")
      }
    }
    try fileSystem.createFolder(folder)
  }

  /// Writes config.json, and generation_config.json if there is one.
  ///
  /// - Parameters:
  ///   - config: The config of the model that training began from; see `checkpointConfig`.
  ///   - type: How the weights are stored: `f32` or `bf16`.
  package func writeConfig(_ config: JSON, generationConfig: JSON?, type: TensorType = .f32) throws {
    try writeFile("config.json", Self.text(Self.checkpointConfig(config, type: type)))
    if let generationConfig { try writeFile("generation_config.json", Self.text(generationConfig)) }
  }

  /// Writes trainer_state.json: whatever the trainer needs to go on, beside the optimizer's moments.
  package func writeTrainerState(_ state: JSON) throws {
    try writeFile(Self.trainerStateName, Self.text(state))
  }

  /// Writes a file, such as the tokenizer's, as it is.
  ///
  /// - Parameter name: A plain file name.
  package func writeFile(_ name: String, _ bytes: [UInt8]) throws {
    try requirePlain(name)
    let file = try fileSystem.open("\(folder)/\(name)", keeping: 0)
    do {
      try bytes.withUnsafeBytes { try fileSystem.write($0, to: file) }
      try fileSystem.sync(file)
    } catch {
      try? fileSystem.close(file)
      throw error
    }
    try fileSystem.close(file)
  }

  /// Begins a safetensors file: `weightsName`, `optimizerName` or another. `finish()` it before publishing.
  package func tensorFile(
    _ name: String, _ tensors: [SafetensorsWriter.Tensor], metadata: [String: String] = ["format": "pt"]
  ) throws -> SafetensorsWriter {
    try requirePlain(name)
    return try SafetensorsWriter(
      path: "\(folder)/\(name)", tensors: tensors, metadata: metadata, files: fileSystem
    ) { [weak self] in
      self?.written[name] = $0
    }
  }

  /// Publishes the folder as `checkpoints/step-000012`: every file to disk, manifest.json, one rename, parent to disk.
  ///
  /// - Parameter manifest: Of kind `checkpoint`, for this step; its name, digest, size and files are filled in.
  /// - Throws: `RollbookError` `io` (nothing is visible; run again), `badInput` if other bytes are published there.
  package func publish(_ manifest: Manifest) throws -> Publisher.Outcome {
    guard manifest.kind == .checkpoint, manifest.step == step else {
      throw RollbookError.bug("\(folder): published with a manifest of \(manifest.kind) of step \(manifest.step)")
    }
    func isThere(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(folder)/\(name)") }
    let adapter = AdapterConfiguration.weightsName
    let weights = isThere(AdapterConfiguration.configName) && isThere(adapter) ? adapter : Self.weightsName
    for name in ["config.json", weights] where !isThere(name) {
      throw RollbookError.bug("\(folder): published without \(name)")
    }
    // A file of weights that was not finished would not open.
    _ = try Safetensors(path: "\(folder)/\(weights)")
    var manifest = manifest
    manifest.name = Buffer.stepName(step)
    let outcome = try Publisher(buffer: buffer, fileSystem: fileSystem).publishFolder(
      staged: folder, manifest: manifest, written: written)
    lock.release()
    return outcome
  }

  /// A config.json that says what the checkpoint holds: every key as it came, but `dtype` (and `torch_dtype`, its name
  /// before transformers 5) of the stored weights, no `quantization_config`, and `architectures` if it was missing.
  static func checkpointConfig(_ config: JSON, type: TensorType) throws -> JSON {
    guard var object = config.object else { throw RollbookError.bug("a model's config is \(config.kind)") }
    let dtype: JSON = type == .bf16 ? "bfloat16" : type == .f16 ? "float16" : "float32"
    object["dtype"] = dtype
    object["torch_dtype"] = dtype
    object["quantization_config"] = nil
    let classes = ["llama": "Llama", "mistral": "Mistral", "qwen2": "Qwen2", "qwen3": "Qwen3"]
    if object["architectures"]?.array == nil, let name = classes[object["model_type"]?.string ?? ""] {
      object["architectures"] = [.string(name + "ForCausalLM")]
    }
    return .object(object)
  }

  private static func text(_ json: JSON) throws -> [UInt8] {
    try json.bytes(pretty: true) + [UInt8(ascii: "\n")]
  }

  private func requirePlain(_ name: String) throws {
    guard !name.isEmpty, name != ".", name != "..", name != "manifest.json",
      !name.utf8.contains(UInt8(ascii: "/")), !name.utf8.contains(0)
    else { throw RollbookError.bug("'\(name)' is no name for a file of a checkpoint") }
  }
}
