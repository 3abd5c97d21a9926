internal import Formats
internal import Foundation
internal import Kernels
internal import Model
internal import Pipeline

/// The frozen model that a KL divergence is measured to.
enum Reference {
  case model(ModelFiles)
  /// The policy without its adapter, which costs no memory; the path and digest of its weights.
  case base(path: String, digest: String)

  /// - Parameter text: `start`, `base`, or as for a model.
  /// - Throws: `usage` for `base` without an adapter, `missing` or `badInput` for a start that is no longer there.
  static func find(_ text: String, _ buffer: Buffer, step: Int, _ policy: Policy) throws -> Reference {
    let basePath = policy.files.adapter?.basePath ?? policy.source.path
    if text == "base" {
      guard let digest = policy.base?.digest else {
        throw RollbookError.usage(
          "--reference base is the model without its adapter, and there is no adapter",
          hint: "train one with --lora, or give --reference start, step:N, a folder or a .gguf file")
      }
      return .base(path: basePath, digest: digest)
    }
    let files =
      try text == "start"
      ? start(policy, buffer) : ModelFiles.open(path: ModelReference.find(text, in: buffer, upTo: step).path)
    if let digest = policy.base?.digest, files.weightsDigest == digest { return .base(path: basePath, digest: digest) }
    return .model(files)
  }

  private static func start(_ policy: Policy, _ buffer: Buffer) throws -> ModelFiles {
    let origin = policy.origin, inside = "\(buffer.root)/\(origin.name)"
    let isThere = FileManager.default.fileExists(atPath: inside) || ModelFiles.averaged(inside) != nil
    let path = isThere && !origin.name.hasPrefix("/") ? inside : origin.name
    do {
      let files = try ModelFiles.open(path: path)
      guard files.weightsDigest == origin.digest else {
        throw RollbookError.badInput(
          path, "expected \(origin.digest), the weights that the run began with, found \(files.weightsDigest)",
          hint: "give their folder or file as --reference")
      }
      return files
    } catch let error as RollbookError where error.code == .missing {
      throw RollbookError.missing(
        path, "expected the weights that the run began with: \(error.message)",
        hint: "put them back, or give another --reference")
    }
  }

  var input: Manifest.Input {
    switch self {
    case .model(let files): Manifest.Input(role: "reference", name: files.path, digest: files.weightsDigest)
    case .base(let path, let digest): Manifest.Input(role: "reference", name: path, digest: digest)
    }
  }
}

extension Train {
  /// The frozen model; nil where no KL divergence is asked for.
  func findReference(_ buffer: Buffer, _ policy: Policy, needed kl: Double?) throws -> Reference? {
    if let reference { return try Reference.find(reference, buffer, step: stage.step, policy) }
    if let kl {
      throw RollbookError.usage(
        "the recipe's KL weight is \(kl), which needs a model to measure the divergence to",
        hint: "give --reference, such as 'start', the model the run began with, or --kl 0")
    }
    return nil
  }

  /// The reference's log-probabilities of every response token. Where the reference is the policy itself they are the
  /// policy's own, to the bit.
  func measureReference(
    _ reference: Reference?, _ policy: Policy, _ learner: Learner, _ data: TrainingData, _ records: inout TokenRecords
  ) throws {
    let all = data.packed(Array(data.examples.indices), limit: options.tokensPerBatch)
    if options.minibatches * options.epochs > 1 {
      try learner.logprobs(all, temperature: data.temperature, into: &records.old)
    }
    guard let reference else { return }
    var found = [[Float]](repeating: [], count: data.examples.count)
    if reference.input.digest == policy.files.weightsDigest {
      if records.old.first?.isEmpty == false {
        found = records.old
      } else {
        try learner.logprobs(all, temperature: data.temperature, into: &found)
      }
    } else {
      switch reference {
      case .base: try learner.logprobs(all, temperature: data.temperature, switchingOff: true, into: &found)
      case .model(let files): try evaluate(files, learner, all, data, into: &found)
      }
    }
    records.reference = found
  }

  private func evaluate(
    _ files: ModelFiles, _ learner: Learner, _ all: [PackedBatch], _ data: TrainingData, into found: inout [[Float]]
  ) throws {
    let configuration = try ModelConfiguration(files.config, place: files.path)
    guard configuration.vocabularyCount == learner.trainable.policy.configuration.vocabularyCount else {
      throw RollbookError.badInput(files.path, "the reference has another vocabulary than the policy")
    }
    let model = try Transformer.packed(configuration, from: files, matmul: learner.matmul)
    let store = KeyStore(configuration, keepsLayers: false)
    for micro in all {
      if Interrupt.requested { throw Interrupt.error("nothing of step \(stage.step) is published yet") }
      let result = model.evaluate(micro.batch, store: store, temperature: data.temperature)
      for (index, range) in zip(micro.sequences, micro.ranges) { found[index] = Array(result.logprobs[range]) }
    }
  }
}
