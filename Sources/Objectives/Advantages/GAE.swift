/// Generalised advantage estimation (arXiv 1506.02438).
///
///     δₜ = rₜ + γ Vₜ₊₁ − Vₜ,   Aₜ = δₜ + γ λ Aₜ₊₁,   returnₜ = Aₜ + Vₜ, taken before whitening
///
/// After the last token V is the bootstrap value (0 for a finished response) and A is 0. Masked tokens are skipped:
/// "t + 1" is the next unmasked one. λ = 0 is A2C's one-step TD error, γ = λ = 1 Monte Carlo. Peers: verl
/// `compute_gae_advantage_return` (γ = λ = 1), TRL PPO (γ = 1, λ = 0.95), OpenRLHF `gae`.
package struct GAE: Equatable, Sendable {
  package var gamma: Double
  package var lambda: Double
  /// nil = the advantages are used as they are.
  package var whitening: Whitening?

  package init(gamma: Double = 1, lambda: Double = 0.95, whitening: Whitening? = nil) {
    self.gamma = gamma
    self.lambda = lambda
    self.whitening = whitening
  }

  package struct Result: Equatable, Sendable {
    package var deltas: [[Double]]
    /// Before whitening.
    package var raw: [[Double]]
    package var advantages: [[Double]]
    package var returns: [[Double]]
  }

  /// - Parameters:
  ///   - tokenRewards: and `values`, `mask`: one per token, ragged.
  ///   - bootstrap: the value after each response's last token; empty = 0 for all.
  package func callAsFunction(
    _ tokenRewards: [[Double]], values: [[Double]], bootstrap: [Double] = [], mask: [[Bool]]
  ) -> Result {
    var result = Result(deltas: [], raw: [], advantages: [], returns: [])
    for (index, row) in values.enumerated() {
      var deltas = [Double](repeating: 0, count: row.count)
      var advantages = deltas, returns = deltas
      var next = bootstrap.isEmpty ? 0 : bootstrap[index]
      var running = 0.0
      for t in row.indices.reversed() where mask[index][t] {
        deltas[t] = tokenRewards[index][t] + gamma * next - row[t]
        running = deltas[t] + gamma * lambda * running
        advantages[t] = running
        returns[t] = running + row[t]
        next = row[t]
      }
      result.deltas.append(deltas)
      result.raw.append(advantages)
      result.returns.append(returns)
    }
    result.advantages = whitening.map { $0(result.raw, mask: mask) } ?? result.raw
    return result
  }
}
