import GRDB

// SQL for people and scripts: any question, no change.

extension Index {
  /// What a statement may begin with. Others may "only read" by SQLite's account and still open or make files (ATTACH)
  /// or change settings (PRAGMA; `SELECT * FROM pragma_…` reads them).
  private static let verbs: Set<String> = ["select", "with", "values", "explain"]

  /// Calls `body` with each row of a statement that only reads: integers, numbers, text, null; blobs as hex.
  ///
  /// - Parameter columns: Called once with the names of the columns, before any row.
  /// - Throws: `RollbookError` `usage` with SQLite's words for a statement that is wrong or would write; what `body`
  ///   throws.
  package func select(
    _ sql: String, columns: ([String]) throws -> Void, row body: ([JSON]) throws -> Void
  ) throws {
    let verb = Self.withoutComments(sql).prefix { $0.isLetter }.lowercased()
    guard Self.verbs.contains(verb) else {
      throw RollbookError.usage(
        "expected a statement that only reads, found one that begins with '\(verb)'",
        hint: "it may begin with SELECT, WITH, VALUES or EXPLAIN; the index is never changed by hand")
    }
    try read { database in
      do {
        let statement = try database.makeStatement(sql: sql)
        guard statement.isReadonly else { throw RollbookError.usage("expected a statement that only reads") }
        try columns(statement.columnNames)
        let cursor = try Row.fetchCursor(statement)
        while let row = try cursor.next() { try body(row.databaseValues.map { Self.value($0) }) }
      } catch let error as DatabaseError where [.SQLITE_ERROR, .SQLITE_MISUSE].contains(error.resultCode) {
        throw RollbookError.usage(
          error.message ?? "SQLite cannot run this",
          hint: "views: rollouts, scores, updates, steps, shards, checkpoints, actions, lineage; table: metrics")
      }
    }
  }

  /// All rows at once.
  package func select(_ sql: String) throws -> (columns: [String], rows: [[JSON]]) {
    var names: [String] = []
    var rows: [[JSON]] = []
    try select(sql, columns: { names = $0 }, row: { rows.append($0) })
    return (names, rows)
  }

  /// The text from its first word on.
  private static func withoutComments(_ sql: String) -> Substring {
    var rest = sql.drop { $0.isWhitespace || $0 == "(" }
    while true {
      if rest.hasPrefix("--") {
        rest = rest.drop { !$0.isNewline }
      } else if rest.hasPrefix("/*"), let end = rest.dropFirst(2).firstRange(of: "*/") {
        rest = rest[end.upperBound...]
      } else {
        return rest
      }
      rest = rest.drop { $0.isWhitespace || $0 == "(" }
    }
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
