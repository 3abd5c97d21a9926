import GRDB

extension Index {
  /// Calls `body` with the rollouts of a selection, in the order of steps, groups and samples, one at a time.
  ///
  /// - Parameters:
  ///   - selection: nil for all.
  ///   - set: The score set that `reward` and components mean, and whose score comes along; nil for
  ///     `defaultScoreSet`.
  ///   - limit: At most so many; nil for all.
  /// - Throws: `RollbookError` `usage` for a field that there is not, `missing` for a set that there is not, and what
  ///   `body` throws.
  package func forEachRollout(
    where selection: Selection? = nil, set: String? = nil, limit: Int? = nil,
    _ body: (RolloutRecord, ScoreRecord?) throws -> Void
  ) throws {
    let chosen = try chosenSet(set)
    try read { database in
      let query = try SelectionQuery(selection, defaultSet: chosen, components: try Self.components(database))
      let sql = """
        \(Self.rolloutQuery(
          ", s.score_set, s.rollout, s.reward, s.components, so.path, s.batch, s.row",
          join: """
            LEFT JOIN score_rows s ON s.score_set = :set AND s.step = r.step AND s.rollout = r.id AND s.is_latest
              LEFT JOIN outputs so ON so.id = s.shard \(query.joins)
            """))
        WHERE \(query.condition) ORDER BY \(Self.rolloutOrder) LIMIT \(limit ?? -1)
        """
      var arguments = query.arguments
      arguments["set"] = chosen ?? ""
      let cursor = try Row.fetchCursor(database, sql: sql, arguments: StatementArguments(arguments))
      while let row = try cursor.next() {
        try body(try Self.rollout(row), row[15] == nil ? nil : try Self.score(row, from: 15))
      }
    }
  }

  /// How many rollouts a selection has.
  package func count(where selection: Selection? = nil, set: String? = nil) throws -> Int {
    let chosen = try chosenSet(set)
    return try read { database in
      let query = try SelectionQuery(selection, defaultSet: chosen, components: try Self.components(database))
      return try Int.fetchOne(
        database, sql: "SELECT count(*) FROM rollout_rows r \(query.joins) WHERE \(query.condition)",
        arguments: StatementArguments(query.arguments)) ?? 0
    }
  }

  /// The ids of a selection's rollouts.
  package func ids(where selection: Selection, set: String? = nil) throws -> Set<RolloutID> {
    var ids = Set<RolloutID>()
    try forEachRollout(where: selection, set: set) { record, _ in ids.insert(record.id) }
    return ids
  }

  /// The named set, which must be there, or the default one.
  package func chosenSet(_ set: String?) throws -> String? {
    guard let set else { return try defaultScoreSet() }
    let sets = try scoreSets()
    guard sets.contains(set) else {
      throw RollbookError.missing(
        buffer.root, "there is no score set '\(set)'",
        hint: sets.isEmpty ? "nothing is scored yet" : "there is: \(sets.joined(separator: ", "))")
    }
    return set
  }

  /// The components of every score set.
  private static func components(_ database: Database) throws -> [String: Set<String>] {
    var names: [String: Set<String>] = [:]
    let rows = try Row.fetchAll(
      database, sql: "SELECT DISTINCT score_set, components FROM outputs WHERE kind = 'scores' AND score_set NOT NULL")
    for row in rows {
      let list = try (row[1] as String?).flatMap { try JSON.parse($0).array } ?? []
      names[row[0], default: []].formUnion(list.compactMap(\.string))
    }
    return names
  }
}
