/// How per-token losses become one number: as a weight per token, fixed for the whole step before it is split.
///
/// With N trained tokens in the step, B sequences and nᵢ trained tokens in sequence i, the weight of each of its
/// tokens is
///
///     token-mean               1 / N                 TRL dapo, verl token-mean; DAPO (arXiv 2503.14476)
///     seq-mean-token-mean      1 / (B nᵢ)            TRL grpo; GRPO (arXiv 2402.03300)
///     seq-mean-token-sum       1 / B                 verl; TRL luspo
///     seq-mean-token-sum-norm  1 / (B C)             Dr. GRPO (arXiv 2503.20783), TRL dr_grpo, verl
///     bnpo                     1 / (M Nₘ)            TRL bnpo; M micro-batches, Nₘ the tokens of the sequence's
///     group-mean               1 / (P K)             Kimi k1.5; P prompts, K responses to the sequence's
///
/// Losses and gradients of any split of the step into calls then simply add. Peers: verl `core_algos.agg_loss`, TRL
/// `GRPOTrainer._compute_loss`. Deviation: verl and TRL compute the normaliser per micro-batch or per worker in some
/// modes; here it is always that of the step, but for bnpo, which is defined by the micro-batches.
package struct Weights: Equatable, Sendable {
  package enum Aggregation: String, Sendable, CaseIterable {
    case tokenMean = "token-mean"
    case seqMeanTokenMean = "seq-mean-token-mean"
    case seqMeanTokenSum = "seq-mean-token-sum"
    case seqMeanTokenSumNorm = "seq-mean-token-sum-norm"
    case bnpo
    case groupMean = "group-mean"
  }
  /// Whether a sequence without a trained token counts in B: TRL counts it, verl leaves it out.
  package enum EmptySequences: String, Sendable, CaseIterable { case count, exclude }

  package var aggregation: Aggregation
  package var emptySequences: EmptySequences
  /// token-mean: N, where the step is a part of a larger batch; nil = the tokens of the step.
  package var normalizerTokens: Int?
  /// seq-mean-token-sum-norm: C; nil = the response limit handed to ``callAsFunction(lengths:responseLimit:)``.
  package var normConstant: Double?

  package init(
    _ aggregation: Aggregation, emptySequences: EmptySequences = .count, normalizerTokens: Int? = nil,
    normConstant: Double? = nil
  ) {
    self.aggregation = aggregation
    self.emptySequences = emptySequences
    self.normalizerTokens = normalizerTokens
    self.normConstant = normConstant
  }

  /// The weights of a step.
  ///
  /// - Parameters:
  ///   - lengths: trained tokens of ALL sequences of the step, in order (0 for an empty or wholly masked one).
  ///   - responseLimit: the longest response that generation allows, Dr. GRPO's constant.
  ///   - groups: the group of each sequence, for group-mean; nil = each its own.
  ///   - microBatches: the sequences of each micro-batch, for bnpo; nil = one.
  package func callAsFunction(
    lengths: [Int], responseLimit: Int, groups: [Int]? = nil, microBatches: [[Int]]? = nil
  ) -> StepWeights {
    let tokens = lengths.reduce(0, +)
    let filled = lengths.count { $0 > 0 }
    let sequences = Double(emptySequences == .exclude ? filled : lengths.count)
    var weights = [Double](repeating: 0, count: lengths.count)
    var ofSequences = [Double](repeating: lengths.isEmpty ? 0 : 1 / Double(lengths.count), count: lengths.count)
    for (index, length) in lengths.enumerated() where length > 0 {
      switch aggregation {
      case .tokenMean: weights[index] = 1 / Double(max(normalizerTokens ?? tokens, 1))
      case .seqMeanTokenMean: weights[index] = 1 / (sequences * Double(length))
      case .seqMeanTokenSum: weights[index] = 1 / sequences
      case .seqMeanTokenSumNorm: weights[index] = 1 / (sequences * (normConstant ?? Double(max(responseLimit, 1))))
      case .bnpo, .groupMean: break
      }
    }
    if aggregation == .bnpo {
      let parts = microBatches ?? [Array(lengths.indices)]
      for part in parts {
        let total = part.reduce(0) { $0 + lengths[$1] }
        for index in part where lengths[index] > 0 { weights[index] = 1 / (Double(parts.count) * Double(total)) }
      }
    }
    if aggregation == .groupMean {
      let members = memberships(groups ?? Array(lengths.indices))
      for group in members {
        for index in group {
          ofSequences[index] = 1 / (Double(members.count) * Double(group.count))
          if lengths[index] > 0 { weights[index] = ofSequences[index] }
        }
      }
    }
    return StepWeights(
      perSequence: weights, tokenMean: tokens > 0 ? 1 / Double(tokens) : 0, tokens: tokens, ofSequences: ofSequences)
  }
}

/// The token weights of one whole step.
package struct StepWeights: Equatable, Sendable {
  /// The weight of every trained token of sequence i. Tokens that do not train get 0.
  package var perSequence: [Double]
  /// 1 / N: the weight of a token in a mean over all trained tokens of the step.
  package var tokenMean: Double
  /// Trained tokens of the step, N.
  package var tokens: Int
  /// The weight of sequence i in a loss of whole sequences: 1 / B, or group-mean's.
  package var ofSequences: [Double]
  /// The pairs of the step with their weights, for losses on pairs.
  package var pairs: [Pair]

  package init(
    perSequence: [Double], tokenMean: Double, tokens: Int, ofSequences: [Double] = [], pairs: [Pair] = []
  ) {
    self.perSequence = perSequence
    self.tokenMean = tokenMean
    self.tokens = tokens
    self.ofSequences = ofSequences
    self.pairs = pairs
  }

  /// The weights of some sequences, by their places, in another order: a sequence that is left out because it has no
  /// trained token still counts in the means that were taken over it.
  package func of(_ places: [Int]) -> StepWeights {
    var some = self
    some.perSequence = places.map { perSequence[$0] }
    some.ofSequences = places.map { ofSequences[$0] }
    return some
  }

  /// The weight of one token of sequence i.
  package func weight(sequence: Int, trains: Bool = true) -> Double {
    trains ? perSequence[sequence] : 0
  }
}
