import Foundation
import GRDB

// From manifests and shards to rows of the tables.

extension Index {
  /// The rows of a manifest itself: output, action, inputs, summary.
  func storeOutput(
    _ manifest: Manifest, _ output: Int, _ file: ManifestFile, _ digest: String, _ database: Database
  ) throws {
    try database.cachedStatement(
      sql: """
        INSERT INTO outputs (id, path, kind, digest, bytes, rows, batches, schema_version, step, part, score_set,
          complete, manifest, manifest_bytes, manifest_modified, manifest_digest)
        VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)
        """
    ).execute(arguments: [
      output, buffer.relative(buffer.path(of: manifest)), manifest.kind.rawValue, manifest.digest, manifest.bytes,
      manifest.rows, manifest.batches,
      manifest.schemaVersion, manifest.step, manifest.part, manifest.set, manifest.complete, file.path, file.bytes,
      file.modified, digest,
    ])
    let action = manifest.action
    try database.cachedStatement(
      sql: "INSERT INTO action_rows VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
    ).execute(arguments: [
      output, action.key, action.stage, try Self.text(action.parameters), action.seed, action.policy, action.tokenizer,
      action.code.version, action.code.commit, action.kernels, action.threads, action.host, action.pid,
      try Self.text(action.scheduler), action.started, action.finished,
    ])
    for (position, input) in manifest.inputs.enumerated() {
      try database.cachedStatement(sql: "INSERT INTO inputs VALUES (?,?,?,?,?)")
        .execute(arguments: [output, position, input.role, input.name, input.digest])
    }
    for file in manifest.files ?? [] {
      try database.cachedStatement(sql: "INSERT INTO files VALUES (?,?,?,?)")
        .execute(arguments: [output, file.name, file.bytes, file.digest])
    }
    for (name, value) in manifest.summary {
      try database.cachedStatement(sql: "INSERT INTO summaries VALUES (?,?,?)")
        .execute(arguments: [output, name, value.isFinite ? value : nil])
    }
  }

  private static func text(_ values: [String: String]) throws -> String {
    try JSON.object(JSONObject(values.map { ($0.key, .string($0.value)) })).serialized(sortedKeys: true)
  }

  func storeRollouts(
    _ reader: RolloutShardReader, _ output: Int, _ manifest: Manifest, _ database: Database
  ) throws {
    try checkRows(reader.rowCount, manifest, reader.path)
    var texts = TextKeys()
    var steps = Set<Int>()
    let inserter = try RowInserter(database, "rollout_rows", columns: 15)
    for batch in 0..<reader.batchCount {
      for (row, rollout) in try reader.summaries(batch: batch).enumerated() {
        steps.insert(rollout.step)
        try inserter.insert { values in
          values.bind(rollout.step)
          values.bind(output)
          values.bind(batch)
          values.bind(row)
          values.bind(rollout.id)
          values.bind(rollout.group)
          values.bind(rollout.sample)
          values.bind(rollout.kind)
          values.bind(texts.key(rollout.promptID))
          values.bind(rollout.task.map { texts.key($0) })
          values.bind(rollout.promptLength)
          values.bind(rollout.responseLength)
          values.bind(rollout.finishReason.rawValue)
          values.bind(texts.key(rollout.policy))
          values.bind(rollout.policyStep)
        }
      }
    }
    try texts.store(database)
    try Self.markStale(steps, database)
  }

  func storeScores(_ reader: ScoreShardReader, _ output: Int, _ manifest: Manifest, _ database: Database) throws {
    try checkRows(reader.rowCount, manifest, reader.path)
    guard let set = manifest.set else {
      throw RollbookError.badInput(reader.path, "expected the name of a score set in its manifest, found none")
    }
    let names = reader.components
    try database.execute(
      sql: "UPDATE outputs SET components = ? WHERE id = ?",
      arguments: [try JSON.array(names.map { .string($0) }).serialized(), output])
    let formats = names.indices.filter { names[$0].hasPrefix("format") }
    var steps = Set<Int>()
    let inserter = try RowInserter(database, "score_rows", columns: 11)
    for batch in 0..<reader.batchCount {
      for (row, score) in try reader.rows(batch: batch).enumerated() {
        steps.insert(score.step)
        let components = JSONObject(zip(names, score.components).map { ($0, $1.map { .double($0) } ?? .null) })
        let text = try JSON.object(components).serialized()
        let format = formats.compactMap { score.components[$0] }.max()
        try inserter.insert { values in
          values.bind(set)
          values.bind(score.step)
          values.bind(score.rollout)
          values.bind(output)
          values.bind(batch)
          values.bind(row)
          values.bind(1)
          values.bind(score.reward)
          values.bind((score.components.first ?? nil).map { $0 >= 1 ? 1 : 0 })
          values.bind(format.map { $0 >= 1 ? 1 : 0 })
          values.bind(text)
        }
      }
    }
    try Self.markStale(steps, database)
  }

  func storeUpdates(_ reader: UpdateShardReader, _ output: Int, _ manifest: Manifest, _ database: Database) throws {
    try checkRows(reader.rowCount, manifest, reader.path)
    let inserter = try RowInserter(database, "update_rows", columns: 15)
    for batch in 0..<reader.batchCount {
      for (row, update) in try reader.rows(batch: batch).enumerated() {
        let ratios = update.ratios.map { Double($0) }
        let mismatch = zip(update.oldLogprobs, update.behaviourLogprobs).map { Double(abs($0 - $1)) }.max()
        try inserter.insert { values in
          values.bind(manifest.step)
          values.bind(update.rollout)
          values.bind(output)
          values.bind(batch)
          values.bind(row)
          values.bind(Self.finite(update.reward))
          values.bind(update.logprobs.count)
          values.bind(Self.finite(Self.mean(update.advantages.map { Double($0) })))
          values.bind(Self.finite(Self.mean(ratios)))
          values.bind(Self.finite(ratios.min()))
          values.bind(Self.finite(ratios.max()))
          values.bind(update.clips.count { $0 < 0 })
          values.bind(update.clips.count { $0 > 0 })
          values.bind(Self.finite(mismatch))
          values.bind(Self.finite(Self.divergence(update)))
        }
      }
    }
    try Self.markStale([manifest.step], database)
  }

  private func checkRows(_ found: Int, _ manifest: Manifest, _ path: String) throws {
    guard found == manifest.rows else {
      throw RollbookError.badInput(
        path, "expected \(manifest.rows) rows as its manifest says, found \(found)", hint: "run 'rollbook verify'")
    }
  }

  /// Mean over tokens of Schulman's k3 estimator of KL(policy ‖ reference):
  /// r − 1 − log r, r = reference / policy.
  private static func divergence(_ update: UpdateRow) -> Double? {
    guard let reference = update.referenceLogprobs else { return nil }
    return mean(
      zip(reference, update.logprobs).map { reference, policy in
        let difference = Double(reference) - Double(policy)
        return exp(difference) - 1 - difference
      })
  }

  private static func mean(_ values: [Double]) -> Double? {
    values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
  }

  /// SQLite stores NaN as NULL but infinities as they are; neither belongs into a mean over rows.
  private static func finite(_ value: Double?) -> Double? {
    value.flatMap { $0.isFinite ? $0 : nil }
  }
}

extension RolloutID {
  /// As a BLOB.
  var data: Data { Data(bytes) }
}
