/// Discounted rewards to go, Gₜ = rₜ + γ Gₜ₊₁ over the unmasked tokens; 0 at masked ones, which neither add a reward
/// nor discount.
package func rewardsToGo(_ rewards: [[Double]], mask: [[Bool]], gamma: Double) -> [[Double]] {
  zip(rewards, mask).map { row, mask in
    var returns = [Double](repeating: 0, count: row.count)
    var running = 0.0
    for t in row.indices.reversed() where mask[t] {
      running = row[t] + gamma * running
      returns[t] = running
    }
    return returns
  }
}

/// ReMax (arXiv 2310.10505): Aₜ = rewards to go − the reward of the greedy response to the same prompt. Peer: verl
/// `compute_remax_outcome_advantage`.
package func greedyAdvantages(
  _ tokenRewards: [[Double]], greedy: [Double], mask: [[Bool]]
) -> (advantages: [[Double]], returns: [[Double]]) {
  let returns = rewardsToGo(tokenRewards, mask: mask, gamma: 1)
  let advantages = returns.indices.map { row in
    zip(returns[row], mask[row]).map { $1 ? $0 - greedy[row] : 0 }
  }
  return (advantages, returns)
}

/// REINFORCE++ (arXiv 2501.03262): A = whiten(G), the discounted rewards to go over all tokens of the step. Peers: verl
/// `compute_reinforce_plus_plus_outcome_advantage`, OpenRLHF's estimator `reinforce`.
package struct WhitenedReturns: Equatable, Sendable {
  package var gamma: Double
  package var whitening: Whitening

  package init(gamma: Double = 1, whitening: Whitening = .verl) {
    self.gamma = gamma
    self.whitening = whitening
  }

  package func callAsFunction(
    _ tokenRewards: [[Double]], mask: [[Bool]]
  ) -> (advantages: [[Double]], returns: [[Double]]) {
    let returns = rewardsToGo(tokenRewards, mask: mask, gamma: gamma)
    return (whitening(returns, mask: mask), returns)
  }
}

/// REINFORCE++ with a baseline: r − mean of the group (r for a group of one) on every token, then whitened over the
/// tokens of the step, so that long responses weigh more in mean and deviation. Peers: verl
/// `compute_reinforce_plus_plus_baseline_outcome_advantage`, OpenRLHF `reinforce_baseline`.
package struct WhitenedGroupMean: Equatable, Sendable {
  package var whitening: Whitening

  package init(whitening: Whitening = .verl) { self.whitening = whitening }

  package func callAsFunction(
    rewards: [Double?], groups: [Int], mask: [[Bool]]
  ) -> (advantages: [[Double]], centered: [Double]) {
    let center = GroupNormalization(ddof: 0, eps: 0, scale: .none, singleton: .raw)
    let centered = center(rewards: rewards, groups: groups).advantages
    let scored = zip(mask, rewards).map { row, reward in row.map { $0 && reward != nil } }
    let rows = zip(centered, mask).map { value, row in row.map { _ in value } }
    return (whitening(rows, mask: scored), centered)
  }
}
