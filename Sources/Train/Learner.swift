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
  let transformer: Transformer
  let store: KeyStore
  let matmul: Matmul
  let recipe: Recipe
  let options: RecipeOptions
  /// Of what an adapter's dropout draws.
  let seed: UInt64
  private var gradientsAreUsed = false

  init(
    _ trainable: Trainable, from state: TrainingState, matmul: Matmul, recipe: Recipe, options: RecipeOptions,
    optimizer settings: OptimizerOptions, seed: Int = 0
  ) throws {
    self.trainable = trainable
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

  /// The whole step, and what the recipe made of it.
  typealias Step = (data: StepData, prepared: PreparedStep)

  /// One pass's result.
  struct Outcome {
    var report = Report()
    var gradientNorm = 0.0
    var learningRate = 0.0
    var updates = 0
  }

  /// Log-probabilities of the examples under the weights as they are, without gradients.
  /// - Parameter switchingOff: whether under those without the adapter.
  func logprobs(
    _ batches: [PackedBatch], temperature: Float, switchingOff: Bool = false, into target: inout [[Float]]
  ) throws {
    if switchingOff { transformer.adapter = nil }
    defer { transformer.adapter = trainable.adapter }
    for micro in batches {
      if Interrupt.requested { throw Interrupt.error("nothing of this step is published yet") }
      let result = transformer.evaluate(micro.batch, store: store, temperature: temperature)
      for (index, range) in zip(micro.sequences, micro.ranges) { target[index] = Array(result.logprobs[range]) }
    }
  }

  /// One optimizer update on some examples: gradients add over their micro-batches, then the optimizer's turn.
  /// `records.old` of an example that is still empty becomes what the forward pass finds: the first update of a step
  /// starts at the old policy.
  func update(
    _ data: TrainingData, _ step: Step, _ indices: [Int], _ records: inout TokenRecords, _ outcome: inout Outcome,
    progress: (_ tokens: Int) throws -> Void
  ) throws {
    let weights = recipe.weights(step.data, step.prepared, part: indices)
    if gradientsAreUsed { trainable.clearGradients() }
    gradientsAreUsed = true
    for micro in data.packed(indices, limit: options.tokensPerBatch) {
      try accumulate(micro, indices, data, step, weights, &records, &outcome)
      try progress(micro.batch.rows)
    }
    try applyGradients(&outcome)
  }
}
