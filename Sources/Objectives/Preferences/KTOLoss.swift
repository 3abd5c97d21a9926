/// KTO (arXiv 2402.01306): responses that are simply good or bad, no pairs.
///
/// With s = Σ (new − reference) and z₀ = max(0, mean over the step of Σ (old − reference) of completions after the wrong
/// prompts), a constant:
///
///     desirable:    w_D (1 − σ(β (s − z₀)))
///     undesirable:  w_U (1 − σ(β (z₀ − s)))
///
/// Mean over all sequences. Peer: TRL `KTOTrainer._compute_loss`. Deviations: z₀ is that of the whole step at its start
/// and does not change with the updates, where TRL takes it from each micro-batch under the current weights; it is 0 where
/// nobody computed mismatched completions.
package struct KTOLoss: Equatable, Sendable {
  package var beta: Double
  package var desirableWeight: Double
  package var undesirableWeight: Double
  /// A response without a label is desirable from this reward on; one without a reward either is left out.
  package var threshold: Double

  package init(
    beta: Double = 0.1, desirableWeight: Double = 1, undesirableWeight: Double = 1, threshold: Double = 0.5
  ) {
    self.beta = beta
    self.desirableWeight = desirableWeight
    self.undesirableWeight = undesirableWeight
    self.threshold = threshold
  }

  /// Whether the response is a good one; nil = nobody knows.
  package func isDesirable(_ response: StepData.Response) -> Bool? {
    response.isDesirable ?? response.reward.map { $0 >= threshold }
  }

  /// z₀ before it is clamped at 0: the mean of Σ (old − reference) over mismatched completions; nil of none.
  package func unclampedOffset(_ mismatched: [Double]) -> Double? {
    mismatched.isEmpty ? nil : mean(mismatched)
  }

  /// The loss of one response and its derivative by s.
  package func callAsFunction(_ s: Double, desirable: Bool, offset: Double) -> (loss: Double, slope: Double) {
    let z = beta * (desirable ? s - offset : offset - s)
    let weight = desirable ? desirableWeight : undesirableWeight
    // 1 − σ(z) = σ(−z), without the loss of digits.
    return (weight * sigmoid(-z), (desirable ? -1 : 1) * weight * beta * sigmoid(z) * sigmoid(-z))
  }

  package func callAsFunction(
    _ tokens: Span<TokenStatistics>, sequences: [SequenceStatistics], _ gradient: inout MutableSpan<TokenGradient>,
    _ report: inout Report
  ) {
    precondition(tokens.count == gradient.count, "one gradient per token")
    for sequence in sequences where sequence.weight != 0 {
      report.observe(tokens, sequence.tokens)
      var sum = 0.0, logprob = 0.0
      for index in sequence.tokens where tokens[index].weight != 0 {
        sum += tokens[index].logprob - tokens[index].reference
        logprob += tokens[index].logprob
      }
      let result = self(sum, desirable: sequence.isDesirable, offset: sequence.offset)
      report.loss += sequence.weight * result.loss
      let kind = sequence.isDesirable ? "desirable" : "undesirable"
      report.tallies.add("rewards_\(kind)", beta * sum)
      report.tallies.add("logp_\(kind)", logprob)
      for index in sequence.tokens where tokens[index].weight != 0 {
        gradient[index].logprob += sequence.weight * result.slope
      }
    }
  }
}
