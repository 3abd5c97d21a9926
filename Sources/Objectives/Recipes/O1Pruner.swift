extension Recipe {
  /// O1-Pruner (arXiv 2501.12570): off-line PPO on whole responses of the reference model, rewarded for being shorter
  /// than it and no less correct (``LengthHarmonizing``, λ = 2); mean over responses, clip 0.2.
  ///
  /// paper: the ratio of sequence probabilities; released: its length-averaged form, R clipped to [−2, 4] and z-scored
  /// (`construct_dataset.py`, `train/wsft/trainer.py`). Deviation: the released code keeps 2 of K samples; that is a
  /// choice of rollouts.
  @Sendable static func o1Pruner(preset: String) -> Recipe? {
    func make(_ harmonizing: LengthHarmonizing, _ level: PolicyLoss.RatioLevel) -> Recipe {
      Recipe(
        name: "o1-pruner", preset: preset, advantage: .lengthHarmonizing(harmonizing),
        weights: Weights(.seqMeanTokenMean),
        loss: .policy(
          PolicyLoss().with {
            $0.ratioLevel = level
            $0.denominator = .reference
          }))
    }
    switch preset {
    case "paper": return make(LengthHarmonizing(), .sequenceSum)
    case "released":
      return make(LengthHarmonizing(clipLow: -2, clipHigh: 4, standardize: true), .sequenceMean)
    default: return nil
    }
  }
}
