internal import Formats
internal import Rewards

/// Rewards that remember rows are given each row of a step once, in order, by one run.
extension ShardScoring {
  /// - Throws: `usage` for a share of the shards, and where some of them are scored and some are not.
  func checkHistory(_ shards: [Manifest], isShare: Bool) throws {
    guard rewards.isStateful else { return }
    guard !isShare else {
      throw RollbookError.usage(
        "a stateful reward must see all rows of the step, in order", hint: "leave out --shards")
    }
    let done = try shards.filter(isDone)
    guard done.isEmpty || done.count == shards.count else {
      throw RollbookError.usage(
        "score set '\(set)' of step \(step): \(done.count) of \(shards.count) shards are scored, and what its stateful "
          + "reward remembered of them is gone", hint: "score the step into another set with --scores")
    }
  }

  /// - Throws: `usage` where an interrupted run has kept rows of the shard.
  func checkResumption(of shard: Manifest, rows: Int) throws {
    guard rewards.isStateful, rows > 0 else { return }
    throw RollbookError.usage(
      "\(shard.name): \(rows) of \(shard.rows) scores are kept of a run that was interrupted, and what its stateful reward "
        + "remembered of them is gone", hint: "--restart scores them again, from the first row on")
  }
}
