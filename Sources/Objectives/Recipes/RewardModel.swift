extension Recipe {
  /// Reward model: Bradley-Terry on pairs, a score at the last token of each response.
  ///
  /// trl: `RewardTrainer`, no centring; centred: `center_rewards_coefficient=0.01`, as advised; instructgpt: all pairs of
  /// a prompt weigh as one, 1/(K choose 2) (arXiv 2203.02155, eq. 1). That the demonstrations' mean score is 0 is a
  /// constant of the model, subtracted after training.
  @Sendable static func rewardModel(preset: String) -> Recipe? {
    let loss: RewardModelLoss? =
      switch preset {
      case "trl": RewardModelLoss()
      case "centred": RewardModelLoss(center: 0.01)
      case "instructgpt": RewardModelLoss(pairWeights: .prompt)
      default: nil
      }
    return loss.map { loss in
      Recipe(name: "reward-model", preset: preset, data: .pairs, loss: .rewardModel(loss)).with {
        if preset == "instructgpt" { $0.pairRule = PairRule(.margin) }
      }
    }
  }
}
