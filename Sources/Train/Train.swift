internal import ArgumentParser
internal import Formats
internal import Foundation
internal import Kernels
internal import Model
internal import Objectives
internal import Pipeline
internal import Tokenizer

/// One training step: from a step's scored rollouts and checkpoint N to checkpoint N+1.
@main struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rollbook-train", abstract: "Train a policy on a step's scored rollouts; publish the next checkpoint.",
    discussion: """
      EXAMPLES
        GRPO on the rollouts that the same weights have just sampled, with a KL penalty to the start:
          rollbook train --buffer runs/add --step 0 --model smollm2.gguf --recipe grpo --lr 1e-5 --kl 0.02 \\
            --reference smollm2.gguf --on-policy
        The next step, from the checkpoint of the one before (the default model is 'latest'):
          rollbook train --buffer runs/add --step 1 --lr 1e-5 --on-policy
        Only on some of the step's rollouts:
          rollbook train --buffer runs/add --step 1 --lr 1e-5 --where 'response_length <= 100'
        A fresh model with random weights as checkpoint 0:
          rollbook train --buffer runs/sort --step 0 --init examples/sort/config.json --seed 1

      Training on step N publishes checkpoints/step-N+1 by one rename; interrupted or killed before that, nothing is
      there and the same command starts the step again.
      """)

  @OptionGroup var stage: StageOptions
  @OptionGroup var options: RecipeOptions
  @OptionGroup var engine: EngineOptions
  @OptionGroup var selection: SelectionOptions

  @Option(help: "The weights to train: 'latest', 'step:N', a Hugging Face folder or a .gguf file.")
  var model = "latest"
  @Option(help: "A frozen model that the KL divergence is measured to; written like --model.")
  var reference: String?
  @Option(help: ArgumentHelp("The score set to learn from.", valueName: "name"))
  var scores = "main"
  @Flag(help: "Refuse rollouts that other weights have sampled.")
  var onPolicy = false
  @Option(
    name: .customLong("init"),
    help: ArgumentHelp(
      "Publish a model with random weights as checkpoint --step instead of training.",
      discussion: "The tokenizer's files are taken from the same folder as the config.", valueName: "config.json"))
  var initialise: String?
  @Option(
    help: ArgumentHelp(
      "Remove all but this many newest checkpoints once the new one is published (default: keep all).", valueName: "n"))
  var keepLast: Int?

  mutating func validate() throws {
    if let keepLast, keepLast < 1 { throw ValidationError("--keep-last \(keepLast): expected 1 or more") }
  }

  static func main() { Stage.main(Self.self) }

  func run() throws {
    if let initialise { return try publishRandom(config: initialise) }
    let recipe = try options.made()
    let buffer = try Buffer.open(path: stage.buffer, create: false)
    let source = try ModelReference.find(model, in: buffer, upTo: stage.step)
    let files = try ModelFiles.open(path: source.path)
    let tokenizer = try Tokenizer.load(files)
    try buffer.bindTokenizer(tokenizer.digest)
    let configuration = try ModelConfiguration(files.config, place: source.path)
    let selected = try selection.ids(buffer, step: stage.step, set: scores)
    var data = try TrainingData(buffer, step: stage.step, scores: scores, selected: selected)
    try data.check(
      policy: files.weightsDigest, tokenizer: tokenizer.digest, onPolicy: onPolicy,
      vocabulary: configuration.vocabularyCount)
    let frozen = try referenceFiles(buffer, recipe)
    let precision = try Precision.choose(engine.precision, preferred: data.precision)
    let matmul = Matmul(pool: ThreadPool(threads: stage.threadCount), precision: precision)
    let checkpoint = try source.step.map { try Checkpoint.open(buffer.checkpointFolder(step: $0)) }
    let provenance = try provenance(recipe, data, files, tokenizer, source, checkpoint, frozen, matmul)
    if try isDone(buffer, provenance) { return try finishDone(buffer) }

    let clock = Timestamp.steady
    let step = data.step
    let prepared = recipe.prepare(step)
    for index in data.examples.indices { data.examples[index].advantages = prepared.advantages[index] }
    warn(data, policy: files.weightsDigest)
    let policy = try Parameters(configuration, from: files, pool: matmul.pool)
    let learner = Learner(
      policy, updates: try checkpoint?.updates() ?? 0, moments: try checkpoint?.optimizer(), matmul: matmul,
      recipe: recipe, step: (step, prepared), options: options)
    var records = TokenRecords(count: data.examples.count)
    try measureReference(frozen, files, learner, data, matmul, &records)
    let outcome = try train(learner, data, &records)
    let metrics = self.metrics(outcome, prepared, data, records, seconds: Timestamp.steady - clock)
    try publish(buffer, files, tokenizer, learner, data, records, recipe, provenance, metrics)
    try Metrics(buffer).record(step: stage.step, stage: "train", metrics)
    try prune(buffer)
    try finish(metrics)
  }

  /// The frozen model, opened; nil where no KL divergence is asked for.
  private func referenceFiles(_ buffer: Buffer, _ recipe: Recipe) throws -> ModelFiles? {
    if let reference {
      return try ModelFiles.open(path: ModelReference.find(reference, in: buffer, upTo: stage.step).path)
    }
    guard !recipe.needs.contains(.reference) else {
      throw RollbookError.usage(
        "the recipe's KL weight is \(recipe.policy?.kl ?? 0), which needs a model to measure the divergence to",
        hint: "give --reference, such as the model the run began with, or --kl 0")
    }
    return nil
  }

  /// The reference's log-probabilities of every response token. Where the reference is the policy itself they are the
  /// policy's own, to the bit.
  private func measureReference(
    _ frozen: ModelFiles?, _ files: ModelFiles, _ learner: Learner, _ data: TrainingData, _ matmul: Matmul,
    _ records: inout TokenRecords
  ) throws {
    let all = data.packed(Array(data.examples.indices), limit: options.tokensPerBatch)
    if options.minibatches * options.epochs > 1 {
      try learner.logprobs(all, temperature: data.temperature, into: &records.old)
    }
    guard let frozen else { return }
    var reference = [[Float]](repeating: [], count: data.examples.count)
    if frozen.weightsDigest == files.weightsDigest {
      if records.old.first?.isEmpty == false { reference = records.old } else {
        try learner.logprobs(all, temperature: data.temperature, into: &reference)
      }
    } else {
      let configuration = try ModelConfiguration(frozen.config, place: frozen.path)
      guard configuration.vocabularyCount == learner.policy.configuration.vocabularyCount else {
        throw RollbookError.badInput(frozen.path, "the reference has another vocabulary than the policy")
      }
      let weights = try ModelWeights.packed(configuration, from: frozen, matmul: matmul)
      let model = Transformer(configuration, weights: weights, matmul: matmul)
      let store = KeyStore(configuration, keepsLayers: false)
      for micro in all {
        if Interrupt.requested { throw Interrupt.error("nothing of step \(stage.step) is published yet") }
        let result = model.evaluate(micro.batch, store: store, temperature: data.temperature)
        for (index, range) in zip(micro.sequences, micro.ranges) { reference[index] = Array(result.logprobs[range]) }
      }
    }
    records.reference = reference
  }

  /// The updates: each epoch deals the groups into minibatches in an order drawn from seed, step and epoch.
  private func train(_ learner: Learner, _ data: TrainingData, _ records: inout TokenRecords) throws -> Learner.Outcome {
    var outcome = Learner.Outcome()
    let total = data.examples.reduce(0) { $0 + $1.rollout.responseTokens.count } * options.epochs
    var progress = Progress("train", stage, total: total, unit: "tokens")
    var done = 0
    for epoch in 0..<options.epochs {
      for indices in minibatches(data, epoch: epoch) {
        let before = done
        let tokens = indices.reduce(0) { $0 + data.examples[$1].rollout.responseTokens.count }
        var rows = 0
        try learner.update(data, indices, &records, &outcome) { more in
          if Interrupt.requested { throw Interrupt.error("nothing of step \(stage.step) is published yet") }
          rows += more
          progress.update(before + min(tokens, rows))
        }
        done += tokens
        progress.update(done)
      }
    }
    progress.finish()
    return outcome
  }

  private func minibatches(_ data: TrainingData, epoch: Int) -> [[Int]] {
    let groups = Dictionary(grouping: data.examples.indices) { data.examples[$0].group }
      .sorted { $0.key < $1.key }.map(\.value)
    var order = Array(groups.indices)
    if options.minibatches > 1 || options.epochs > 1 {
      let random = RolloutRandom(
        seed: UInt64(stage.seed), step: UInt64(stage.step), prompt: 0x6D69_6E69, sample: UInt64(epoch))
      for i in stride(from: order.count - 1, to: 0, by: -1) {
        order.swapAt(i, min(i, Int(random.uniform(position: i) * Double(i + 1))))
      }
    }
    let parts = min(options.minibatches, order.count)
    return (0..<parts).map { part in
      order[order.count * part / parts..<order.count * (part + 1) / parts].flatMap { groups[$0] }
    }
  }

  private func finishDone(_ buffer: Buffer) throws {
    try stage.finish(
      ["stage": "train", "step": .int(stage.step), "made": 0],
      "already done: step \(stage.step) made \(Buffer.stepName(stage.step + 1))")
  }

  private func finish(_ metrics: [(String, Double)]) throws {
    warn(afterwards: metrics)
    var summary: JSONObject = ["stage": "train", "step": .int(stage.step), "made": 1]
    for (name, value) in metrics { summary[name] = JSON.finite(value) }
    func value(_ name: String) -> Double? { metrics.first { $0.0 == name }?.1 }
    try stage.finish(
      summary,
      "step \(stage.step): loss \(Format.decimal(value("loss") ?? .nan, 4)), "
        + "gradient norm \(Format.decimal(value("grad_norm") ?? .nan, 3)), "
        + "\(Format.brief(value("tokens_per_second") ?? .nan)) tokens/s; published \(Buffer.stepName(stage.step + 1))")
  }
}
