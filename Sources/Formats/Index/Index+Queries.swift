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
          FROM outputs JOIN actions ON actions.output = id
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
          SELECT path, step, bytes, digest, finished FROM outputs JOIN actions ON actions.output = id
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
            SELECT step FROM outputs WHERE kind <> 'checkpoint'
            UNION SELECT step FROM outputs WHERE kind = 'checkpoint')
          SELECT step,
            (SELECT count(*) FROM rollouts r WHERE r.step = s.step) AS rollouts,
            (SELECT count(DISTINCT prompt) FROM rollouts r WHERE r.step = s.step) AS prompts,
            (SELECT count(*) FROM outputs o WHERE o.step = s.step AND kind = 'rollouts') AS rollout_shards,
            (SELECT json_group_array(score_set) FROM (SELECT DISTINCT score_set FROM outputs o
              WHERE o.step = s.step AND kind = 'scores' ORDER BY score_set)) AS score_sets,
            (SELECT count(*) FROM updates u WHERE u.step = s.step) AS updates,
            EXISTS (SELECT 1 FROM outputs o WHERE o.step = s.step AND kind = 'checkpoint') AS has_checkpoint,
            EXISTS (SELECT 1 FROM outputs o WHERE o.step = s.step AND kind = 'updates')
              OR EXISTS (SELECT 1 FROM outputs o WHERE o.step = s.step + 1 AND kind = 'checkpoint') AS is_trained,
            (SELECT coalesce(sum(bytes), 0) FROM outputs o WHERE o.step = s.step AND kind <> 'checkpoint') AS bytes
          FROM stored s ORDER BY step
          """)
      return try rows.map { row in
        let sets = try JSON.parse(row["score_sets"] as String).array ?? []
        return StepSummary(
          step: row["step"], rollouts: row["rollouts"], prompts: row["prompts"], rolloutShards: row["rollout_shards"],
          scoreSets: sets.compactMap(\.string), updates: row["updates"], hasCheckpoint: row["has_checkpoint"],
          isTrained: row["is_trained"], bytes: row["bytes"])
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
    try read { try Self.rollouts($0, "step = ?", [step]) }
  }

  /// The rollouts that compete with one, itself included, by sample.
  package func group(of rollout: RolloutRecord) throws -> [RolloutRecord] {
    try read {
      try Self.rollouts(
        $0, "step = ? AND prompt = ? AND prompt_group = ?", [rollout.step, rollout.prompt, rollout.group])
    }
  }

  static func rollouts(
    _ database: Database, _ condition: String, _ arguments: StatementArguments, limit: Int = -1
  ) throws -> [RolloutRecord] {
    let rows = try Row.fetchAll(
      database,
      sql: """
        SELECT (SELECT path FROM outputs o WHERE o.id = shard) AS shard_path, batch, row, id, step, prompt_group,
          sample, kind, prompt, task, prompt_length, response_length, finish, policy, policy_step
        FROM rollouts WHERE \(condition)
        ORDER BY step, prompt_group, prompt, sample, rollouts.id, shard_path, batch, row LIMIT \(limit)
        """,
      arguments: arguments)
    return try rows.map { row in
      RolloutRecord(
        id: try id(row["id"]), step: row["step"], group: row["prompt_group"], sample: row["sample"], kind: row["kind"],
        prompt: row["prompt"], task: row["task"], promptLength: row["prompt_length"],
        responseLength: row["response_length"], finish: row["finish"], policy: row["policy"],
        policyStep: row["policy_step"], shard: row["shard_path"], batch: row["batch"], row: row["row"])
    }
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
      let rows = try Row.fetchAll(
        database,
        sql: """
          SELECT s.score_set, rollout, reward, s.components, max(path) AS shard_path, batch, row
          FROM scores s JOIN outputs ON id = shard WHERE rollout = ? GROUP BY s.score_set ORDER BY s.score_set
          """,
        arguments: [rollout.data])
      return try rows.map { try Self.score($0) }
    }
  }

  private static func score(_ row: Row) throws -> ScoreRecord {
    let components = try JSON.parse(row["components"] as String, source: "the index").object?.members ?? []
    return ScoreRecord(
      set: row["score_set"], rollout: try id(row["rollout"]), reward: row["reward"],
      components: components.map { ($0.key, $0.value.double) }, shard: row["shard_path"], batch: row["batch"],
      row: row["row"])
  }

  /// What training did with a rollout, one record an update shard that has it.
  package func updates(of rollout: RolloutID) throws -> [UpdateRecord] {
    try read { database in
      let rows = try Row.fetchAll(
        database,
        sql: """
          SELECT u.*, path AS shard_path FROM updates u JOIN outputs ON id = shard WHERE rollout = ?
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

extension Index {
  /// The rows of a statement that only reads, for people and scripts: integers, numbers, text, null; blobs as hex.
  ///
  /// - Throws: `RollbookError` `usage` with SQLite's words for a statement that is wrong or would write.
  package func select(_ sql: String) throws -> (columns: [String], rows: [[JSON]]) {
    try read { database -> (columns: [String], rows: [[JSON]]) in
      do {
        return try Self.select(sql, database)
      } catch let error as DatabaseError where [.SQLITE_ERROR, .SQLITE_MISUSE].contains(error.resultCode) {
        throw RollbookError.usage(
          error.message ?? "SQLite cannot run this",
          hint: "tables: outputs, actions, inputs, summaries, rollouts, scores, updates, metrics")
      }
    }
  }

  private static func select(_ sql: String, _ database: Database) throws -> (columns: [String], rows: [[JSON]]) {
    let statement = try database.makeStatement(sql: sql)
    guard statement.isReadonly else { throw RollbookError.usage("expected a statement that only reads") }
    var rows: [[JSON]] = []
    let cursor = try Row.fetchCursor(statement)
    while let row = try cursor.next() { rows.append(row.databaseValues.map { value($0) }) }
    return (columns: statement.columnNames, rows: rows)
  }

  private static func value(_ value: DatabaseValue) -> JSON {
    switch value.storage {
    case .null: return .null
    case .int64(let number): return .int(Int(number))
    case .double(let number): return number.isFinite ? JSON.double(number) : JSON.null
    case .string(let text): return .string(text)
    case .blob(let data): return .string(Digest.hex(Array(data)))
    }
  }
}
