// What the index answers with. Plain values, no database types.

/// What `ingest` did.
package struct IngestReport: Equatable, Sendable {
  /// Manifests taken in or taken in again because they changed.
  package var added = 0
  /// Manifests that are gone from the disk and so from the index.
  package var removed = 0
  /// What could not be taken in and why, as `place: message`. Nothing else suffers from it.
  package var warnings: [String] = []

  package init() {}
}

/// A published shard.
package struct ShardRecord: Equatable, Sendable {
  /// Relative to the buffer.
  package var path: String
  package var kind: Manifest.Kind
  package var step: Int
  package var part: Int
  package var set: String?
  package var rows: Int
  package var batches: Int
  package var bytes: Int
  package var digest: String
  package var complete: Bool
  /// The action that made it.
  package var stage: String
  package var finished: String
  package var summary: [String: Double]
}

/// A published checkpoint.
package struct CheckpointRecord: Equatable, Sendable {
  /// Relative to the buffer.
  package var path: String
  package var step: Int
  package var bytes: Int
  package var digest: String
  package var finished: String
  package var summary: [String: Double]
}

/// What the buffer holds of a step.
package struct StepSummary: Equatable, Sendable {
  package var step: Int
  package var rollouts: Int
  package var prompts: Int
  package var rolloutShards: Int
  /// Score sets, by name.
  package var scoreSets: [String]
  package var updates: Int
  /// Whether checkpoint `step` (the policy that its rollouts were sampled from) is stored.
  package var hasCheckpoint: Bool
  /// Whether training on the step has published its updates, or checkpoint `step + 1`: either may be cleared away.
  package var isTrained: Bool
  /// Bytes of the step's shards.
  package var bytes: Int
}

/// A rollout's row in the index, and where its shard holds it.
package struct RolloutRecord: Equatable, Sendable {
  package var id: RolloutID
  package var step: Int
  package var group: Int
  package var sample: Int
  package var kind: String
  package var prompt: String
  package var task: String?
  package var promptLength: Int
  package var responseLength: Int
  package var finish: String
  package var policy: String
  package var policyStep: Int?
  /// Path of the shard relative to the buffer, batch in it, row in the batch.
  package var shard: String
  package var batch: Int
  package var row: Int

  /// STEP/PROMPT/SAMPLE
  package var address: String { "\(step)/\(prompt)/\(sample)" }
  /// 32 hex digits.
  package var hexID: String { id.hex }
}

/// The score of a rollout in one set.
package struct ScoreRecord: Equatable, Sendable {
  package var set: String
  package var rollout: RolloutID
  package var reward: Double?
  /// In the order of the score shard; nil where a component had nothing to say.
  package var components: [(name: String, value: Double?)]
  package var shard: String
  package var batch: Int
  package var row: Int

  package static func == (a: ScoreRecord, b: ScoreRecord) -> Bool {
    a.set == b.set && a.rollout == b.rollout && a.reward == b.reward && a.shard == b.shard && a.batch == b.batch
      && a.row == b.row && a.components.map(\.name) == b.components.map(\.name)
      && a.components.map(\.value) == b.components.map(\.value)
  }
}

/// The row of a rollout in an update shard.
package struct UpdateRecord: Equatable, Sendable {
  package var rollout: RolloutID
  /// The training step, which may be a later one than the rollout's.
  package var step: Int
  package var tokens: Int
  package var advantage: Double?
  package var ratioMean: Double?
  package var ratioMin: Double?
  package var ratioMax: Double?
  package var clippedLow: Int
  package var clippedHigh: Int
  package var mismatchMax: Double?
  package var referenceKL: Double?
  package var shard: String
  package var batch: Int
  package var row: Int
}

/// A step in numbers. Nil: nothing is known of it (no scores, not trained yet).
package struct StepStatistics: Equatable, Sendable {
  package var step: Int
  package var rollouts: Int
  package var groups: Int
  /// Rollouts with a reward in the score set.
  package var scored: Int
  package var rewardMean: Double?
  /// Share of scored rollouts that the verifier accepts.
  package var passRate: Double?
  /// Its standard error over groups; nil with fewer than two groups.
  package var passError: Double?
  /// Share of scored rollouts in the asked-for format.
  package var formatRate: Double?
  /// Tokens.
  package var responseLengthMean: Double?
  /// Share of responses cut off at the length limit.
  package var truncatedShare: Double?
  /// Share of groups (of two and more scored rollouts) whose rewards are all equal: no gradient from them.
  package var zeroVarianceShare: Double?
  /// From the reference, which is the start of the run unless another was chosen.
  package var kl: Double?
  /// Response tokens a second while generating.
  package var tokensPerSecond: Double?
  /// Seconds of work on the step by all stages.
  package var seconds: Double?
  /// The step's numbers in metrics.jsonl, as `stage/name`.
  package var metrics: [String: Double]
}
