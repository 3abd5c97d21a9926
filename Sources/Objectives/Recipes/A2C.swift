extension Recipe {
  /// Advantage actor-critic (A3C, arXiv 1602.01783, synchronous): −A log π + ½ · 0.5 (V − target)² − 0.01 H, token mean.
  ///
  /// td: the one-step TD error with γ = 0.99 (λ = 0; target r + γ V′); gae: GAE with γ = 1, λ = 0.95; off-policy: td with
  /// the weight π/μ against the sampler, cut at 1 as in V-trace's policy gradient (arXiv 1802.01561; the values are not
  /// corrected here).
  @Sendable static func a2c(preset: String) -> Recipe? {
    let recipe = Recipe(
      name: "a2c", preset: preset, advantage: .gae(GAE(gamma: 0.99, lambda: 0)),
      loss: .policy(PolicyLoss(.reinforce, entropy: 0.01))
    ).with { $0.value = ValueLoss(coefficient: 0.5) }
    switch preset {
    case "td": return recipe
    case "gae": return recipe.with { $0.advantage = .gae(GAE(gamma: 1, lambda: 0.95)) }
    case "off-policy":
      return recipe.with {
        $0.policy = PolicyLoss(.cispo, entropy: 0.01).with {
          $0.cispoCap = 1
          $0.denominator = .behaviour
        }
      }
    default: return nil
    }
  }
}
