import GRDB

// The numbers of a step, made when rows come or go and not when somebody asks: a run of a million rollouts is listed
// from a few thousand rows.

extension Index {
  /// Notes that these steps' numbers are no longer true.
  static func markStale(_ steps: Set<Int>, _ database: Database) throws {
    for step in steps.sorted() {
      try database.execute(sql: "INSERT OR IGNORE INTO stale_steps VALUES (?)", arguments: [step])
    }
  }

  /// Makes the numbers of stale steps again.
  static func renewSteps(_ database: Database) throws {
    for step in try Int.fetchAll(database, sql: "SELECT step FROM stale_steps ORDER BY step") {
      for table in ["step_rollouts", "step_scores", "step_updates"] {
        try database.cachedStatement(sql: "DELETE FROM \(table) WHERE step = ?").execute(arguments: [step])
      }
      try renewRollouts(step, database)
      let sets = try String.fetchAll(
        database, sql: "SELECT DISTINCT score_set FROM outputs WHERE kind = 'scores' AND score_set IS NOT NULL")
      for set in sets { try renewScores(step, set, database) }
      try database.cachedStatement(
        sql: """
          INSERT INTO step_updates
          SELECT step, count(*), sum(reference_kl * tokens) / sum(iif(reference_kl IS NULL, 0, tokens))
          FROM update_rows WHERE step = ? GROUP BY step
          """
      ).execute(arguments: [step])
    }
    try database.execute(sql: "DELETE FROM stale_steps")
  }

  private static func renewRollouts(_ step: Int, _ database: Database) throws {
    try database.cachedStatement(
      sql: """
        INSERT INTO step_rollouts
        SELECT step, count(*), count(DISTINCT prompt), count(DISTINCT prompt_group), sum(response_length),
          min(response_length), max(response_length), sum(finish = 'length')
        FROM rollout_rows WHERE step = ? GROUP BY step
        """
    ).execute(arguments: [step])
  }

  /// Also marks, of a rollout scored twice in the set, the row of the last shard by path as the one that counts.
  private static func renewScores(_ step: Int, _ set: String, _ database: Database) throws {
    let place: StatementArguments = ["step": step, "set": set]
    let rows = "FROM score_rows WHERE score_set = :set AND step = :step"
    let counts = try Row.fetchOne(
      database.cachedStatement(sql: "SELECT count(*), count(DISTINCT rollout), sum(is_latest) \(rows)"),
      arguments: place)
    guard let counts, counts[0] as Int > 0 else { return }
    if counts[0] as Int != counts[1] as Int || counts[0] as Int? != counts[2] as Int? {
      try database.execute(
        sql: """
          WITH places AS (
            SELECT rollout, shard, batch, row,
              row_number() OVER (PARTITION BY rollout ORDER BY path DESC, batch DESC, row DESC) AS place
            FROM score_rows s JOIN outputs ON id = shard WHERE s.score_set = :set AND s.step = :step)
          UPDATE score_rows AS s SET is_latest = (SELECT place = 1 FROM places p
            WHERE p.rollout = s.rollout AND p.shard = s.shard AND p.batch = s.batch AND p.row = s.row)
          WHERE s.score_set = :set AND s.step = :step
          """,
        arguments: place)
    }
    // The pass rate's standard error comes from the spread of the groups' rates: samples of one prompt are not
    // independent. Groups whose rewards are all equal give no gradient.
    try database.cachedStatement(
      sql: """
        WITH latest AS (SELECT * \(rows) AND is_latest),
        groups AS (
          SELECT avg(passed) AS rate, min(reward) = max(reward) AS equal, count(reward) AS n
          FROM latest l JOIN rollout_rows r ON r.id = l.rollout AND r.step = l.step
          GROUP BY r.prompt_group, r.prompt),
        spread AS (
          SELECT count(rate) AS n, avg(rate) AS mean, avg(rate * rate) AS squares,
            avg(equal) FILTER (WHERE n > 1) AS equal
          FROM groups)
        INSERT INTO step_scores
        SELECT :step, :set, count(reward), avg(reward), min(reward), max(reward), avg(passed), avg(formatted),
          (SELECT iif(n > 1, max(0, squares - mean * mean) / (n - 1), NULL) FROM spread),
          (SELECT equal FROM spread)
        FROM latest
        """
    ).execute(arguments: place)
  }
}
