extension Recipe {
  /// Dr. GRPO (arXiv 2503.20783): centred rewards without division, and a constant instead of the response's length,
  /// so that neither easy prompts nor long wrong answers weigh more; no KL.
  ///
  /// Both presets take A = r − mean and 1/(B · response limit). trl: `loss_type=dr_grpo`, `scale_rewards=none`;
  /// verl: `norm_adv_by_std_in_grpo=False`, `seq-mean-token-sum-norm`, dual clip 3, a single response keeps its reward.
  @Sendable static func drGRPO(preset: String) -> Recipe? {
    switch preset {
    case "trl":
      Recipe(
        name: "dr-grpo", preset: preset, advantage: .groupNormalization(.trlScaleNone),
        weights: Weights(.seqMeanTokenSumNorm), loss: .policy(PolicyLoss()))
    case "verl":
      Recipe(
        name: "dr-grpo", preset: preset, advantage: .groupNormalization(.verlNoStd),
        weights: Weights(.seqMeanTokenSumNorm, emptySequences: .exclude),
        loss: .policy(PolicyLoss(dualClip: 3, entropyAggregation: .same)))
    default: nil
    }
  }
}
