internal import Formats
internal import Kernels
internal import Model
internal import Pipeline
internal import Tokenizer

extension Train {
  /// The checkpoint in Hugging Face's layout, an adapter in PEFT's, with what is needed to go on beside it.
  ///
  /// - Parameters:
  ///   - origin: what the run began with; nil for the start itself.
  ///   - baseDigest: of what an adapter belongs to.
  func publishCheckpoint(
    _ buffer: Buffer, _ learner: Learner, config: JSON, generationConfig: JSON?, tokenizer: Tokenizer, step: Int,
    origin: Manifest.Input? = nil, baseDigest: String? = nil, _ provenance: Provenance, _ summary: [String: Double]
  ) throws -> Manifest {
    let writer = try CheckpointWriter(buffer: buffer, step: step), trainable = learner.trainable
    try writer.writeConfig(config, generationConfig: generationConfig)
    for file in try tokenizer.files() { try writer.writeFile(file.name, file.bytes) }
    try writer.writeTrainerState(state(learner, step: step, origin))
    var name = CheckpointWriter.weightsName, metadata = ["format": "pt"]
    if let adapter = trainable.adapter, let baseDigest {
      let settings = adapter.configuration
      try writer.writeFile(AdapterConfiguration.configName, settings.json.bytes(pretty: true) + [UInt8(ascii: "\n")])
      name = AdapterConfiguration.weightsName
      metadata = AdapterFiles.metadata(settings, baseDigest: baseDigest)
    }
    func write(_ tensors: [NamedTensor], _ name: String, _ metadata: [String: String] = ["format": "pt"]) throws {
      let file = try writer.tensorFile(name, tensors.map(\.description), metadata: metadata)
      try tensors.write(to: file)
      try file.finish()
    }
    try write(trainable.tensors, name, metadata)
    if !trainable.heads.isEmpty { try write(trainable.headTensors, CheckpointWriter.headName) }
    if learner.updates > 0 {
      try write(learner.optimizer.tensors(), CheckpointWriter.optimizerName)
      if let average = learner.average {
        try write(average.tensors(learner.matmul.pool), CheckpointWriter.averageName, metadata)
      }
    }
    let manifest = Manifest(
      kind: .checkpoint, name: Buffer.stepName(step), schemaVersion: 1, step: step, inputs: provenance.inputs,
      action: provenance.action(), summary: summary)
    return try writer.publish(manifest).manifest
  }

  private func state(_ learner: Learner, step: Int, _ origin: Manifest.Input?) -> JSON {
    var state: JSONObject = ["updates": .int(learner.updates), "step": .int(step)]
    if learner.updates > 0 { state["optimizer"] = .string(learner.optimizer.settings.rule.rawValue) }
    if let origin { state["start"] = ["name": .string(origin.name), "digest": .string(origin.digest)] }
    return .object(state)
  }
}
