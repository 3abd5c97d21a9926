internal import ArgumentParser
internal import Formats
internal import Foundation
internal import Kernels
internal import Model
internal import Objectives
internal import Pipeline
internal import Tokenizer

/// One training step: from a step's rollouts and checkpoint N to checkpoint N+1.
@main struct Train: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rollbook-train", abstract: "Train on a step's rollouts, demonstrations or preferences; publish the next checkpoint.",
    discussion: """
      EXAMPLES
        GRPO on the rollouts that the same weights have just sampled, with a KL penalty to the start:
          rollbook train --buffer runs/add --step 0 --model smollm2.gguf --recipe grpo --lr 1e-5 --kl 0.02 \\
            --reference smollm2.gguf --on-policy
        The next step, from the checkpoint of the one before (the default model is 'latest'):
          rollbook train --buffer runs/add --step 1 --lr 1e-5 --on-policy
        A low-rank adapter instead of all weights, measured against the model without it:
          rollbook train --buffer runs/add --step 0 --model smollm2.gguf --lora 16 --lr 1e-4 --kl 0.02 --reference base
        PPO with a critic, which begins as the policy and goes on from checkpoint to checkpoint:
          rollbook train --buffer runs/add --step 0 --model smollm2.gguf --recipe ppo --lr 1e-6 --critic-lr 1e-5
        DPO on imported preferences, or on pairs made of scored groups; a reward model from the same:
          rollbook train --buffer runs/pref --step 0 --model smollm2.gguf --recipe dpo --reference start --lr 1e-6
          rollbook train --buffer runs/pref --step 0 --model smollm2.gguf --recipe reward-model --lr 1e-5
        Only on some of the step's rollouts, or on a mixture of steps and demonstrations:
          rollbook train --buffer runs/add --step 1 --lr 1e-5 --where 'response_length <= 100'
          rollbook train --buffer runs/add --step 9 --lr 1e-5 --set demonstration_coef=0.1 --mix '0.7 step = {step}' \\
            --mix '0.2 step between {step-4} and {step-1}' --mix '0.1 kind = demonstration'
        A fresh model with random weights as checkpoint 0:
          rollbook train --buffer runs/sort --step 0 --init examples/sort/config.json --seed 1

      Training on step N publishes checkpoints/step-N+1 by one rename; interrupted or killed before that, nothing is
      there and the same command starts the step again.
      """)

  @OptionGroup var stage: StageOptions
  @OptionGroup var options: RecipeOptions
  @OptionGroup var optimizer: OptimizerOptions
  @OptionGroup var adapter: AdapterOptions
  @OptionGroup var critic: CriticOptions
  @OptionGroup var mixture: MixOptions
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
  @Option(
    help: ArgumentHelp(
      "Another buffer's rollouts of the same prompts: greedy ones (remax), the reference model's (o1-pruner).",
      valueName: "buffer"))
  var baseline: String?
  @Option(help: ArgumentHelp("Leave out rollouts that a policy more than this many steps older sampled.", valueName: "n"))
  var maxStaleness: Int?
  @Flag(help: "Measure the recipe's loss and metrics on the selected rows, and publish nothing.")
  var evaluate = false
  @Flag(help: "Refuse rollouts that other weights have sampled.")
  var onPolicy = false
  @Option(
    name: .customLong("init"),
    help: ArgumentHelp(
      "Publish a model with random weights as checkpoint --step instead of training.",
      discussion: "The tokenizer's files are taken from the same folder as the config.", valueName: "config.json"))
  var initialise: String?
  static func main() { Stage.main(Self.self) }

  mutating func validate() throws {
    if let maxStaleness, maxStaleness < 0 {
      throw ValidationError("--max-staleness \(maxStaleness): expected 0 or more")
    }
    if selection.text != nil, !mixture.parts.isEmpty {
      throw ValidationError("--where and --mix: a mixture's parts say themselves what they select")
    }
  }

  func run() throws {
    if let initialise { return try publishRandom(config: initialise) }
    let recipe = try options.made()
    let buffer = try Buffer.open(path: stage.buffer, create: false)
    let policy = try Policy(model, buffer, step: stage.step, adapter: adapter)
    try policy.check(recipe)
    try buffer.bindTokenizer(policy.tokenizer.digest)
    var data = try readData(buffer, recipe)
    try data.check(
      recipe, policy: policy.files.weightsDigest, tokenizer: policy.tokenizer.digest, onPolicy: onPolicy,
      vocabulary: policy.configuration.vocabularyCount)
    try data.checkPrompts(recipe)
    try limitStaleness(&data)
    let baseline = try findBaseline(recipe, data)
    let frozen = try findReference(buffer, policy, recipe)
    let source = try CriticSource.find(
      critic, policy, buffer, step: stage.step, isNeeded: recipe.needs.contains(.values))
    // Differences of log-probabilities, by which TRPO finds its direction, drown in bf16's rounding.
    if recipe.trustRegion != nil, engine.precision == Precision.bf16.rawValue {
      throw RollbookError.usage("--precision bf16: recipe \(recipe.name) computes in f32", hint: "leave --precision out")
    }
    let precision = try Precision.choose(
      engine.precision, preferred: recipe.trustRegion == nil ? data.precision : Precision.f32.rawValue)
    let matmul = Matmul(pool: ThreadPool(threads: stage.threadCount), precision: precision)
    let others = [frozen?.input, source?.input].compactMap { $0 } + (baseline?.inputs ?? [])
    let provenance = try provenance(recipe, data, policy, others, matmul)
    if !evaluate, try isDone(buffer, provenance) { return try finishDone(buffer) }

    let clock = Timestamp.steady
    let learner = try makeLearner(policy, source, recipe, matmul)
    var records = TokenRecords(count: data.examples.count)
    var step = data.step(recipe, others: baseline, seed: UInt64(stage.seed) &+ UInt64(stage.step))
    try measure(frozen, policy, learner, data, &step, &records)
    let prepared = try prepare(learner, step, policy)
    for index in data.examples.indices { data.examples[index].advantages = prepared.advantages[index] }
    warn(data, policy: policy.files.weightsDigest, recipe)
    if evaluate { return try reportLoss(learner, data, (step, prepared), &records) }
    var outcome = try train(learner, data, (step, prepared), &records)
    try centerScores(learner, data, (step, prepared), &outcome)
    let metrics = self.metrics(outcome, prepared, data, records, seconds: Timestamp.steady - clock)
    try publish(buffer, policy, learner, data, records, recipe, provenance, metrics)
    try Metrics(buffer).record(step: stage.step, stage: "train", metrics)
    try prune(buffer)
    try finish(metrics)
  }
}
