import GRDB

// From what a person types to one rollout and its row in a shard.

extension Index {
  /// Candidates that an error lists.
  private static let candidateLimit = 10

  /// The rollout that an address names: STEP/PROMPT/SAMPLE (the prompt's id may hold slashes), or the first digits of
  /// its id, as many as make it unambiguous.
  ///
  /// - Throws: `RollbookError`: `missing` for none, `usage` for several, listing them, and for what is no address.
  package func resolve(_ text: String) throws -> RolloutRecord {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    let matches: [RolloutRecord]
    if parts.count >= 3, let step = Int(parts[0]), let sample = Int(parts[parts.count - 1]) {
      let prompt = parts[1..<parts.count - 1].joined(separator: "/")
      matches = try find("r.step = ? AND r.prompt = ? AND r.sample = ?", [step, Self.key(prompt), sample])
    } else if parts.count == 1, let range = RolloutID.range(hexPrefix: text) {
      matches = try find("r.id BETWEEN ? AND ?", [range.lowerBound.data, range.upperBound.data])
    } else if parts.count >= 2, let step = Int(parts[0]) {
      matches = try find("r.step = ? AND r.prompt = ?", [step, Self.key(parts[1...].joined(separator: "/"))])
    } else {
      throw RollbookError.usage(
        "expected the address of a rollout, found '\(text)'",
        hint: "STEP/PROMPT/SAMPLE, e.g. 1/addition-train-00007/3, or the first digits of its id, e.g. 3f9c")
    }
    guard let first = matches.first else {
      throw RollbookError.missing(
        text, "there is no such rollout in \(buffer.root)", hint: "'rollbook ls \(buffer.root)' lists the steps")
    }
    // The same rollout in two shards is the same rollout.
    guard matches.allSatisfy({ $0.id == first.id }) else { throw ambiguous(text, matches) }
    return first
  }

  private func find(_ condition: String, _ arguments: StatementArguments) throws -> [RolloutRecord] {
    try read { try Self.rollouts($0, condition, arguments, limit: 1000) }
  }

  private func ambiguous(_ text: String, _ matches: [RolloutRecord]) -> RollbookError {
    let listed = matches.prefix(Self.candidateLimit).map { "\n    \($0.hexID)  \($0.address)" }.joined()
    let more = matches.count > Self.candidateLimit ? "\n    …" : ""
    return RollbookError(
      .usage, place: text,
      "expected one rollout, found \(matches.count == 1000 ? "1000 or more" : String(matches.count))",
      hint: "give one of them:\(listed)\(more)")
  }

  /// The whole rollout of a record, read from its shard.
  package func load(_ record: RolloutRecord) throws -> Rollout {
    let reader = try RolloutShardReader(path: "\(buffer.root)/\(record.shard)")
    return try row(record.row, of: reader.rows(batch: record.batch), reader.path)
  }

  /// The whole row of a score, with what the verifier extracted.
  package func load(_ record: ScoreRecord) throws -> ScoreRow {
    let reader = try ScoreShardReader(path: "\(buffer.root)/\(record.shard)")
    return try row(record.row, of: reader.rows(batch: record.batch), reader.path)
  }

  /// The whole row of an update, token by token.
  package func load(_ record: UpdateRecord) throws -> UpdateRow {
    let reader = try UpdateShardReader(path: "\(buffer.root)/\(record.shard)")
    return try row(record.row, of: reader.rows(batch: record.batch), reader.path)
  }

  private func row<Row>(_ index: Int, of rows: [Row], _ path: String) throws -> Row {
    guard rows.indices.contains(index) else {
      throw RollbookError.badInput(
        path, "expected row \(index) in a batch of \(rows.count)",
        hint: "the index is of another shard: run 'rollbook reindex \(buffer.root)'")
    }
    return rows[index]
  }
}
