internal import Rewards

/// `model`: what a reward model says of a response, after its prompt.
struct RewardModelScorer: ModelScorer {
  let name = "model"
  let version = 1
  let rewardModel: RewardModel
  let parameters: [(name: String, value: String)]

  init(_ rewardModel: RewardModel) {
    self.rewardModel = rewardModel
    parameters = rewardModel.parameters
  }

  var model: ScoringModel { rewardModel.model }
  var needs: RewardNeeds { rewardModel.needs }

  func score(groups: [[RewardInput]]) throws -> [[RewardOutput]] {
    try rewardModel.scores(groups).map { $0.map { RewardOutput($0) } }
  }

  static func entry(_ context: ScoringContext) -> RewardRegistry.Entry {
    RewardRegistry.Entry(
      name: "model", summary: "a reward model's score of the response", keys: RewardModel.keys, mainKey: "path"
    ) { RewardModelScorer(try RewardModel("model", $0, context)) }
  }
}
