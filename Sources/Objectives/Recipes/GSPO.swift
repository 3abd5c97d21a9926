extension Recipe {
  /// GSPO (arXiv 2507.18071): GRPO with one weight per response, the exponential of the mean log-ratio of its tokens,
  /// clipped to [1 − 3e-4, 1 + 4e-4].
  ///
  /// trl: `importance_sampling_level=sequence`, `loss_type=grpo`; verl: `loss_mode=gspo` (no dual clip there either).
  /// verl's form sg[s] · π/sg[π] has the same value and gradient.
  @Sendable static func gspo(preset: String) -> Recipe? {
    let loss = PolicyLoss(low: 3e-4, high: 4e-4).with { $0.ratioLevel = .sequenceMean }
    switch preset {
    case "trl":
      return Recipe(
        name: "gspo", preset: preset, advantage: .groupNormalization(.trl), weights: Weights(.seqMeanTokenMean),
        loss: .policy(loss))
    case "verl":
      return Recipe(
        name: "gspo", preset: preset, advantage: .groupNormalization(.verl),
        weights: Weights(.seqMeanTokenMean, emptySequences: .exclude),
        loss: .policy(loss.with { $0.entropyAggregation = .same }))
    default: return nil
    }
  }
}
