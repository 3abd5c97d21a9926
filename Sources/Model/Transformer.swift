package import Kernels

/// A Llama-style decoder: RMSNorm, rotary positions, grouped-query attention, SwiGLU; with biases (Qwen2) or norms of
/// heads (Qwen3) before the rotation. Forward and backward are
/// written out by hand, layer beside layer (Transformer+Forward, Transformer+Backward).
///
/// One forward pass serves training, prompts and one-token decoding, so they agree to the bit.
package final class Transformer {
  package let configuration: ModelConfiguration
  package let weights: ModelWeights
  package let matmul: Matmul
  /// Added to the linear layers where it has parts; trained alone with `GradientSink(adapter:)`.
  package var adapter: Adapter?
  /// What the adapter does not see of its inputs in training passes.
  package var dropout: Dropout?
  /// Of the batch of the last training pass, for `dropout`.
  var rowNames: [UInt64] = []
  /// Whether training keeps the input of each layer only, and computes the rest once more in backward: a third more
  /// arithmetic for a tenth of the memory, and the same bits.
  package var recomputes = false
  var pool: ThreadPool { matmul.pool }
  let head: TokenHead
  var workspace: Workspace
  var rotary: RotaryTable
  /// Per thread: attention scores of one query.
  var scores: [Arena]
  let headNorm: HeadNorm
  /// Scratch for the weight gradients of norms: RMSNorm.parts × hidden, or what the heads' norms take.
  let partial: Arena
  /// Where gradients of vectors go that nobody asked for.
  let unwanted: Arena
  /// An adapter's products are in f32 whatever the precision of the others: they are few, and a rank has few terms.
  lazy var exact = matmul.precision == .f32 ? matmul : Matmul(pool: matmul.pool)
  /// Products of an adapter, see Transformer+Linear.
  var adapterScratch = Arena(count: 0)

  package init(_ configuration: ModelConfiguration, weights: ModelWeights, matmul: Matmul) {
    self.configuration = configuration
    self.weights = weights
    self.matmul = matmul
    head = TokenHead(configuration, weights: weights, matmul: matmul)
    workspace = Workspace(configuration, rows: 0, saves: false)
    rotary = RotaryTable(configuration)
    scores = (0..<matmul.pool.count).map { _ in Arena(count: 0) }
    headNorm = HeadNorm(
      heads: configuration.heads, keyValueHeads: configuration.keyValueHeads,
      dimensions: configuration.headDimensions, epsilon: configuration.normEpsilon)
    partial = Arena(
      count: max(RMSNorm.parts * configuration.hidden, configuration.headNorms ? headNorm.scratch : 0))
    unwanted = Arena(count: max(configuration.hidden, configuration.headDimensions))
  }

  /// Grows the workspace to `rows` rows; memory is only ever taken, so a long run settles at its largest batch. One
  /// that saves serves passes without gradients, too.
  func reserve(rows: Int, saves: Bool) {
    let fits = workspace.saves ? workspace.recomputes == recomputes : !saves
    if workspace.rows >= rows, fits { return }
    workspace = Workspace(configuration, rows: rows, saves: saves, recomputes: recomputes)
  }

  /// Gives the memory of activations back; the next pass takes it anew.
  package func release() {
    workspace = Workspace(configuration, rows: 0, saves: false)
    adapterScratch = Arena(count: 0)
    head.release()
  }

  func reserveScores(_ store: KeyStore, end: Int) {
    let needed = store.attention.scratch(end: end)
    for thread in scores.indices where scores[thread].count < needed {
      scores[thread] = Arena(count: needed * 5 / 4)
    }
  }
}

/// What the model says of the head rows of a batch: one entry per row, natural logarithms.
package struct HeadResult: Sendable {
  /// log p(target) at the given temperature; 0 where there is no target.
  package var logprobs: [Float] = []
  /// −Σ p log p in nats.
  package var entropies: [Float] = []
  var logNormalizers: [Float] = []
}
