import GRDB

// A step in numbers: from the rows where they tell it, from the stages' own summaries where only those know.

extension Index {
  /// One row a step that has rollouts, or training metrics, in order.
  ///
  /// Pass and format rate come from the score manifests' summaries (`pass_rate`, `format_rate`, weighted by rows) or,
  /// where a scorer left none, from the components: a rollout passes when the set's first component is 1 or more, and
  /// has the format when one called `format…` is. KL is the train stage's (`ref_kl_k3` or `kl`, in the
  /// checkpoint's or the update shard's summary, or in the metrics) or the mean of the update rows.
  ///
  /// - Parameter set: The score set; nil for `defaultScoreSet`.
  package func statistics(set: String? = nil) throws -> [StepStatistics] {
    let chosen = try chosenSet(set)
    return try read { database in
      var steps = try Self.lengths(database)
      try Self.addScores(database, chosen, &steps)
      try Self.addMetrics(database, &steps)
      try Self.addWork(database, chosen, &steps)
      try Self.addDivergence(database, &steps)
      return steps.values.sorted { $0.step < $1.step }
    }
  }

  private static func lengths(_ database: Database) throws -> [Int: StepStatistics] {
    var steps: [Int: StepStatistics] = [:]
    for row in try Row.fetchAll(database, sql: "SELECT * FROM step_rollouts") {
      let count: Int = row["rollouts"]
      steps[row["step"]] = StepStatistics(
        step: row["step"], rollouts: count, groups: row["groups"], scored: 0,
        responseLengthMean: Double(row["response_tokens"] as Int) / Double(count),
        truncatedShare: Double(row["truncated"] as Int) / Double(count), metrics: [:])
    }
    return steps
  }

  private static func addScores(_ database: Database, _ set: String?, _ steps: inout [Int: StepStatistics]) throws {
    guard let set else { return }
    let rows = try Row.fetchAll(database, sql: "SELECT * FROM step_scores WHERE score_set = ?", arguments: [set])
    for row in rows {
      let step: Int = row["step"]
      steps[step]?.scored = row["scored"]
      steps[step]?.rewardMean = row["reward_mean"]
      steps[step]?.passRate = row["pass_rate"]
      steps[step]?.passError = (row["pass_variance"] as Double?)?.squareRoot()
      steps[step]?.formatRate = row["format_rate"]
      steps[step]?.zeroVarianceShare = row["zero_variance"]
    }
    let told = try Row.fetchAll(
      database,
      sql: """
        SELECT step, name, sum(value * rows) / sum(rows) AS value FROM outputs JOIN summaries ON output = id
        WHERE kind = 'scores' AND score_set = ? AND name IN ('pass_rate', 'format_rate') AND rows > 0
        GROUP BY step, name
        """,
      arguments: [set])
    for row in told {
      guard let value: Double = row["value"] else { continue }
      let step: Int = row["step"]
      if row["name"] == "pass_rate" { steps[step]?.passRate = value } else { steps[step]?.formatRate = value }
    }
  }

  private static func addMetrics(_ database: Database, _ steps: inout [Int: StepStatistics]) throws {
    let rows = try Row.fetchAll(
      database, sql: "SELECT step, stage, name, value FROM metrics WHERE value IS NOT NULL ORDER BY step, stage, name")
    for row in rows {
      let step: Int = row["step"]
      if steps[step] == nil {
        steps[step] = StepStatistics(step: step, rollouts: 0, groups: 0, scored: 0, metrics: [:])
      }
      let stage: String = row["stage"]
      let name: String = row["name"]
      steps[step]?.metrics["\(stage)/\(name)"] = row["value"]
    }
  }

  /// Seconds and tokens/s. Training counts by its update shard: checkpoints may be gone. A stage's summary says
  /// `seconds` (its work, not its waiting) and, for generate,
  /// `response_tokens`; without them the time between an action's start and end counts.
  private static func addWork(_ database: Database, _ set: String?, _ steps: inout [Int: StepStatistics]) throws {
    let rows = try Row.fetchAll(
      database,
      sql: """
        WITH work AS (
          SELECT kind, CASE kind WHEN 'checkpoint' THEN step - 1 ELSE step END AS step, outputs.id,
            coalesce((SELECT value FROM summaries WHERE output = id AND name = 'seconds'),
              (julianday(finished) - julianday(started)) * 86400) AS seconds,
            (SELECT value FROM summaries WHERE output = id AND name = 'response_tokens') AS tokens
          FROM outputs JOIN action_rows a ON a.output = id
          WHERE kind <> 'checkpoint' AND (kind <> 'scores' OR :set IS NULL OR score_set = :set))
        SELECT step, sum(seconds) AS seconds, sum(seconds) FILTER (WHERE kind = 'rollouts') AS generating,
          sum(tokens) FILTER (WHERE kind = 'rollouts') AS tokens,
          (SELECT response_tokens FROM step_rollouts r WHERE r.step = work.step) AS counted
        FROM work GROUP BY step
        """,
      arguments: ["set": set])
    for row in rows {
      let step: Int = row["step"]
      steps[step]?.seconds = row["seconds"]
      guard let generating: Double = row["generating"], generating > 0 else { continue }
      let tokens: Double? = row["tokens"] ?? row["counted"]
      steps[step]?.tokensPerSecond = tokens.map { $0 / generating }
    }
  }

  private static func addDivergence(_ database: Database, _ steps: inout [Int: StepStatistics]) throws {
    let rows = try Row.fetchAll(
      database,
      sql: """
        SELECT CASE kind WHEN 'checkpoint' THEN step - 1 ELSE step END AS step, avg(value) AS value,
          name = 'ref_kl_k3' AS best
        FROM outputs JOIN summaries ON output = id
        WHERE kind IN ('checkpoint', 'updates') AND name IN ('ref_kl_k3', 'kl') AND value IS NOT NULL
        GROUP BY 1, name ORDER BY best
        """)
    for row in rows { steps[row["step"]]?.kl = row["value"] }
    for (step, statistics) in steps where statistics.kl == nil {
      steps[step]?.kl = statistics.metrics["train/ref_kl_k3"] ?? statistics.metrics["train/kl"]
    }
    let means = try Row.fetchAll(database, sql: "SELECT step, reference_kl AS value FROM step_updates")
    for row in means {
      let step: Int = row["step"]
      if steps[step]?.kl == nil { steps[step]?.kl = row["value"] }
    }
  }
}
