/// Scores as columns: `reward`, one nullable float64 `component.NAME` for each component, `extracted`.
package struct ScoreCodec: ShardCodec {
  /// In the order of a row's `components`.
  package let components: [String]

  static let prefix = "component."

  package init(components: [String]) {
    self.components = components
  }

  /// The components that a shard's columns name.
  package init(_ schema: ArrowSchema) {
    components = schema.fields.map(\.name).filter { $0.hasPrefix(Self.prefix) }
      .map { String($0.dropFirst(Self.prefix.count)) }
  }

  package var kind: Manifest.Kind { .scores }
  package var schemaVersion: Int { 1 }

  package var fields: [ArrowField] {
    [
      ArrowField("rollout", .fixedSizeBinary(RolloutID.byteCount)),
      ArrowField("step", .int64),
      ArrowField("prompt_id", .utf8),
      ArrowField("sample", .int64),
      ArrowField("reward", .float64, nullable: true),
    ] + components.map { ArrowField(Self.prefix + $0, .float64, nullable: true) } + [
      ArrowField("extracted", .utf8, nullable: true)
    ]
  }

  package func rolloutID(_ row: ScoreRow) -> RolloutID { row.rollout }
  package func groupEnd(_ rows: UnsafeBufferPointer<ScoreRow>, from start: Int) -> Int {
    rows.runEnd(from: start) { $0.pointee.step == $1.pointee.step && $0.pointee.promptID == $1.pointee.promptID }
  }

  package func encode(_ rows: RowParts<ScoreRow>) throws -> [ArrowColumn] {
    try rows.forEach { _, row in
      guard row.pointee.components.count == components.count else {
        throw RollbookError.bug("score of \(row.pointee.rollout): \(row.pointee.components.count) components, not \(components.count)")
      }
      for value in row.pointee.components { try check(value, row.pointee.rollout) }
      try check(row.pointee.reward, row.pointee.rollout)
    }
    return [
      .ids(rows) { $0.pointee.rollout },
      .int64(rows) { $0.pointee.step },
      try .utf8(rows) { $0.pointee.promptID },
      .int64(rows) { $0.pointee.sample },
      .float64(rows, nullable: { $0.pointee.reward }),
    ] + components.indices.map { index in .float64(rows, nullable: { $0.pointee.components[index] }) } + [
      try .utf8(rows, nullable: { $0.pointee.extracted })
    ]
  }

  private func check(_ value: Double?, _ rollout: RolloutID) throws {
    guard let value, !value.isFinite else { return }
    throw RollbookError.badInput(
      "score of rollout \(rollout)", "expected a finite reward, found \(value)",
      hint: "a reward that does not apply is null")
  }

  /// `extracted` may be missing.
  package func decode(_ batch: RecordBatch, place: String) throws -> [ScoreRow] {
    let columns = BatchColumns(batch: batch, place: place)
    let ids = try columns.ids("rollout")
    let steps = try columns.ints("step")
    let promptIDs = try columns.strings("prompt_id")
    let samples = try columns.ints("sample")
    let rewards = try columns.optionalDoubles("reward")
    let values = try components.map { try columns.optionalDoubles(Self.prefix + $0) }
    let extracted = try columns.optionalStrings("extracted")
    return ids.indices.map { row in
      ScoreRow(
        rollout: ids[row], step: steps[row], promptID: promptIDs[row], sample: samples[row], reward: rewards[row],
        components: values.map { $0[row] }, extracted: extracted[row])
    }
  }
}
