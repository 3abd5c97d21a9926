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
        A low-rank adapter instead of all weights, measured against the model without it:
          rollbook train --buffer runs/add --step 0 --model smollm2.gguf --lora 16 --lr 1e-4 --kl 0.02 --reference base
        Only on some of the step's rollouts:
          rollbook train --buffer runs/add --step 1 --lr 1e-5 --where 'response_length <= 100'
        A fresh model with random weights as checkpoint 0:
          rollbook train --buffer runs/sort --step 0 --init examples/sort/config.json --seed 1

      Training on step N publishes checkpoints/step-N+1 by one rename; interrupted or killed before that, nothing is
      there and the same command starts the step again.
      """)

  @OptionGroup var stage: StageOptions
  @OptionGroup var options: RecipeOptions
  @OptionGroup var optimizer: OptimizerOptions
  @OptionGroup var adapter: AdapterOptions
  @OptionGroup var keeping: KeepOptions
  @OptionGroup var engine: EngineOptions
  @OptionGroup var selection: SelectionOptions

  @Option(help: "The weights to train: 'latest', 'step:N', a Hugging Face folder or a .gguf file.")
  var model = "latest"
  @Option(
    help: ArgumentHelp(
      "A frozen model that the KL divergence is measured to.",
      discussion:
        "Written like --model, or 'start': what the run began with, or 'base': the policy without its adapter."))
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
  static func main() { Stage.main(Self.self) }

  func run() throws {
    if let initialise { return try publishRandom(config: initialise) }
    let recipe = try options.made()
    let buffer = try Buffer.open(path: stage.buffer, create: false)
    let policy = try Policy(model, buffer, step: stage.step, adapter: adapter)
    try buffer.bindTokenizer(policy.tokenizer.digest)
    let selected = try selection.ids(buffer, step: stage.step, set: scores)
    var data = try TrainingData(buffer, step: stage.step, scores: scores, selected: selected)
    try data.check(
      policy: policy.files.weightsDigest, tokenizer: policy.tokenizer.digest, onPolicy: onPolicy,
      vocabulary: policy.configuration.vocabularyCount)
    let frozen = try findReference(buffer, policy, needed: recipe.needs.contains(.reference) ? recipe.policy?.kl ?? 0 : nil)
    let precision = try Precision.choose(engine.precision, preferred: data.precision)
    let matmul = Matmul(pool: ThreadPool(threads: stage.threadCount), precision: precision)
    let provenance = try provenance(recipe, data, policy, frozen, matmul)
    if try isDone(buffer, provenance) { return try finishDone(buffer) }

    let clock = Timestamp.steady
    let trainable = try policy.trainable(frozen: optimizer.patterns, seed: stage.seed, pool: matmul.pool)
    let learner = try Learner(
      trainable, from: policy.state(fresh: optimizer.freshOptimizer), matmul: matmul, recipe: recipe, options: options,
      optimizer: optimizer, seed: stage.seed)
    let step = data.step
    let prepared = recipe.prepare(step)
    for index in data.examples.indices { data.examples[index].advantages = prepared.advantages[index] }
    warn(data, policy: policy.files.weightsDigest)
    var records = TokenRecords(count: data.examples.count)
    try measureReference(frozen, policy, learner, data, &records)
    let outcome = try train(learner, data, (step, prepared), &records)
    let metrics = self.metrics(outcome, prepared, data, records, seconds: Timestamp.steady - clock)
    try publish(buffer, policy, learner, data, records, recipe, provenance, metrics)
    try Metrics(buffer).record(step: stage.step, stage: "train", metrics)
    try prune(buffer)
    try finish(metrics)
  }

  /// The updates: each epoch deals the groups into minibatches in an order drawn from seed, step and epoch.
  private func train(
    _ learner: Learner, _ data: TrainingData, _ step: Learner.Step, _ records: inout TokenRecords
  ) throws -> Learner.Outcome {
    var outcome = Learner.Outcome()
    let total = data.examples.reduce(0) { $0 + $1.rollout.responseTokens.count } * options.epochs
    var progress = Progress("train", stage, total: total, unit: "tokens")
    var done = 0
    for epoch in 0..<options.epochs {
      for indices in minibatches(data, epoch: epoch) {
        let before = done
        let tokens = indices.reduce(0) { $0 + data.examples[$1].rollout.responseTokens.count }
        var rows = 0
        try learner.update(data, step, indices, &records, &outcome) { more in
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
