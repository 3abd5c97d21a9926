internal import ArgumentParser
internal import Formats
internal import Model
internal import Pipeline

/// The flags of a recipe that estimates values.
struct CriticOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "What estimates values: 'policy', 'shared', or a model.",
      discussion: """
        'policy': a model of its own that begins as the policy (default); 'shared': a linear head on the policy itself; \
        or what a model of its own begins as, such as a reward model's folder. A checkpoint with a critic goes on with \
        it, without this flag.
        """, valueName: "what"))
  var critic: String?
  @Option(name: .customLong("critic-lr"), help: "The critic's learning rate (default: --lr).")
  var learningRate: Float?

  mutating func validate() throws {
    if let learningRate, !(learningRate >= 0 && learningRate.isFinite) {
      throw ValidationError("--critic-lr \(learningRate): expected 0 or more")
    }
  }
}

/// What estimates values, as it is found.
enum CriticSource {
  /// A head on the policy's trunk; the file that holds it, nil for a fresh one.
  case shared(Safetensors?)
  /// A model of its own: the checkpoint's, to go on with, or the files it begins as.
  case continued(weights: Safetensors, optimizer: Safetensors?, config: JSON?)
  case fresh(ModelFiles)

  static let weightsName = "critic.safetensors"
  static let optimizerName = "critic_optimizer.safetensors"

  /// - Parameter isNeeded: whether the recipe estimates values; nil where it does not.
  /// - Throws: `usage` for a flag without such a recipe; what finding a model throws.
  static func find(
    _ options: CriticOptions, _ policy: Policy, _ buffer: Buffer, step: Int, isNeeded: Bool
  ) throws -> CriticSource? {
    guard isNeeded else {
      guard options.critic == nil, options.learningRate == nil else {
        throw RollbookError.usage(
          "--critic and --critic-lr are about values, which this recipe does not estimate", hint: "a2c, ppo and ppo-ptx do")
      }
      return nil
    }
    let own = try policy.checkpoint?.tensors(weightsName)
    let head = try policy.checkpoint?.tensors(CheckpointWriter.headName)
    if let own, options.critic != "shared" {
      return .continued(
        weights: own, optimizer: try policy.checkpoint?.tensors(optimizerName),
        config: try policy.checkpoint?.trainerState()?["critic_config"])
    }
    switch options.critic {
    case "shared": return .shared(head)
    case nil where head != nil: return .shared(head)
    case nil, "policy": return .fresh(policy.files)
    case let model?:
      return .fresh(try ModelFiles.open(path: ModelReference.find(model, in: buffer, upTo: step).path))
    }
  }

  /// A model that it begins as, for provenance; a checkpoint's own files are named there anyway.
  var input: Manifest.Input? {
    guard case .fresh(let files) = self else { return nil }
    return Manifest.Input(role: "critic", name: files.path, digest: files.weightsDigest)
  }
}
