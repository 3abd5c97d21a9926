/// One comparison: a response preferred to another, as indices of sequences of the step.
package struct Pair: Equatable, Sendable {
  package var chosen: Int
  package var rejected: Int
  /// By how much it is preferred, for reward models that ask for as much (Llama 2, arXiv 2307.09288); 0 = not said.
  package var margin: Double
  /// Its share of the loss, from ``PairWeights``.
  package var weight: Double

  package init(chosen: Int, rejected: Int, margin: Double = 0, weight: Double = 0) {
    self.chosen = chosen
    self.rejected = rejected
    self.margin = margin
    self.weight = weight
  }
}

/// How pairs are weighted: all the same, or all prompts the same, whose K responses make K(K − 1)/2 pairs (InstructGPT,
/// arXiv 2203.02155, eq. 1).
package enum PairWeights: String, Sendable, CaseIterable {
  case pair, prompt

  /// The pairs with the weights of the step they are in.
  package func callAsFunction(_ pairs: [Pair], groups: [Int]) -> [Pair] {
    var perPrompt: [Int: Int] = [:]
    for pair in pairs { perPrompt[groups[pair.chosen], default: 0] += 1 }
    return pairs.map { pair in
      var pair = pair
      switch self {
      case .pair: pair.weight = 1 / Double(pairs.count)
      case .prompt: pair.weight = 1 / (Double(perPrompt.count) * Double(perPrompt[groups[pair.chosen]] ?? 1))
      }
      return pair
    }
  }
}

/// How pairs are made from the scored responses of a group.
///
///     best-worst  the first of the highest against the first of the lowest reward: one pair per group
///     threshold   every response with a reward of at least `threshold` against every one below it
///     margin      every two responses whose rewards differ, the higher one chosen
///
/// All of them: only where the rewards differ by at least `margin`, and by more than 0; unscored responses take no part;
/// the difference is the pair's margin. Order: by group, then chosen, then rejected.
package struct PairRule: Equatable, Sendable {
  package enum Kind: String, Sendable, CaseIterable {
    case bestWorst = "best-worst"
    case threshold, margin
  }

  package var kind: Kind
  package var threshold: Double
  package var margin: Double

  package init(_ kind: Kind = .bestWorst, threshold: Double = 0.5, margin: Double = 0) {
    self.kind = kind
    self.threshold = threshold
    self.margin = margin
  }

  package func callAsFunction(rewards: [Double?], groups: [Int]) -> [Pair] {
    memberships(groups).flatMap { group -> [Pair] in
      let scored = group.compactMap { index in rewards[index].map { (index: index, reward: $0) } }
      func pair(_ chosen: (index: Int, reward: Double), _ rejected: (index: Int, reward: Double)) -> Pair? {
        let difference = chosen.reward - rejected.reward
        guard difference > 0, difference >= margin else { return nil }
        return Pair(chosen: chosen.index, rejected: rejected.index, margin: difference)
      }
      if kind == .bestWorst {
        guard var best = scored.first, var worst = scored.first else { return [] }
        for response in scored {
          if response.reward > best.reward { best = response }
          if response.reward < worst.reward { worst = response }
        }
        return pair(best, worst).map { [$0] } ?? []
      }
      return scored.flatMap { chosen in
        scored.compactMap { rejected in
          if kind == .threshold, chosen.reward < threshold || rejected.reward >= threshold { return nil }
          return pair(chosen, rejected)
        }
      }
    }
  }
}
