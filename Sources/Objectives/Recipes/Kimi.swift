extension Recipe {
  /// Kimi k1.5's online mirror descent (arXiv 2501.12599, §2.3.2), mean over responses, then prompts.
  ///
  /// paper: the loss whose gradient is the published update; squared: the squared loss it is derived from, 2τ times the
  /// gradient. Both with the mean reward as τ log Z; `kimi_baseline=log_mean_exp` is the other estimate.
  @Sendable static func kimi(preset: String) -> Recipe? {
    let form: KimiLoss.Form? = preset == "paper" ? .surrogate : preset == "squared" ? .squared : nil
    return form.map {
      Recipe(
        name: "kimi", preset: preset, advantage: .kimi, weights: Weights(.groupMean), loss: .kimi(KimiLoss($0)))
    }
  }
}
