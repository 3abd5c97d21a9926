/// Kimi k1.5's online mirror descent on whole responses (arXiv 2501.12599, §2.3.2).
///
/// With L = Σ new, x = Σ (new − old), b the group's ``KimiBaseline`` and r − b the advantage of the sequence:
///
///     surrogate:  −( (r − b) L − τ/2 x² )     its negative gradient is the published update
///     squared:    ( r − b − τ x )²            gradient = 2 τ times that of the surrogate
///
/// Mean over the members of a group, then over groups (``Weights/Aggregation/groupMean``). The paper does not say τ;
/// 0.5 here.
package struct KimiLoss: Equatable, Sendable {
  package enum Form: String, Sendable, CaseIterable { case surrogate, squared }

  package var form: Form
  /// Strength of the pull to the old policy, in units of reward per nat.
  package var tau: Double
  package var baseline: KimiBaseline

  package init(_ form: Form = .surrogate, tau: Double = 0.5, baseline: KimiBaseline = .mean) {
    self.form = form
    self.tau = tau
    self.baseline = baseline
  }

  package func callAsFunction(
    _ tokens: Span<TokenStatistics>, sequences: [SequenceStatistics], _ gradient: inout MutableSpan<TokenGradient>,
    _ report: inout Report
  ) {
    precondition(tokens.count == gradient.count, "one gradient per token")
    for sequence in sequences {
      var logprob = 0.0, logRatio = 0.0, advantage = 0.0
      for index in sequence.tokens where tokens[index].weight != 0 {
        let token = tokens[index]
        report.observe(token, logRatio: token.logprob - token.old, ratio: exponential(token.logprob - token.old))
        advantage = token.advantage
        logprob += token.logprob
        logRatio += token.logprob - token.old
      }
      let (loss, slope) =
        switch form {
        case .surrogate:
          (-(advantage * logprob - 0.5 * tau * logRatio * logRatio), -(advantage - tau * logRatio))
        case .squared:
          ((advantage - tau * logRatio) * (advantage - tau * logRatio), -2 * tau * (advantage - tau * logRatio))
        }
      report.policyLoss += sequence.weight * loss
      report.loss += sequence.weight * loss
      report.tallies.add("log_ratio_mean", logRatio)
      report.tallies.add("sequence_kl_k2", 0.5 * logRatio * logRatio)
      for index in sequence.tokens where tokens[index].weight != 0 {
        gradient[index].logprob += sequence.weight * slope
      }
    }
  }
}
