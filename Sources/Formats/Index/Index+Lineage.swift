import GRDB

// What was made from what: manifests name their inputs by role, name and digest.

/// A published output with the action that made it.
package struct OutputRecord: Equatable, Sendable {
  /// Relative to the buffer.
  package var path: String
  package var kind: Manifest.Kind
  package var step: Int
  package var digest: String
  package var bytes: Int
  package var stage: String
  package var finished: String
}

/// Something that an output was made from.
package struct LineageInput: Equatable, Sendable {
  package var role: String
  /// As the manifest names it.
  package var name: String
  package var digest: String
  /// The output of this buffer that holds it, relative to the buffer; nil for what came from elsewhere or is gone.
  package var output: String?
}

extension Index {
  /// All outputs by path.
  package func outputs() throws -> [String: OutputRecord] {
    try read { database in
      let rows = try Row.fetchAll(
        database,
        sql: "SELECT path, kind, step, digest, bytes, stage, finished FROM outputs JOIN action_rows ON output = id")
      return Dictionary(
        uniqueKeysWithValues: rows.map { row in
          let record = OutputRecord(
            path: row[0], kind: Manifest.Kind(rawValue: row[1]) ?? .rollouts, step: row[2], digest: row[3],
            bytes: row[4], stage: row[5], finished: row[6])
          return (record.path, record)
        })
    }
  }

  /// The inputs of every output, by its path, in the order of its manifest.
  package func lineage() throws -> [String: [LineageInput]] {
    try read { database in
      let rows = try Row.fetchAll(
        database, sql: "SELECT output, role, input, input_digest, input_output FROM lineage ORDER BY output, position")
      return Dictionary(
        grouping: rows.map { row in
          (row[0] as String, LineageInput(role: row[1], name: row[2], digest: row[3], output: row[4]))
        }, by: \.0
      ).mapValues { $0.map(\.1) }
    }
  }

  /// The output that a person means: a path in the buffer, the name of a shard or checkpoint, `latest`, `step:N` (the
  /// checkpoint), or a rollout by its address or id, whose shard it is.
  ///
  /// - Throws: `RollbookError` `missing` or `usage`, listing what it could be.
  package func output(named text: String) throws -> OutputRecord {
    let outputs = try outputs()
    var name = text
    while name.hasSuffix("/") { name.removeLast() }
    let relative = buffer.relative(name)
    if let output = outputs[relative] ?? outputs[relative.replacing(".json", with: ".arrow")] { return output }
    let checkpoints = outputs.values.filter { $0.kind == .checkpoint }
    if text == "latest", let newest = checkpoints.max(by: { $0.step < $1.step }) { return newest }
    if text.hasPrefix("step:"), let step = Int(text.dropFirst(5)),
      let found = checkpoints.first(where: { $0.step == step })
    {
      return found
    }
    let named = outputs.values.filter { $0.path.hasSuffix("/" + name) || $0.path.hasSuffix("/\(name).arrow") }
    if named.count > 1 {
      let paths = named.map { "\n    \($0.path)" }.sorted().joined()
      throw RollbookError.usage("expected one output, found \(named.count) called '\(text)'", hint: "give one of:\(paths)")
    }
    if let found = named.first { return found }
    do {
      if let shard = outputs[try resolve(text).shard] { return shard }
    } catch let error as RollbookError where error.code == .missing || error.code == .usage {}
    throw RollbookError.missing(
      text, "there is no such output in \(buffer.root)",
      hint: "a path as 'rollbook ls \(buffer.root) --files' lists it, latest, step:N, or a rollout")
  }
}
