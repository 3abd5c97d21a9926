import GRDB

// The tables. Append-only: a published step is never edited, a change is a new step and a new version.

extension Index {
  /// `PRAGMA user_version` of the newest schema that this code knows.
  package static let schemaVersion = migrations.count

  /// The steps from an empty file to the newest schema; step i makes version i + 1.
  private static let migrations: [@Sendable (Database) throws -> Void] = [createTables]

  /// Brings a database to the newest schema, in one transaction.
  static func migrate(_ queue: DatabaseQueue) throws {
    let version = try queue.read { try Int.fetchOne($0, sql: "PRAGMA user_version") ?? 0 }
    guard version < schemaVersion else { return }
    try queue.write { database in
      // Read again: another process may have migrated while this one waited for the lock.
      let version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
      for migration in migrations.dropFirst(version) { try migration(database) }
      try database.execute(sql: "PRAGMA application_id = \(applicationID)")
      try database.execute(sql: "PRAGMA user_version = \(schemaVersion)")
    }
  }

  /// The id of an output: the last 63 bits of the XXH3-128 of its path's UTF-8.
  static func outputID(_ path: String) -> Int {
    var path = path
    let bytes = path.withUTF8 { Digest.bytes(UnsafeRawBufferPointer($0)) }
    return bytes.suffix(8).reduce(0) { ($0 & Int.max >> 8) << 8 | Int($1) }
  }

  /// Version 1. Paths are relative to the buffer. An output's id is a hash of its path (`outputID`), so that a rebuilt
  /// index has the same rows. `modified` is nanoseconds since 1970.
  @Sendable private static func createTables(_ database: Database) throws {
    try database.execute(
      sql: """
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

        -- The run of a stage that made an output.
        CREATE TABLE actions (
          output INTEGER PRIMARY KEY NOT NULL REFERENCES outputs ON DELETE CASCADE, key TEXT NOT NULL,
          stage TEXT NOT NULL, parameters TEXT NOT NULL, seed INTEGER, policy TEXT, tokenizer TEXT,
          version TEXT NOT NULL, code_commit TEXT, kernels TEXT NOT NULL, threads INTEGER NOT NULL,
          host TEXT NOT NULL, pid INTEGER NOT NULL, scheduler TEXT NOT NULL, started TEXT NOT NULL,
          finished TEXT NOT NULL
        ) STRICT;
        CREATE INDEX actions_by_key ON actions (key);

        -- Lineage: what an action read.
        CREATE TABLE inputs (
          output INTEGER NOT NULL REFERENCES outputs ON DELETE CASCADE, position INTEGER NOT NULL, role TEXT NOT NULL,
          name TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (output, position)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX inputs_by_digest ON inputs (digest);

        -- The numbers of a manifest's summary; NULL for those that are not finite.
        CREATE TABLE summaries (
          output INTEGER NOT NULL REFERENCES outputs ON DELETE CASCADE, name TEXT NOT NULL, value REAL,
          PRIMARY KEY (output, name)
        ) STRICT, WITHOUT ROWID;
        """)
    try createRowTables(database)
  }

  /// The tables with a row for each row of a shard, and the metrics.
  private static func createRowTables(_ database: Database) throws {
    try database.execute(
      sql: """
        -- One row a rollout. Tokens and texts stay in the shard.
        CREATE TABLE rollouts (
          shard INTEGER NOT NULL REFERENCES outputs ON DELETE CASCADE, batch INTEGER NOT NULL, row INTEGER NOT NULL,
          id BLOB NOT NULL, step INTEGER NOT NULL, prompt_group INTEGER NOT NULL, sample INTEGER NOT NULL,
          kind TEXT NOT NULL, prompt TEXT NOT NULL, task TEXT, prompt_length INTEGER NOT NULL,
          response_length INTEGER NOT NULL, finish TEXT NOT NULL, policy TEXT NOT NULL, policy_step INTEGER,
          PRIMARY KEY (shard, batch, row)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX rollouts_by_id ON rollouts (id);
        CREATE INDEX rollouts_by_address ON rollouts (step, prompt, sample);

        -- One row a rollout and score set. Components: a JSON object, name to number or null.
        CREATE TABLE scores (
          shard INTEGER NOT NULL REFERENCES outputs ON DELETE CASCADE, batch INTEGER NOT NULL, row INTEGER NOT NULL,
          score_set TEXT NOT NULL, rollout BLOB NOT NULL, step INTEGER NOT NULL, reward REAL,
          components TEXT NOT NULL, PRIMARY KEY (shard, batch, row)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX scores_by_rollout ON scores (rollout, score_set);

        -- One row a rollout that was trained on: means over its tokens.
        CREATE TABLE updates (
          shard INTEGER NOT NULL REFERENCES outputs ON DELETE CASCADE, batch INTEGER NOT NULL, row INTEGER NOT NULL,
          rollout BLOB NOT NULL, step INTEGER NOT NULL, reward REAL, tokens INTEGER NOT NULL, advantage REAL,
          ratio_mean REAL, ratio_min REAL, ratio_max REAL, clipped_low INTEGER NOT NULL,
          clipped_high INTEGER NOT NULL, mismatch_max REAL, reference_kl REAL, PRIMARY KEY (shard, batch, row)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX updates_by_rollout ON updates (rollout);

        -- metrics/metrics.jsonl; NULL for numbers that are not finite.
        CREATE TABLE metrics (
          step INTEGER NOT NULL, stage TEXT NOT NULL, name TEXT NOT NULL, value REAL, time TEXT NOT NULL,
          PRIMARY KEY (step, stage, name)
        ) STRICT, WITHOUT ROWID;
        -- How much of it was taken in, and the digest of that much.
        CREATE TABLE metrics_file (
          id INTEGER PRIMARY KEY NOT NULL CHECK (id = 1), bytes INTEGER NOT NULL, digest TEXT NOT NULL
        ) STRICT;

        CREATE VIEW shards AS
          SELECT id, path, kind, step, part, score_set, rows, batches, bytes, digest, complete, schema_version
          FROM outputs WHERE kind <> 'checkpoint';
        CREATE VIEW checkpoints AS
          SELECT id, path, step, bytes, digest FROM outputs WHERE kind = 'checkpoint';
        """)
  }
}
