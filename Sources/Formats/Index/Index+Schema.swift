import GRDB

// The tables and views. A row's place in a table depends on what it says only, so that an index made from nothing
// equals, row for row, the one that grew with the run.

extension Index {
  /// `PRAGMA user_version`. Version 1 had no cached statistics and took 585 bytes a rollout.
  package static let schemaVersion = 2

  /// Brings a database to this schema, in one transaction. An older one is emptied: what it knew is in the files, and
  /// the next ingestion takes it in again.
  static func migrate(_ queue: DatabaseQueue) throws {
    func version(_ database: Database) throws -> Int { try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0 }
    guard try queue.read(version) < schemaVersion else { return }
    try queue.write { database in
      // Read again: another process may have migrated while this one waited for the lock.
      guard try version(database) < schemaVersion else { return }
      for kind in ["view", "table"] {
        let names = try String.fetchAll(
          database, sql: "SELECT name FROM sqlite_schema WHERE type = ? AND name NOT LIKE 'sqlite_%'", arguments: [kind])
        for name in names { try database.execute(sql: "DROP \(kind) \(name.quotedDatabaseIdentifier)") }
      }
      for statements in [outputTables, rowTables, stepTables, metricTables, views] {
        try database.execute(sql: statements)
      }
      try database.execute(sql: "PRAGMA application_id = \(applicationID)")
      try database.execute(sql: "PRAGMA user_version = \(schemaVersion)")
    }
  }

  /// The last 63 bits of the XXH3-128 of a text's UTF-8: the key of an output (by its path) and of a text.
  static func key(_ text: String) -> Int {
    var text = text
    let bytes = text.withUTF8 { Digest.bytes(UnsafeRawBufferPointer($0)) }
    return bytes.suffix(8).reduce(0) { ($0 & Int.max >> 8) << 8 | Int($1) }
  }

  /// Paths are relative to the buffer. `manifest_modified` is nanoseconds since 1970.
  private static let outputTables = """
    -- Everything published: shards and checkpoints, one row a manifest.
    CREATE TABLE outputs (
      id INTEGER PRIMARY KEY NOT NULL, path TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, digest TEXT NOT NULL,
      bytes INTEGER NOT NULL, rows INTEGER NOT NULL, batches INTEGER NOT NULL,
      schema_version INTEGER NOT NULL, step INTEGER NOT NULL,
      part INTEGER NOT NULL, score_set TEXT, complete INTEGER NOT NULL, components TEXT,
      manifest TEXT NOT NULL UNIQUE, manifest_bytes INTEGER NOT NULL, manifest_modified INTEGER NOT NULL,
      manifest_digest TEXT NOT NULL
    ) STRICT;
    CREATE INDEX outputs_by_step ON outputs (kind, step, score_set);
    CREATE INDEX outputs_by_digest ON outputs (digest);

    -- The run of a stage that made an output.
    CREATE TABLE action_rows (
      output INTEGER PRIMARY KEY NOT NULL REFERENCES outputs ON DELETE CASCADE, key TEXT NOT NULL,
      stage TEXT NOT NULL, parameters TEXT NOT NULL, seed INTEGER, policy TEXT, tokenizer TEXT,
      version TEXT NOT NULL, code_commit TEXT, kernels TEXT NOT NULL, threads INTEGER NOT NULL,
      host TEXT NOT NULL, pid INTEGER NOT NULL, scheduler TEXT NOT NULL, started TEXT NOT NULL,
      finished TEXT NOT NULL
    ) STRICT;

    -- What an action read.
    CREATE TABLE inputs (
      output INTEGER NOT NULL REFERENCES outputs ON DELETE CASCADE, position INTEGER NOT NULL, role TEXT NOT NULL,
      name TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (output, position)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX inputs_by_digest ON inputs (digest);

    -- The files of a checkpoint.
    CREATE TABLE files (
      output INTEGER NOT NULL REFERENCES outputs ON DELETE CASCADE, name TEXT NOT NULL, bytes INTEGER NOT NULL,
      digest TEXT NOT NULL, PRIMARY KEY (output, name)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX files_by_digest ON files (digest);

    -- The numbers of a manifest's summary; NULL for those that are not finite.
    CREATE TABLE summaries (
      output INTEGER NOT NULL REFERENCES outputs ON DELETE CASCADE, name TEXT NOT NULL, value REAL,
      PRIMARY KEY (output, name)
    ) STRICT, WITHOUT ROWID;
    """

