/// The critic's squared error, clipped or not.
///
///     e = (V − R)²,   with clip c:  max( (V − R)², (clip(V, V_old − c, V_old + c) − R)² )      PPO (arXiv 1707.06347)
///     loss = coefficient · ½ Σ weight e
///
/// Peers: verl `compute_value_loss` (c = 0.5), TRL PPO (c = 0.2, coefficient 0.1), OpenRLHF `ValueLoss`. The weights
/// are the policy's. Deviation: TRL takes its token mean per micro-batch.
package struct ValueLoss: Equatable, Sendable {
  /// c; nil = the plain square.
  package var clip: Double?
  package var coefficient: Double

  package init(clip: Double? = nil, coefficient: Double = 1) {
    self.clip = clip
    self.coefficient = coefficient
  }

  package func callAsFunction(
    _ tokens: Span<TokenStatistics>, sequences: [Range<Int>], _ gradient: inout MutableSpan<TokenGradient>,
    _ report: inout Report
  ) {
    precondition(tokens.count == gradient.count, "one gradient per token")
    if clip != nil { report.value.clipped = report.value.clipped ?? 0 }
    for range in sequences {
      for index in range where tokens[index].weight != 0 {
        let token = tokens[index]
        let error = token.value - token.return
        var square = error * error
        var slope = error
        if let clip {
          let moved = max(min(token.value, token.oldValue + clip), token.oldValue - clip) - token.return
          if moved * moved > square {
            report.value.clipped? += 1
            square = moved * moved
            slope = 0
          }
        }
        report.value.loss += token.weight * 0.5 * square
        report.loss += coefficient * token.weight * 0.5 * square
        gradient[index].value += coefficient * token.weight * slope
        report.value.values.add(token.value)
        report.value.returns.add(token.return)
        report.value.errors.add(token.return - token.value)
      }
    }
  }
}
