internal import Formats
internal import Pipeline

/// Counts what has been sampled, for the progress line and the manifest's summary.
struct Meter {
  private var progress: Progress
  private var rollouts = 0
  private var tokens = 0
  private let start: Double
  // Of the shard at work.
  private var shardStart = 0.0
  private var shardTokens = 0.0
  private var keptTokens = 0.0
  private var shardRows = 0.0
  private var shardTruncated = 0.0

  init(_ options: StageOptions, total: Int) {
    progress = Progress("generate", options, total: total, unit: "rollouts")
    start = Timestamp.steady
  }

  mutating func begin() {
    shardStart = Timestamp.steady
    (shardTokens, keptTokens, shardRows, shardTruncated) = (0, 0, 0, 0)
  }

  mutating func count(tokens count: Int) {
    tokens += count
    progress.update(rollouts, [("tok/s", Format.brief(Double(tokens) / max(Timestamp.steady - start, 1e-9)))])
  }

  /// Rollouts that an earlier run left in staging: they count, but not for the speed.
  mutating func recovered(_ rows: [Rollout]) {
    keptTokens += rows.reduce(0) { $0 + Double($1.responseTokens.count) }
    finished(rows)
  }

  mutating func finished(_ group: [Rollout]) {
    rollouts += group.count
    for rollout in group {
      shardTokens += Double(rollout.responseTokens.count)
      shardTruncated += rollout.finishReason == .length ? 1 : 0
    }
    shardRows += Double(group.count)
  }

  mutating func finish() { progress.finish() }

  var summary: [String: Double] {
    let seconds = Timestamp.steady - shardStart
    return [
      "response_tokens": shardTokens, "response_length_mean": shardTokens / max(shardRows, 1),
      "truncated_share": shardTruncated / max(shardRows, 1), "seconds": seconds,
      "tokens_per_second": (shardTokens - keptTokens) / max(seconds, 1e-9),
    ]
  }
}
