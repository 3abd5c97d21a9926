internal import Formats
internal import Kernels
internal import Model
internal import Objectives
internal import Pipeline

/// What the step found out about each response token, for the update shard; one entry per example.
struct TokenRecords {
  var logprobs: [[Float]]
  /// The token's share of the loss, as its last update saw it.
  var weights: [[Float]]
  var old: [[Float]]
  var reference: [[Float]?]

  init(count: Int) {
    logprobs = [[Float]](repeating: [], count: count)
    old = logprobs
    weights = logprobs
    reference = [[Float]?](repeating: nil, count: count)
  }
}

/// What an earlier step left to go on with.
struct TrainingState {
  /// Updates made so far, in all steps.
  var updates = 0
  /// Of the optimizer, and of the weights' average.
  var optimizer: Safetensors?
  var average: Safetensors?
}

/// The policy in training: forward passes, gradients of a recipe's loss (Learner+Loss), updates (Learner+Update).
final class Learner {
  let trainable: Trainable
  let optimizer: Optimizer
  let average: WeightAverage?
  let schedule: Schedule
  let maxGradNorm: Double
  /// Updates made so far, in all steps.
  var updates: Int
  /// Whether it says log-probabilities; a critic of its own and a reward model say values alone.
  let speaks: Bool
  /// Trained beside it, on the same sequences.
  var critic: Learner?
  /// What a critic's weights mean, which may be another model than the policy.
  var config: JSON?
  /// The weight of the KL divergence in the reward for the next step, where it adapts.
  var adaptedBeta: Double?
  let transformer: Transformer
  let store: KeyStore
  let matmul: Matmul
  var recipe: Recipe
  let options: RecipeOptions
  /// Of what an adapter's dropout draws.
  let seed: UInt64
  private var gradientsAreUsed = false

  init(
    _ trainable: Trainable, from state: TrainingState, matmul: Matmul, recipe: Recipe, options: RecipeOptions,
    optimizer settings: OptimizerOptions, speaks: Bool = true, seed: Int = 0
  ) throws {
    (self.trainable, self.speaks) = (trainable, speaks)
    self.seed = UInt64(seed)
    (self.matmul, self.recipe, self.options) = (matmul, recipe, options)
    updates = state.updates
    state.optimizer?.prefetch()
    optimizer = try Optimizer(settings.settings, for: trainable, restored: state.optimizer, matmul: matmul)
    average = settings.averageDecay.map { WeightAverage(trainable, decay: $0, restored: state.average) }
    (schedule, maxGradNorm) = (settings.rates, settings.maxGradNorm)
    let policy = trainable.policy
    policy.round(for: matmul)
    transformer = Transformer(policy.configuration, weights: policy.weights, matmul: matmul)
    transformer.adapter = trainable.adapter
    transformer.recomputes = options.recomputeActivations
    store = KeyStore(policy.configuration, keepsLayers: false)
    transformer.dropout = nextDropout()
  }

  /// The head on its trunk, if it has one.
  var head: ValueHead? { trainable.heads.first }

  /// The whole step, and what the recipe made of it.
  typealias Step = (data: StepData, prepared: PreparedStep)

  /// One pass's result.
  struct Outcome {
    var report = Report()
    var gradientNorm = 0.0
    var criticGradientNorm = 0.0
    /// Of what the parameters changed by.
    var updateNorm = 0.0
    /// What a reward model's scores were moved by.
    var scoreShift: Double?
    /// What a trust region's steps found out, one row for each.
    var trustRegion: [[(name: String, value: Double)]] = []
    var learningRate = 0.0
    var updates = 0
  }

  /// What it says of some batches under the weights as they are; `take` gets a sequence's index, the log-probabilities
  /// of its tokens and the values of its head rows.
  /// - Parameter switchingOff: whether under those without the adapter.
  func evaluate(
    _ batches: [PackedBatch], temperature: Float, switchingOff: Bool = false,
    _ take: (_ sequence: Int, ArraySlice<Float>?, ArraySlice<Float>?) -> Void
  ) throws {
    if switchingOff { transformer.adapter = nil }
    defer { transformer.adapter = trainable.adapter }
    for packed in batches {
      if Interrupt.requested { throw Interrupt.error("nothing of this step is published yet") }
      let pass = forward(packed.batch, temperature: temperature, saves: false)
      for (sequence, range) in zip(packed.sequences, packed.ranges) {
        take(sequence, pass.result?.logprobs[range], pass.values?[range])
      }
    }
  }

  /// One optimizer update on some examples: gradients add over their micro-batches, then the optimizer's turn.
  /// `records.old` of an example that is still empty becomes what the forward pass finds: the first update of a step
  /// starts at the old policy.
  func update(
    _ data: TrainingData, _ step: Step, _ part: [Int], _ records: inout TokenRecords, _ outcome: inout Outcome,
    progress: (_ tokens: Int) throws -> Void
  ) throws {
    let minibatch = Minibatch(data, part, recipe, step, limit: options.tokensPerBatch)
    if minibatch.indices.isEmpty { return }
    if let region = recipe.trustRegion {
      try average?.takeUp(matmul.pool)
      try TrustRegionUpdate(learner: self, region: region, data: data, step: step, minibatch: minibatch)
        .apply(&records, &outcome)
      average?.update(matmul.pool)
      updates += 1
      return
    }
    beginGradients()
    for micro in minibatch.batches {
      outcome.report += accumulate(micro, minibatch, data, step, &records).report
      try progress(micro.batch.rows)
    }
    try applyGradients(&outcome)
    if let critic {
      var own = Outcome()
      try critic.applyGradients(&own)
      outcome.criticGradientNorm += own.gradientNorm
    }
  }

  func beginGradients() {
    if gradientsAreUsed { trainable.clearGradients() }
    gradientsAreUsed = true
    critic?.beginGradients()
  }
}
