internal import CKernels
internal import Glibc

/// A row's softmax over the vocabulary, gathered chunk by chunk. A row's bits depend on the chunk width alone.
package struct Softmax {
  private var state = ck_softmax(maximum: -.infinity, sum: 0, weighted: 0)
  package init() {}

  /// Takes in the next `count` logits times `scale`.
  package mutating func fold(_ logits: ConstFloatPointer, count: Int, scale: Float) {
    ck_softmax_fold(logits, count, scale, &state)
  }

  /// log Σ exp z, natural.
  package var logNormalizer: Float { state.maximum + logf(state.sum) }
  /// −Σ p log p in nats.
  package var entropy: Float { logNormalizer - state.weighted / state.sum }

  /// Overwrites logits with d(gLogprob · log p[target] + gEntropy · entropy)/d logits. target < 0: none in this chunk.
  package static func gradient(
    _ logits: FloatPointer, count: Int, scale: Float, logNormalizer: Float, entropy: Float, target: Int,
    gLogprob: Float, gEntropy: Float
  ) {
    ck_softmax_gradient(logits, count, scale, logNormalizer, entropy, target, gLogprob, gEntropy)
  }

  /// p[i] = exp(scale · logits[i] − logNormalizer); returns their sum in a fixed order.
  package static func probabilities(
    _ logits: ConstFloatPointer, count: Int, scale: Float, logNormalizer: Float, _ p: FloatPointer
  ) -> Float {
    ck_softmax_probabilities(logits, count, scale, logNormalizer, p)
  }

  package static func maximum(_ x: ConstFloatPointer, count: Int) -> Float { ck_maximum(x, count) }
}

/// y += x, `count` floats.
package func add(_ y: FloatPointer, _ x: ConstFloatPointer, count: Int) { ck_add(y, x, count) }
