/// Supervised learning: loss = −Σ weight log π(token), with token-mean weights the mean over the trained tokens.
///
/// SFT, and PPO-ptx's pretraining term (InstructGPT, arXiv 2203.02155, eq. 2; γ = 27.8). Peer: TRL
/// `SFTTrainer.compute_loss` (`loss_type=nll`; its `num_items_in_batch` is ``Weights/normalizerTokens``).
package struct NegativeLogLikelihood: Equatable, Sendable {
  package var coefficient: Double

  package init(coefficient: Double = 1) { self.coefficient = coefficient }

  package func callAsFunction(
    _ tokens: Span<TokenStatistics>, sequences: [Range<Int>], _ gradient: inout MutableSpan<TokenGradient>,
    _ report: inout Report
  ) {
    precondition(tokens.count == gradient.count, "one gradient per token")
    var count = 0, weighted = 0.0, sum = 0.0
    for range in sequences {
      for index in range where tokens[index].weight != 0 {
        let token = tokens[index]
        count += 1
        weighted -= token.weight * token.logprob
        sum -= token.logprob
        report.loss -= coefficient * token.weight * token.logprob
        gradient[index].logprob -= coefficient * token.weight
        if token.entropy == token.entropy {
          report.entropyTokens += 1
          report.entropySum += token.entropy
        }
      }
    }
    guard count > 0 else { return }
    report.tokens += count
    report.tallies.add("nll_loss", weighted, .sum)
    report.tallies.add("nll_tokens", Double(count), .sum)
    report.tallies.add("perplexity", sum, .exponentialOfMean, count: count)
  }
}
