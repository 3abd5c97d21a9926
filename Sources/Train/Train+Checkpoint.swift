internal import Formats
internal import Kernels
internal import Model
internal import Objectives
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
    try writer.writeConfig(
      learner.speaks ? config : config.ofClassifier, generationConfig: learner.speaks ? generationConfig : nil)
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
    // Beside an adapter the score is in its own file alone.
    let isClassifier = !learner.speaks && trainable.adapter == nil
    try write(isClassifier ? trainable.classifierTensors : trainable.tensors, name, metadata)
    if !trainable.heads.isEmpty { try write(trainable.headTensors, CheckpointWriter.headName) }
    if learner.updates > 0, learner.recipe.trustRegion == nil {
      try write(learner.optimizer.tensors(), CheckpointWriter.optimizerName)
    }
    if learner.updates > 0, let average = learner.average {
      try write(average.tensors(learner.matmul.pool), CheckpointWriter.averageName, metadata)
    }
    if let critic = learner.critic {
      try write(critic.trainable.tensors + critic.trainable.headTensors, CriticSource.weightsName)
      try write(critic.optimizer.tensors(), CriticSource.optimizerName)
    }
    let manifest = Manifest(
      kind: .checkpoint, name: Buffer.stepName(step), schemaVersion: 1, step: step, inputs: provenance.inputs,
      action: provenance.action(), summary: summary)
    return try writer.publish(manifest).manifest
  }

  private func state(_ learner: Learner, step: Int, _ origin: Manifest.Input?) -> JSON {
    var state: JSONObject = ["updates": .int(learner.updates), "step": .int(step)]
    if learner.updates > 0, learner.recipe.trustRegion == nil { state["optimizer"] = .string(learner.optimizer.settings.rule.rawValue) }
    if let critic = learner.critic {
      state["critic_updates"] = .int(critic.updates)
      state["critic_config"] = critic.config
    }
    if let beta = learner.adaptedBeta { state["kl_in_reward_beta"] = .double(beta) }
    if let origin { state["start"] = ["name": .string(origin.name), "digest": .string(origin.digest)] }
    return .object(state)
  }
}

extension JSON {
  /// The configuration of the same model as a Hugging Face classifier with one label.
  fileprivate var ofClassifier: JSON {
    guard var all = object else { return self }
    let architecture = self["architectures"]?.array?.first?.string ?? "LlamaForCausalLM"
    all["architectures"] = .array([.string(architecture.replacing("ForCausalLM", with: "ForSequenceClassification"))])
    all["id2label"] = ["0": "LABEL_0"]
    all["label2id"] = ["LABEL_0": 0]
    if all["pad_token_id"]?.int == nil { all["pad_token_id"] = self["eos_token_id"] ?? .null }
    return .object(all)
  }
}
