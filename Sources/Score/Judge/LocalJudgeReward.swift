internal import Rewards

/// `judge:path=…`: the judge is a model of this process, whose weights and kernels are provenance.
struct LocalJudgeReward: ModelScorer {
  let model: ScoringModel
  private let judge: JudgeReward

  init(_ options: RewardOptions, _ context: ScoringContext) throws {
    let backend = try LocalJudge(options, context)
    model = backend.model
    judge = try JudgeReward(options, context, backend)
  }

  var name: String { judge.name }
  var version: Int { judge.version }
  var parameters: [(name: String, value: String)] { judge.parameters }
  var needs: RewardNeeds { judge.needs }
  var rowsAtOnce: Int { judge.rowsAtOnce }

  func score(groups: [[RewardInput]]) throws -> [[RewardOutput]] { try judge.score(groups: groups) }
}
