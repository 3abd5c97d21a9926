internal import Formats
internal import Foundation
internal import Kernels
internal import Model
internal import Objectives
internal import Pipeline

extension Train {
  /// The rows to learn from: the step's own, some of them, or a mixture.
  func readData(_ buffer: Buffer, _ recipe: Recipe) throws -> TrainingData {
    let drawn =
      mixture.parts.isEmpty
      ? Drawn(step: stage.step, try selection.ids(buffer, step: stage.step, set: scoreSet(buffer)))
      : try mixture.draw(buffer, step: stage.step, scores: scores, seed: stage.seed)
    for part in drawn.parts {
      stage.note("mix: \(part.drawn) of \(part.found) groups with \(part.text)")
    }
    var data = try TrainingData(buffer, drawn, scores: scores) { Role($0, for: recipe) == .sample }
    data.keep { recipe.data != .demonstrations || $0.rollout.kind != "rejected" }
    return data
  }

  /// The score set that a selection asks; nil where there is none, as for demonstrations.
  private func scoreSet(_ buffer: Buffer) throws -> String? {
    try buffer.manifests(.scores, step: stage.step, set: scores).isEmpty ? nil : scores
  }

  /// Leaves out what too old a policy sampled.
  func limitStaleness(_ data: inout TrainingData) throws {
    guard let maxStaleness else { return }
    let count = data.examples.count
    data.keep { ($0.rollout.policyStep.map { stage.step - $0 } ?? 0) <= maxStaleness }
    guard !data.examples.isEmpty else {
      throw RollbookError.missing(
        "--max-staleness \(maxStaleness)", "all \(count) rollouts were sampled by older policies",
        hint: "generate step \(stage.step) from a newer checkpoint, or allow more")
    }
    if data.examples.count < count {
      stage.note("note: \(count - data.examples.count) of \(count) rollouts are staler than --max-staleness and left out")
    }
  }

  /// The policy in training, with the critic where the recipe has one, or the reward model that it becomes.
  func makeLearner(_ policy: Policy, _ source: CriticSource?, _ recipe: Recipe, _ matmul: Matmul) throws -> Learner {
    let configuration = policy.configuration
    var heads: [ValueHead] = []
    if recipe.needs.contains(.scores) {
      heads = [try policy.head() ?? ValueHead(configuration)]
    } else if case .shared(let file) = source {
      heads = [try file.flatMap { try ValueHead(configuration, from: $0, path: $0.path) } ?? ValueHead(configuration)]
    }
    let trainable = try policy.trainable(
      heads: heads, frozen: optimizer.patterns, seed: stage.seed, pool: matmul.pool)
    let speaks = !recipe.needs.contains(.scores)
    let learner = try Learner(
      trainable, from: policy.state(fresh: optimizer.freshOptimizer), matmul: matmul, recipe: recipe, options: options,
      optimizer: optimizer, speaks: speaks, seed: stage.seed)
    learner.critic = try makeCritic(source, policy, recipe, matmul)
    return learner
  }

  /// A critic of its own.
  private func makeCritic(
    _ source: CriticSource?, _ policy: Policy, _ recipe: Recipe, _ matmul: Matmul
  ) throws -> Learner? {
    var weights: Parameters, head: ValueHead, state = TrainingState(), config = policy.files.config
    switch source {
    case nil, .shared: return nil
    case .continued(let file, let optimizerState, let own):
      config = own ?? config
      let configuration = try ModelConfiguration(config, place: file.path)
      weights = try Parameters(configuration, from: file, prefix: "", pool: matmul.pool)
      head = try ValueHead(configuration, from: file, path: file.path) ?? ValueHead(configuration)
      state.updates = try policy.checkpoint?.trainerState()?["critic_updates"]?.int ?? 0
      state.optimizer = optimizer.freshOptimizer ? nil : optimizerState
    case .fresh(let files):
      config = files.config
      let configuration = try ModelConfiguration(config, place: files.path)
      guard configuration.vocabularyCount == policy.configuration.vocabularyCount else {
        throw RollbookError.badInput(files.path, "the critic has another vocabulary than the policy")
      }
      guard files.adapter == nil else {
        throw RollbookError.usage(
          "--critic \(files.path): a critic is a whole model, and this one is an adapter",
          hint: "use --critic shared, or merge it first (`rollbook merge`)")
      }
      weights = try Parameters(configuration, from: files, pool: matmul.pool)
      head = try ValueHead.find(configuration, files) ?? ValueHead(configuration)
    }
    var own = optimizer
    if let rate = critic.learningRate { own.learningRate = rate }
    own.averageDecay = nil
    let critic = try Learner(
      Trainable(weights, heads: [head]), from: state, matmul: matmul, recipe: recipe, options: options, optimizer: own,
      speaks: false, seed: stage.seed)
    critic.config = config
    return critic
  }

  /// The recipe's view of the whole step.
  /// - Throws: `missing` where it leaves nothing to learn from.
  func prepare(_ learner: Learner, _ step: StepData, _ policy: Policy) throws -> PreparedStep {
    if learner.recipe.klInReward?.target != nil,
      let beta = try policy.checkpoint?.trainerState()?["kl_in_reward_beta"]?.double
    {
      learner.recipe.klInReward?.beta = beta
    }
    let recipe = learner.recipe, prepared = recipe.prepare(step)
    if var controller = recipe.klInReward?.controller,
      let kl = prepared.metrics.first(where: { $0.name == "kl_sequence_mean" })
    {
      controller.update(kl: kl.value, samples: step.responses.count { !$0.isDemonstration })
      learner.adaptedBeta = controller.value
    }
    if recipe.places(Array(step.responses.indices), (step, prepared)).isEmpty {
      throw RollbookError.missing(
        "step \(stage.step)", "recipe \(recipe.name) finds nothing in \(step.responses.count) responses to learn from",
        hint: recipe.data == .pairs
          ? "pairs need a preferred and another response to one prompt: import preferences, or score groups of several"
          : "are all responses masked?")
    }
    return prepared
  }
}

extension Policy {
  /// The score that the policy's files hold, for a reward model that goes on.
  func head() throws -> ValueHead? { try ValueHead.find(configuration, files) }
}

extension ValueHead {
  /// What a model's folder holds: in a file of its own, or among the weights.
  static func find(_ configuration: ModelConfiguration, _ files: ModelFiles) throws -> ValueHead? {
    let path = "\(files.path)/\(CheckpointWriter.headName)"
    if FileManager.default.fileExists(atPath: path) {
      return try ValueHead(configuration, from: try Safetensors(path: path), path: path)
    }
    return try ValueHead(configuration, from: files.weights, path: files.path)
  }
}
