internal import Formats
internal import Rewards

/// A reward that a model computes.
protocol ModelScorer: Scorer {
  var model: ScoringModel { get }
}

extension ModelScorer {
  /// What computes, in words, for provenance.
  var kernels: String { model.kernels }
  var threads: Int { model.threads }
  /// The weights, for provenance.
  var input: Manifest.Input { model.input }
}

/// The rewards that are models' (docs/model-rewards.md).
enum ModelRewards {
  static func entries(_ context: ScoringContext) -> [RewardRegistry.Entry] {
    [
      RewardModelScorer.entry(context), PairwiseScorer.entry(context), LogprobScorer.logprob(context),
      LogprobScorer.divergence(context), ValueScorer.entry(context),
    ]
  }

  static let pathKey = (key: "path", explanation: "a model folder, 'step:N' or 'latest'")
  static let engineKeys = [
    (key: "precision", explanation: "f32, bf16; default: as the rollouts were sampled"),
    (key: "batch-tokens", explanation: "tokens computed at a time, 2048"),
  ]
}
