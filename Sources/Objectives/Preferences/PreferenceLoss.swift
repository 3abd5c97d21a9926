/// DPO and its relatives on pairs of responses, without a reward model.
///
/// a, b = Σ (new − reference) over the chosen and the rejected response (`referenceFree`: Σ new), each divided by its
/// trained tokens with `lengthAverage`; d = a − b; e = labelSmoothing.
///
///     sigmoid    −log σ(β d)                                                 DPO (arXiv 2305.18290)
///     hinge      max(0, 1 − β d)                                             SLiC / RSO (arXiv 2309.06657)
///     ipo        (d − 1/(2β))²                                               IPO (arXiv 2310.12036)
///     robust     (−(1 − e) log σ(β d) + e log σ(−β d)) / (1 − 2e)            robust DPO (arXiv 2403.00409)
///     cdpo       −(1 − e) log σ(β d) − e log σ(−β d)                         conservative DPO (Mitchell 2023)
///     apo_zero   1 − σ(β a) + σ(β b)                                         APO (arXiv 2408.06266)
///     sppo_hard  (a − 1/(2β))² + (b + 1/(2β))²                               SPPO (arXiv 2405.00675)
///     simpo      −log σ(β d − γ), reference-free, length-averaged            SimPO (arXiv 2405.14734)
///
/// Peers: TRL `DPOTrainer._compute_loss` (its `ipo` averages over length, its `sigmoid` ignores label smoothing),
/// `CPOTrainer.cpo_loss`; OpenRLHF `DPOLoss` (IPO of sums; cDPO). No deviations.
package struct PreferenceLoss: Equatable, Sendable {
  package enum Kind: String, Sendable, CaseIterable {
    case sigmoid, hinge, ipo, robust, cdpo, simpo
    case apoZero = "apo_zero"
    case sppoHard = "sppo_hard"
  }

  package var kind: Kind
  package var beta: Double
  /// e, for robust and cdpo; below ½.
  package var labelSmoothing: Double
  /// γ, for simpo.
  package var gamma: Double
  package var referenceFree: Bool
  package var lengthAverage: Bool

  package init(
    _ kind: Kind = .sigmoid, beta: Double = 0.1, labelSmoothing: Double = 0, gamma: Double = 0,
    referenceFree: Bool = false, lengthAverage: Bool = false
  ) {
    self.kind = kind
    self.beta = beta
    self.labelSmoothing = labelSmoothing
    self.gamma = gamma
    self.referenceFree = referenceFree
    self.lengthAverage = lengthAverage
  }

  /// The loss of one pair and its derivatives by a and b.
  package func callAsFunction(_ a: Double, _ b: Double) -> (loss: Double, chosen: Double, rejected: Double) {
    func ofDifference(_ loss: Double, _ slope: Double) -> (loss: Double, chosen: Double, rejected: Double) {
      (loss, slope, -slope)
    }
    let difference = a - b, z = beta * difference, e = labelSmoothing, half = 0.5 / beta
    switch kind {
    case .sigmoid: return ofDifference(-logSigmoid(z), -beta * sigmoid(-z))
    case .hinge: return 1 - z > 0 ? ofDifference(1 - z, -beta) : ofDifference(z == z ? 0 : z, 0)
    case .ipo: return ofDifference((difference - half) * (difference - half), 2 * (difference - half))
    case .robust:
      let scale = 1 / (1 - 2 * e)
      return ofDifference(
        (-(1 - e) * logSigmoid(z) + e * logSigmoid(-z)) * scale,
        -beta * ((1 - e) * sigmoid(-z) + e * sigmoid(z)) * scale)
    case .cdpo:
      return ofDifference(
        -(1 - e) * logSigmoid(z) - e * logSigmoid(-z), -beta * ((1 - e) * sigmoid(-z) - e * sigmoid(z)))
    case .apoZero:
      let chosen = sigmoid(beta * a), rejected = sigmoid(beta * b)
      return (
        1 - chosen + rejected, -beta * chosen * sigmoid(-beta * a), beta * rejected * sigmoid(-beta * b)
      )
    case .sppoHard: return ((a - half) * (a - half) + (b + half) * (b + half), 2 * (a - half), 2 * (b + half))
    case .simpo: return ofDifference(-logSigmoid(z - gamma), -beta * sigmoid(gamma - z))
    }
  }

  private struct Response {
    var sum = 0.0
    var logprob = 0.0
    var count = 0
  }

  private func response(_ tokens: Span<TokenStatistics>, _ range: Range<Int>) -> Response {
    var response = Response()
    for index in range where tokens[index].weight != 0 {
      response.count += 1
      response.logprob += tokens[index].logprob
      response.sum += referenceFree ? tokens[index].logprob : tokens[index].logprob - tokens[index].reference
    }
    return response
  }

  /// - Parameter pairs: chosen and rejected are places in `sequences` here.
  func callAsFunction(
    _ tokens: Span<TokenStatistics>, sequences: [SequenceStatistics], pairs: [Pair],
    _ gradient: inout MutableSpan<TokenGradient>, _ report: inout Report
  ) {
    precondition(tokens.count == gradient.count, "one gradient per token")
    for sequence in sequences { report.observe(tokens, sequence.tokens) }
    for pair in pairs {
      let ranges = (sequences[pair.chosen].tokens, sequences[pair.rejected].tokens)
      let chosen = response(tokens, ranges.0), rejected = response(tokens, ranges.1)
      let shares = lengthAverage ? (1 / Double(max(chosen.count, 1)), 1 / Double(max(rejected.count, 1))) : (1, 1)
      let averages = (chosen.sum * shares.0, rejected.sum * shares.1)
      let result = self(averages.0, averages.1)
      report.loss += pair.weight * result.loss
      let isAveraged = referenceFree && lengthAverage
      let rewards = (
        beta * (isAveraged ? averages.0 : chosen.sum), beta * (isAveraged ? averages.1 : rejected.sum)
      )
      report.tallies.add("rewards_chosen", rewards.0)
      report.tallies.add("rewards_rejected", rewards.1)
      report.tallies.add("reward_accuracy", rewards.0 > rewards.1 ? 1 : 0)
      report.tallies.add("reward_margin", rewards.0 - rewards.1)
      report.tallies.add("logp_chosen", chosen.logprob)
      report.tallies.add("logp_rejected", rejected.logprob)
      for index in ranges.0 where tokens[index].weight != 0 {
        gradient[index].logprob += pair.weight * result.chosen * shares.0
      }
      for index in ranges.1 where tokens[index].weight != 0 {
        gradient[index].logprob += pair.weight * result.rejected * shares.1
      }
    }
  }
}

extension Report {
  /// Tokens of losses on whole responses.
  mutating func observe(_ tokens: Span<TokenStatistics>, _ range: Range<Int>) {
    for index in range where tokens[index].weight != 0 {
      self.tokens += 1
      if tokens[index].entropy == tokens[index].entropy {
        entropyTokens += 1
        entropySum += tokens[index].entropy
      }
      if tokens[index].reference == tokens[index].reference {
        let difference = tokens[index].logprob - tokens[index].reference
        referenceTokens += 1
        referenceKL.k1 += difference
        referenceKL.k2 += 0.5 * difference * difference
        referenceKL.k3 += exponential(-difference) + difference - 1
      }
    }
  }
}
