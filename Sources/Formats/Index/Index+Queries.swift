import Foundation
import GRDB

// What the buffer holds, from the index alone.

extension Index {
  /// Published shards by kind, step, set and part; nil arguments select all.
  package func shards(kind: Manifest.Kind? = nil, step: Int? = nil, set: String? = nil) throws -> [ShardRecord] {
    try read { database in
      let summaries = try Self.summaries(database)
      let rows = try Row.fetchAll(
        database,
        sql: """
          SELECT path, kind, step, part, score_set, rows, batches, bytes, digest, complete, stage, finished
          FROM outputs JOIN action_rows a ON a.output = id
          WHERE kind <> 'checkpoint' AND (:kind IS NULL OR kind = :kind) AND (:step IS NULL OR step = :step)
            AND (:set IS NULL OR score_set = :set)
          ORDER BY step, kind, score_set, part, path
          """,
        arguments: ["kind": kind?.rawValue, "step": step, "set": set])
      return rows.map { row in
        ShardRecord(
          path: row["path"], kind: Manifest.Kind(rawValue: row["kind"]) ?? .rollouts, step: row["step"],
          part: row["part"], set: row["score_set"], rows: row["rows"], batches: row["batches"], bytes: row["bytes"],
          digest: row["digest"], complete: row["complete"], stage: row["stage"], finished: row["finished"],
          summary: summaries[row["path"]] ?? [:])
      }
    }
  }

  /// Published checkpoints by step.
  package func checkpoints() throws -> [CheckpointRecord] {
    try read { database in
      let summaries = try Self.summaries(database)
      let rows = try Row.fetchAll(
        database,
        sql: """
          SELECT path, step, bytes, digest, finished FROM outputs JOIN action_rows a ON a.output = id
          WHERE kind = 'checkpoint' ORDER BY step, path
          """)
      return rows.map { row in
        CheckpointRecord(
          path: row["path"], step: row["step"], bytes: row["bytes"], digest: row["digest"], finished: row["finished"],
          summary: summaries[row["path"]] ?? [:])
      }
    }
  }

  private static func summaries(_ database: Database) throws -> [String: [String: Double]] {
    var summaries: [String: [String: Double]] = [:]
    for row in try Row.fetchAll(database, sql: "SELECT path, name, value FROM summaries JOIN outputs ON id = output") {
      summaries[row[0], default: [:]][row[1]] = row[2] ?? Double.nan
    }
    return summaries
  }

  /// The steps of which anything is stored, in order.
  package func steps() throws -> [StepSummary] {
    try read { database in
      let rows = try Row.fetchAll(
        database,
        sql: """
          WITH stored AS (
            SELECT step, sum(bytes) FILTER (WHERE kind <> 'checkpoint') AS bytes,
              sum(kind = 'rollouts') AS rollout_shards, sum(kind = 'updates') AS update_shards,
              sum(kind = 'checkpoint') AS checkpoints,
              json_group_array(DISTINCT score_set) FILTER (WHERE kind = 'scores') AS score_sets
            FROM outputs GROUP BY step)
          SELECT s.*, coalesce(r.rollouts, 0) AS rollouts, coalesce(r.prompts, 0) AS prompts,
            coalesce(u.updates, 0) AS updates, checkpoints > 0 AS has_checkpoint,
            update_shards > 0 OR EXISTS (SELECT 1 FROM outputs o WHERE o.kind = 'checkpoint' AND o.step = s.step + 1)
              AS is_trained
          FROM stored s LEFT JOIN step_rollouts r ON r.step = s.step LEFT JOIN step_updates u ON u.step = s.step
          ORDER BY s.step
          """)
      return try rows.map { row in
        let sets = try JSON.parse(row["score_sets"] as String).array ?? []
        return StepSummary(
          step: row["step"], rollouts: row["rollouts"], prompts: row["prompts"], rolloutShards: row["rollout_shards"],
          scoreSets: sets.compactMap(\.string).sorted(), updates: row["updates"], hasCheckpoint: row["has_checkpoint"],
          isTrained: row["is_trained"], bytes: row["bytes"] ?? 0)
      }
    }
  }

  /// Names of the score sets, sorted.
  package func scoreSets() throws -> [String] {
    try read {
      try String.fetchAll(
        $0, sql: "SELECT DISTINCT score_set FROM outputs WHERE kind = 'scores' AND score_set IS NOT NULL ORDER BY 1")
    }
  }

  /// The set that commands use when none is named: `main`, else the only or first one, else nil.
  package func defaultScoreSet() throws -> String? {
    let sets = try scoreSets()
    return sets.contains("main") ? "main" : sets.first
  }

  /// Rollouts of a step, in the order of groups and samples.
  package func rollouts(step: Int) throws -> [RolloutRecord] {
    try read { try Self.rollouts($0, "r.step = ?", [step]) }
  }

