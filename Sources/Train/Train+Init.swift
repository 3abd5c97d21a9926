internal import Formats
internal import Foundation
internal import Kernels
internal import Model
internal import Objectives
internal import Pipeline
internal import Tokenizer

extension Train {
  /// --init: a model with random weights as checkpoint --step.
  func publishRandom(config path: String) throws {
    let json = try JSON.parse(contentsOf: path)
    let configuration = try ModelConfiguration(json, place: path)
    let tokenizer = try Tokenizer.load(folder: URL(fileURLWithPath: path).deletingLastPathComponent().path)
    guard tokenizer.vocabularyCount <= configuration.vocabularyCount else {
      throw RollbookError.badInput(
        path, "vocab_size is \(configuration.vocabularyCount), the tokenizer has \(tokenizer.vocabularyCount) tokens")
    }
    let buffer = try Buffer.open(path: stage.buffer, create: true)
    try buffer.bindTokenizer(tokenizer.digest)
    let provenance = Provenance(
      "init", parameters: ["step": "\(stage.step)"],
      inputs: [Manifest.Input(role: "config", name: path, digest: try Digest.file(path))], seed: stage.seed,
      tokenizer: tokenizer.digest, kernels: "none", threads: stage.threadCount)
    let name = Buffer.stepName(stage.step)
    if let manifest = try buffer.checkpoint(step: stage.step) {
      guard manifest.action.key == provenance.key else {
        throw RollbookError.usage(
          "\(name) is there already, made differently: \(provenance.difference(from: manifest.action))",
          hint: "give the same flags, or another --buffer; published checkpoints are never changed")
      }
      return try stage.finish(["stage": "init", "step": .int(stage.step), "made": 0], "already done: \(name)")
    }
    let bytes = configuration.parameterBytes
    guard bytes < Double(ProcessInfo.processInfo.physicalMemory) else {
      throw RollbookError.badInput(
        path, "the model would take \(Format.brief(bytes)) bytes of weights, this machine has "
          + "\(Format.brief(Double(ProcessInfo.processInfo.physicalMemory)))")
    }
    let deviation = Float(json["initializer_range"]?.double ?? 0.02)
    let recipe = try options.made()
    let learner = try Learner(
      Trainable(Parameters.random(configuration, seed: UInt64(stage.seed), deviation: deviation)),
      from: TrainingState(), matmul: Matmul(pool: ThreadPool(threads: stage.threadCount)), recipe: recipe,
      options: options, optimizer: optimizer)
    _ = try publishCheckpoint(
      buffer, learner, config: json, generationConfig: nil, tokenizer: tokenizer, step: stage.step, provenance, [:])
    try stage.finish(
      ["stage": "init", "step": .int(stage.step), "made": 1, "parameters": .int(learner.trainable.parameterCount)],
      "published \(name): \(learner.trainable.parameterCount) random weights")
  }
}
