internal import Objectives
internal import Rewards

/// `pairwise`: each response against one of its own group, drawn at random, by a reward model's scores (Writing-Zero,
/// arXiv 2506.00103): +1 where it is better, −1 where it is worse, 0 for a tie and for the drawn one itself.
///
/// It draws whom `--recipe brpo` draws with the same seed.
struct PairwiseScorer: ModelScorer {
  let name = "pairwise"
  let version = 1
  let rewardModel: RewardModel
  /// Scores that differ by no more are a tie.
  let margin: Double
  let seed: Int
  let parameters: [(name: String, value: String)]

  init(_ rewardModel: RewardModel, margin: Double, seed: Int) {
    (self.rewardModel, self.margin, self.seed) = (rewardModel, margin, seed)
    parameters = rewardModel.parameters + [("margin", "\(margin)"), ("seed", "\(seed)")]
  }

  var model: ScoringModel { rewardModel.model }
  var needs: RewardNeeds { rewardModel.needs }

  func score(groups: [[RewardInput]]) throws -> [[RewardOutput]] {
    zip(groups, try rewardModel.scores(groups)).map { group, scores in
      guard let first = group.first else { return [] }
      let drawn = BRPO.reference(
        of: group.count, group: first.group, seed: UInt64(seed) &+ UInt64(max(0, first.step)))
      return scores.map { own in
        guard let own, let reference = scores[drawn] else { return RewardOutput(nil) }
        let difference = own - reference
        return RewardOutput(difference > margin ? 1 : difference < -margin ? -1 : 0)
      }
    }
  }

  static func entry(_ context: ScoringContext) -> RewardRegistry.Entry {
    let margin = (key: "margin", explanation: "scores that differ by no more are a tie, 0")
    return RewardRegistry.Entry(
      name: "pairwise", summary: "1, 0 or -1 against a random response of the group, by a model",
      keys: [margin] + RewardModel.keys, mainKey: "path"
    ) { options in
      let margin = try options.number("margin") ?? 0
      guard margin >= 0 else { throw RewardError("pairwise: margin=\(margin): expected 0 or more") }
      return PairwiseScorer(try RewardModel("pairwise", options, context), margin: margin, seed: context.seed)
    }
  }
}
