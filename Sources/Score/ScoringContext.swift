internal import Rewards

/// What rewards that are no pure functions run in.
struct ScoringContext: Sendable {
  /// Threads to compute with, and processes or requests at once.
  var threads: Int
  /// No notes on standard error.
  var quiet: Bool
  /// The seed of random draws.
  var seed: Int
  /// The folder of the rollouts; nil where only the list of rewards is wanted.
  var buffer: String?
  var step = 0
  /// Run what models wrote without a sandbox (`--unsafe-code`).
  var unsafeCode = false
  /// The models that rewards ask.
  let models = ModelShelf()
}

extension RewardRegistry {
  /// All rewards there are: the pure ones, and programs, models and servers.
  static func all(_ context: ScoringContext) -> RewardRegistry { RewardRegistry(adding: external(context)) }

  /// Add a reward that is no pure function here.
  static func external(_ context: ScoringContext) -> [Entry] {
    ModelRewards.entries(context)
      + [
        CommandReward.entry(context), RemoteReward.entry(context), JudgeReward.entry(context), CodeReward.entry(context),
      ]
  }
}