  /// The rollouts that compete with one, itself included, by sample.
  package func group(of rollout: RolloutRecord) throws -> [RolloutRecord] {
    try read {
      try Self.rollouts(
        $0, "r.step = ? AND r.prompt = ? AND r.prompt_group = ?",
        [rollout.step, Self.key(rollout.prompt), rollout.group])
    }
  }

  static func rollouts(
    _ database: Database, _ condition: String, _ arguments: StatementArguments, limit: Int = -1
  ) throws -> [RolloutRecord] {
    try Row.fetchAll(
      // Sorted afterwards: an index that finds a few rows beats one that has a whole step's in order.
      database, sql: "\(rolloutQuery()) WHERE \(condition) ORDER BY +\(rolloutOrder) LIMIT \(limit)",
      arguments: arguments
    ).map { try rollout($0) }
  }

  /// From rows `r`: the columns that `rollout` reads, and others behind them.
  static func rolloutQuery(_ others: String = "", join: String = "") -> String {
    """
    SELECT o.path, r.batch, r.row, r.id, r.step, r.prompt_group, r.sample, r.kind, p.text, t.text, r.prompt_length,
      r.response_length, r.finish, w.text, r.policy_step\(others)
    FROM rollout_rows r LEFT JOIN texts p ON p.id = r.prompt LEFT JOIN texts t ON t.id = r.task
      LEFT JOIN texts w ON w.id = r.policy LEFT JOIN outputs o ON o.id = r.shard \(join)
    """
  }

  /// Groups and samples in order; the shard only decides between rows that are the same in all else.
  static let rolloutOrder = "r.step, r.prompt_group, p.text, r.sample, r.id, o.path, r.batch, r.row"

  static func rollout(_ row: Row) throws -> RolloutRecord {
    RolloutRecord(
      id: try id(row[3]), step: row[4], group: row[5], sample: row[6], kind: row[7], prompt: row[8] ?? "",
      task: row[9], promptLength: row[10], responseLength: row[11], finish: row[12], policy: row[13] ?? "",
      policyStep: row[14], shard: row[0] ?? "", batch: row[1], row: row[2])
  }

  static func id(_ data: Data) throws -> RolloutID {
    guard let id = RolloutID(bytes: data) else {
      throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "a rollout id of \(data.count) bytes")
    }
    return id
  }

  /// A rollout's scores, one a set by name; of a set scored twice, the row of the last shard.
  package func scores(of rollout: RolloutID) throws -> [ScoreRecord] {
    try read { database in
      let steps = try Int.fetchAll(
        database, sql: "SELECT DISTINCT step FROM rollout_rows WHERE id = ?", arguments: [rollout.data])
      let sets = try String.fetchAll(
        database, sql: "SELECT DISTINCT score_set FROM outputs WHERE kind = 'scores' AND score_set NOT NULL ORDER BY 1")
      return try sets.flatMap { set in
        try steps.flatMap { step in
          try Row.fetchAll(
            database,
            sql: """
              SELECT s.score_set, s.rollout, s.reward, s.components, o.path, s.batch, s.row
              FROM score_rows s JOIN outputs o ON o.id = s.shard
              WHERE s.score_set = ? AND s.step = ? AND s.rollout = ? AND s.is_latest
              """,
            arguments: [set, step, rollout.data]
          ).map { try Self.score($0) }
        }
      }
    }
  }

  /// From the columns set, rollout, reward, components, path, batch, row, the first of them at `start`.
  static func score(_ row: Row, from start: Int = 0) throws -> ScoreRecord {
    let components = try JSON.parse(row[start + 3] as String, source: "the index").object?.members ?? []
    return ScoreRecord(
      set: row[start], rollout: try id(row[start + 1]), reward: row[start + 2],
      components: components.map { ($0.key, $0.value.double) }, shard: row[start + 4], batch: row[start + 5],
      row: row[start + 6])
  }

  /// What training did with a rollout, one record an update shard that has it.
  package func updates(of rollout: RolloutID) throws -> [UpdateRecord] {
    try read { database in
      let rows = try Row.fetchAll(
        database,
        sql: """
          SELECT u.*, path AS shard_path FROM update_rows u JOIN outputs ON id = shard WHERE rollout = ?
          ORDER BY u.step, path, batch, row
          """,
        arguments: [rollout.data])
      return try rows.map { row in
        UpdateRecord(
          rollout: try Self.id(row["rollout"]), step: row["step"], tokens: row["tokens"], advantage: row["advantage"],
          ratioMean: row["ratio_mean"], ratioMin: row["ratio_min"], ratioMax: row["ratio_max"],
          clippedLow: row["clipped_low"], clippedHigh: row["clipped_high"], mismatchMax: row["mismatch_max"],
          referenceKL: row["reference_kl"], shard: row["shard_path"], batch: row["batch"], row: row["row"])
      }
    }
  }
}
