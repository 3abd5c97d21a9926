/// softmax of one row of logits. Logits of −∞ (tokens that cannot be) have probability 0 and count nowhere.
package struct Categorical: Equatable, Sendable {
  package let logProbabilities: [Double]
  package let probabilities: [Double]

  package init(logits: [Double]) {
    let normalizer = logSumExp(logits)
    logProbabilities = logits.map { $0 - normalizer }
    probabilities = logProbabilities.map(exponential)
  }

  /// In nats.
  package var entropy: Double {
    -zip(probabilities, logProbabilities).reduce(0.0) { $1.0 > 0 ? $0 + $1.0 * $1.1 : $0 }
  }

  /// ∂ log p(target) / ∂ logits = one-hot − p.
  package func logProbabilityGradient(_ target: Int) -> [Double] {
    probabilities.indices.map { ($0 == target ? 1 : 0) - probabilities[$0] }
  }

  /// KL(self ‖ other) in nats; ∞ where other cannot be what self can.
  package func divergence(from other: Categorical) -> Double {
    var sum = 0.0
    for index in probabilities.indices where probabilities[index] > 0 {
      sum += probabilities[index] * (logProbabilities[index] - other.logProbabilities[index])
    }
    return sum
  }

  /// ∂ KL(self ‖ other) / ∂ (logits of other) = p_other − p.
  package func divergenceGradient(of other: Categorical) -> [Double] {
    zip(other.probabilities, probabilities).map { $0 - $1 }
  }

  /// (diag p − p pᵀ) u: the Fisher matrix of the logits, which is the Hessian of KL(self ‖ other) in the logits of other
  /// at other = self, times a vector.
  package func fisherProduct(_ vector: [Double]) -> [Double] {
    let mean = zip(probabilities, vector).reduce(0.0) { $0 + $1.0 * $1.1 }
    return zip(probabilities, vector).map { $0 * $1 - $0 * mean }
  }
}