  /// Rows of shards, in the order in which people ask for them: by step. They name their shard without a foreign key,
  /// whose check would look at every row of the table; `forget` removes them.
  private static let rowTables = """
    -- Texts that many rows share (prompt ids, tasks, policies), by `Index.key`.
    CREATE TABLE texts (id INTEGER PRIMARY KEY NOT NULL, text TEXT NOT NULL) STRICT;

    -- One row a rollout. Tokens and texts stay in the shard.
    CREATE TABLE rollout_rows (
      step INTEGER NOT NULL, shard INTEGER NOT NULL, batch INTEGER NOT NULL, row INTEGER NOT NULL, id BLOB NOT NULL,
      prompt_group INTEGER NOT NULL, sample INTEGER NOT NULL, kind TEXT NOT NULL, prompt INTEGER NOT NULL,
      task INTEGER, prompt_length INTEGER NOT NULL, response_length INTEGER NOT NULL, finish TEXT NOT NULL,
      policy INTEGER NOT NULL, policy_step INTEGER, PRIMARY KEY (step, shard, batch, row)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX rollouts_by_id ON rollout_rows (id);
    CREATE INDEX rollouts_by_prompt ON rollout_rows (step, prompt, sample);

    -- One row a rollout and score set. Components: a JSON object, name to number or null. `passed`: the first component
    -- is 1 or more; `formatted`: one called format… is. `is_latest`: no later shard scores it in this set.
    CREATE TABLE score_rows (
      score_set TEXT NOT NULL, step INTEGER NOT NULL, rollout BLOB NOT NULL, shard INTEGER NOT NULL,
      batch INTEGER NOT NULL, row INTEGER NOT NULL, is_latest INTEGER NOT NULL, reward REAL, passed INTEGER,
      formatted INTEGER, components TEXT NOT NULL, PRIMARY KEY (score_set, step, rollout, shard, batch, row)
    ) STRICT, WITHOUT ROWID;

    -- One row a rollout that was trained on: means over its tokens.
    CREATE TABLE update_rows (
      step INTEGER NOT NULL, rollout BLOB NOT NULL, shard INTEGER NOT NULL, batch INTEGER NOT NULL,
      row INTEGER NOT NULL, reward REAL, tokens INTEGER NOT NULL, advantage REAL,
      ratio_mean REAL, ratio_min REAL, ratio_max REAL, clipped_low INTEGER NOT NULL,
      clipped_high INTEGER NOT NULL, mismatch_max REAL, reference_kl REAL,
      PRIMARY KEY (step, rollout, shard, batch, row)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX updates_by_rollout ON update_rows (rollout);
    """

  /// A step in numbers, from the rows above; made again whenever rows of the step come or go.
  private static let stepTables = """
    CREATE TABLE step_rollouts (
      step INTEGER PRIMARY KEY NOT NULL, rollouts INTEGER NOT NULL, prompts INTEGER NOT NULL,
      groups INTEGER NOT NULL, response_tokens INTEGER NOT NULL, response_min INTEGER NOT NULL,
      response_max INTEGER NOT NULL, truncated INTEGER NOT NULL
    ) STRICT;
    -- `pass_variance`: of the pass rate, over groups. `zero_variance`: the share of groups whose rewards are all equal.
    CREATE TABLE step_scores (
      step INTEGER NOT NULL, score_set TEXT NOT NULL, scored INTEGER NOT NULL, reward_mean REAL, reward_min REAL, reward_max REAL,
      pass_rate REAL, format_rate REAL, pass_variance REAL, zero_variance REAL, PRIMARY KEY (step, score_set)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE step_updates (
      step INTEGER PRIMARY KEY NOT NULL, updates INTEGER NOT NULL, reference_kl REAL
    ) STRICT;
    -- Steps whose numbers are to be made again; empty unless an ingestion was killed.
    CREATE TABLE stale_steps (step INTEGER PRIMARY KEY NOT NULL) STRICT;
    """

  private static let metricTables = """
    -- metrics/metrics.jsonl; NULL for numbers that are not finite.
    CREATE TABLE metrics (
      step INTEGER NOT NULL, stage TEXT NOT NULL, name TEXT NOT NULL, value REAL, time TEXT NOT NULL,
      PRIMARY KEY (step, stage, name)
    ) STRICT, WITHOUT ROWID;
    -- How much of it was taken in, and the digest of that much.
    CREATE TABLE metrics_file (
      id INTEGER PRIMARY KEY NOT NULL CHECK (id = 1), bytes INTEGER NOT NULL, digest TEXT NOT NULL
    ) STRICT;
    """
}
