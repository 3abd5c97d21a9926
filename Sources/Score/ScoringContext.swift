internal import Rewards

/// What rewards that are no pure functions run in.
struct ScoringContext: Sendable {
  /// Threads to compute with, and processes or requests at once.
  var threads: Int
  /// No notes on standard error.
  var quiet: Bool
  /// The seed of random draws.
  var seed: Int
  /// Run what models wrote without a sandbox (`--unsafe-code`).
  var unsafeCode = false
}

extension RewardRegistry {
  /// All rewards there are: the pure ones, and programs, models and servers.
  static func all(_ context: ScoringContext) -> RewardRegistry { RewardRegistry(adding: external(context)) }

  /// Add a reward that is no pure function here.
  static func external(_ context: ScoringContext) -> [Entry] {
    [CodeReward.entry(context)]
  }
}
