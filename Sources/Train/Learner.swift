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

/// The policy in training: weights, gradients, AdamW's moments, and the updates of a step.
final class Learner {
  let policy: Parameters
  /// There once an update was made: until then their memory is the activations'.
  private var moments: (mean: Parameters, square: Parameters)?
  private let restored: Safetensors?
  /// Updates made before this step, in all steps.
  var updates: Int
  private let gradients: Parameters
  private var gradientsAreUsed = false
  private let transformer: Transformer
  private let store: KeyStore
  private let matmul: Matmul
  private let recipe: Recipe
  private let step: (data: StepData, prepared: PreparedStep)
  private let options: RecipeOptions

  /// - Parameter moments: AdamW's, to go on with: `m.PARAMETER` and `v.PARAMETER`.
  init(
    _ policy: Parameters, updates: Int, moments: Safetensors?, matmul: Matmul, recipe: Recipe,
    step: (data: StepData, prepared: PreparedStep), options: RecipeOptions
  ) {
    self.policy = policy
    self.updates = updates
    (self.matmul, self.recipe, self.step, self.options) = (matmul, recipe, step, options)
    restored = moments
    moments?.prefetch()
    gradients = Parameters(policy.configuration)
    policy.round(for: matmul)
    transformer = Transformer(policy.configuration, weights: policy.weights, matmul: matmul)
    transformer.recomputes = options.recomputeActivations
    store = KeyStore(policy.configuration, keepsLayers: false)
  }

  /// One pass's result.
  struct Outcome {
    var report = Report()
    var gradientNorm = 0.0
    var learningRate = 0.0
    var updates = 0
  }

  /// Log-probabilities of the examples under the weights as they are, without gradients.
  func logprobs(_ batches: [PackedBatch], temperature: Float, into target: inout [[Float]]) throws {
    for micro in batches {
      if Interrupt.requested { throw Interrupt.error("nothing of this step is published yet") }
      let result = transformer.evaluate(micro.batch, store: store, temperature: temperature)
      for (index, range) in zip(micro.sequences, micro.ranges) { target[index] = Array(result.logprobs[range]) }
    }
  }

  /// One optimizer update on some examples: gradients add over their micro-batches, then AdamW.
  /// `records.old` of an example that is still empty becomes what the forward pass finds: the first update of a step
  /// starts at the old policy.
  func update(
    _ data: TrainingData, _ indices: [Int], _ records: inout TokenRecords, _ outcome: inout Outcome,
    progress: (_ tokens: Int) throws -> Void
  ) throws {
    let weights = recipe.weights(step.data, step.prepared, part: indices)
    if gradientsAreUsed { gradients.arena.zero() }
    gradientsAreUsed = true
    for micro in data.packed(indices, limit: options.tokensPerBatch) {
      try accumulate(micro, indices, data, weights, &records, &outcome)
      try progress(micro.batch.rows)
    }
    let norm = Kernels.norm(matmul.pool, gradients.arena.base, count: gradients.layout.count)
    guard norm.isFinite else {
      throw RollbookError.badInput(
        "update \(updates + 1)", "the gradient's norm is \(norm); nothing was published",
        hint: "are the weights still finite? If training diverged, lower --lr and begin from an earlier checkpoint")
    }
    let clip = options.maxGradNorm > 0 ? min(1, options.maxGradNorm / (norm + 1e-6)) : 1
    let moments = try takeUpMoments()
    var optimizer = options.optimizer
    updates += 1
    if updates < options.warmup { optimizer.learningRate *= Float(updates) / Float(options.warmup) }
    optimizer.update(
      matmul.pool, policy.arena.base, gradients: gradients.arena.base, m: moments.mean.arena.base,
      v: moments.square.arena.base,
      count: policy.layout.count, step: updates, gradientScale: Float(clip))
    policy.round(for: matmul)
    outcome.gradientNorm += norm
    outcome.learningRate = Double(optimizer.learningRate)
    outcome.updates += 1
  }

  /// AdamW's moments, read when they are first asked for.
  func takeUpMoments() throws -> (mean: Parameters, square: Parameters) {
    if let moments { return moments }
    transformer.release()
    let configuration = policy.configuration
    let taken =
      if let restored {
        (
          mean: try Parameters(configuration, from: restored, prefix: "m.", pool: matmul.pool),
          square: try Parameters(configuration, from: restored, prefix: "v.", pool: matmul.pool)
        )
      } else { (mean: Parameters(configuration), square: Parameters(configuration)) }
    moments = taken
    return taken
  }

  /// Forward, loss, backward of one micro-batch.
  private func accumulate(
    _ micro: PackedBatch, _ indices: [Int], _ data: TrainingData, _ shares: StepWeights,
    _ records: inout TokenRecords, _ outcome: inout Outcome
  ) throws {
    let result = transformer.forward(micro.batch, store: store, temperature: data.temperature)
    var tokens: [TokenStatistics] = []
    tokens.reserveCapacity(micro.batch.heads.count)
    for (sequence, range) in zip(micro.sequences, micro.ranges) {
      let index = indices[sequence], example = data.examples[index]
      records.logprobs[index] = Array(result.logprobs[range])
      let mask = example.rollout.responseMask
      let weights = range.indices.map {
        shares.weight(sequence: sequence, trains: mask?[$0 - range.lowerBound] ?? true)
      }
      records.weights[index] = weights.map { Float($0) }
      if records.old[index].isEmpty { records.old[index] = records.logprobs[index] }
      for (t, head) in range.enumerated() {
        tokens.append(
          TokenStatistics(
            logprob: Double(result.logprobs[head]),
            behaviour: example.rollout.logprobs.map { Double($0[t]) } ?? .nan, old: Double(records.old[index][t]),
            reference: records.reference[index].map { Double($0[t]) } ?? .nan,
            entropy: Double(result.entropies[head]), advantage: example.advantages[t],
            weight: weights[t]))
      }
    }
    var slopes = [TokenGradient](repeating: TokenGradient(), count: tokens.count)
    var span = slopes.mutableSpan
    let sequences = zip(micro.sequences, micro.ranges).map { sequence, range in
      recipe.sequence(
        indices[sequence], step.data, step.prepared, tokens: range, weight: shares.ofSequences[sequence])
    }
    outcome.report += recipe.loss(tokens.span, sequences: sequences, weights: shares, &span)
    transformer.backward(
      micro.batch, result: result, dLogprobs: slopes.map { Float($0.logprob) },
      dEntropies: slopes.map { Float($0.entropy) }, store: store, into: gradients, temperature: data.temperature)
  }
}
