extension Recipe {
  /// GRPO (DeepSeekMath, arXiv 2402.03300): z-scored rewards of a group as the advantage of every token, PPO's clip,
  /// KL to the reference in the loss.
  ///
  /// | preset | advantage | aggregation | clip | KL |
  /// |---|---|---|---|---|
  /// | trl | ddof 1, eps 1e-4 | seq-mean-token-mean (`loss_type=grpo`) | 0.2 | off (k3) |
  /// | verl | ddof 1, eps 1e-6, a single response keeps its reward | token-mean | 0.2, dual clip 3 | 0.001 k3 |
  /// | openrlhf | ddof 1, eps 1e-9 | token-mean | 0.2 | off (k3) |
  /// | gdpo | each reward of its own, then their sum over the batch (``MultiReward``) | as trl | 0.2 | off (k3) |
  ///
  /// The paper has no eps and β = 0.04. verl's KL is off until `use_kl_loss` is set, as its GRPO guide asks for.
  @Sendable static func grpo(preset: String) -> Recipe? {
    switch preset {
    case "trl":
      Recipe(
        name: "grpo", preset: preset, advantage: .groupNormalization(.trl), weights: Weights(.seqMeanTokenMean),
        loss: .policy(PolicyLoss()))
    case "verl":
      Recipe(
        name: "grpo", preset: preset, advantage: .groupNormalization(.verl),
        weights: Weights(.tokenMean, emptySequences: .exclude),
        loss: .policy(PolicyLoss(dualClip: 3, kl: 0.001, entropyAggregation: .same)))
    case "openrlhf":
      Recipe(
        name: "grpo", preset: preset, advantage: .groupNormalization(.openrlhf), weights: Weights(.tokenMean),
        loss: .policy(PolicyLoss()))
    case "gdpo":
      Recipe(
        name: "grpo", preset: preset, advantage: .multiReward(MultiReward(.normalizeThenSum)),
        weights: Weights(.seqMeanTokenMean), loss: .policy(PolicyLoss()))
    default: nil
    }
  }
}
