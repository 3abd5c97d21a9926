/// Bradley-Terry reward models, on the score of each response (the value head at its last trained token).
///
///     loss = Σ weight ( −log σ(c − r − margin) + center (c + r)² )
///
/// With ``PairWeights/prompt`` and every two responses of a prompt as pairs it is InstructGPT's K-way ranking, 1/(K
/// choose 2) (arXiv 2203.02155, eq. 1). Peer: TRL `RewardTrainer.compute_loss` (`center_rewards_coefficient`, 0.01
/// advised, arXiv 2312.09244). No deviations.
package struct RewardModelLoss: Equatable, Sendable {
  /// Pulls the scores of a pair to a sum of 0; 0 = none.
  package var center: Double
  /// Whether the pairs' margins count.
  package var usesMargin: Bool
  package var pairWeights: PairWeights

  package init(center: Double = 0, usesMargin: Bool = false, pairWeights: PairWeights = .pair) {
    self.center = center
    self.usesMargin = usesMargin
    self.pairWeights = pairWeights
  }

  /// The loss of one pair without centring, and its derivative by the chosen score (that by the rejected: the negative).
  package func callAsFunction(chosen: Double, rejected: Double, margin: Double) -> (loss: Double, slope: Double) {
    let difference = chosen - rejected - (usesMargin ? margin : 0)
    return (-logSigmoid(difference), -sigmoid(-difference))
  }

  /// - Parameter pairs: chosen and rejected are places in `sequences` here.
  func callAsFunction(
    _ tokens: Span<TokenStatistics>, sequences: [SequenceStatistics], pairs: [Pair],
    _ gradient: inout MutableSpan<TokenGradient>, _ report: inout Report
  ) {
    precondition(tokens.count == gradient.count, "one gradient per token")
    var heads: [Int?] = []
    for sequence in sequences {
      var last: Int?
      for index in sequence.tokens where tokens[index].weight != 0 {
        last = index
        report.tokens += 1
      }
      heads.append(last)
    }
    for pair in pairs {
      guard let c = heads[pair.chosen], let r = heads[pair.rejected] else { continue }
      let chosen = tokens[c].value, rejected = tokens[r].value
      let result = self(chosen: chosen, rejected: rejected, margin: pair.margin)
      let sum = chosen + rejected
      report.loss += pair.weight * (result.loss + center * sum * sum)
      gradient[c].value += pair.weight * (result.slope + 2 * center * sum)
      gradient[r].value += pair.weight * (-result.slope + 2 * center * sum)
      report.tallies.add("accuracy", chosen > rejected ? 1 : 0)
      report.tallies.add("margin", chosen - rejected)
      for score in [chosen, rejected] {
        report.tallies.add("min_reward", score, .minimum)
        report.tallies.add("mean_reward", score)
        report.tallies.add("max_reward", score, .maximum)
      }
    }
  }
}
