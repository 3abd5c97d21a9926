import GRDB

/// A score set over all steps. Means are nil where nothing has a reward.
package struct ScoreSetSummary: Equatable, Sendable {
  package var name: String
  /// Steps that it has rows of, in order.
  package var steps: [Int]
  /// Rollouts that it has a reward for.
  package var scored: Int
  package var rewardMean: Double?
  /// Share of rollouts whose first component is 1 or more, of those that have one.
  package var passRate: Double?
  /// In the order in which they first appear, by step and part.
  package var components: [String]
  package var shards: Int
  /// Bytes of its shards.
  package var bytes: Int
}

extension Index {
  /// The score sets, by name.
  package func scoreSetSummaries() throws -> [ScoreSetSummary] {
    try read { database in
      var sets: [ScoreSetSummary] = []
      let shards = try Row.fetchCursor(
        database,
        sql: """
          SELECT score_set, components, bytes, step FROM outputs WHERE kind = 'scores' AND score_set IS NOT NULL
          ORDER BY score_set, step, part, path
          """)
      while let row = try shards.next() {
        let name: String = row[0]
        if sets.last?.name != name {
          sets.append(ScoreSetSummary(name: name, steps: [], scored: 0, components: [], shards: 0, bytes: 0))
        }
        let last = sets.count - 1
        let components = try (row[1] as String?).flatMap { try JSON.parse($0, source: "the index").array } ?? []
        for component in components.compactMap(\.string) where !sets[last].components.contains(component) {
          sets[last].components.append(component)
        }
        sets[last].shards += 1
        sets[last].bytes += row[2] as Int
        if sets[last].steps.last != row[3] as Int { sets[last].steps.append(row[3]) }
      }
      let sums = try Row.fetchAll(
        database,
        sql: """
          SELECT score_set, sum(scored), sum(reward_mean * scored) / sum(scored),
            (SELECT avg(passed) FROM score_rows r WHERE r.score_set = s.score_set AND r.is_latest)
          FROM step_scores s GROUP BY score_set
          """)
      for row in sums {
        guard let place = sets.firstIndex(where: { $0.name == row[0] as String }) else { continue }
        sets[place].scored = row[1]
        sets[place].rewardMean = row[2]
        sets[place].passRate = row[3]
      }
      return sets
    }
  }
}
