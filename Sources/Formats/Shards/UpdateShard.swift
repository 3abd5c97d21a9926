/// What a training step did to each token, as columns (docs/format.md has the table).
package struct UpdateCodec: ShardCodec {
  package init() {}

  package var kind: Manifest.Kind { .updates }
  package var schemaVersion: Int { 1 }

  package var fields: [ArrowField] {
    [
      ArrowField("rollout", .fixedSizeBinary(RolloutID.byteCount)),
      ArrowField("step", .int64),
      ArrowField("prompt_id", .utf8),
      ArrowField("sample", .int64),
      ArrowField("reward", .float64),
      ArrowField("advantages", .list(of: .float32)),
      ArrowField("weights", .list(of: .float32)),
      ArrowField("old_logprobs", .list(of: .float32)),
      ArrowField("behaviour_logprobs", .list(of: .float32)),
      ArrowField("reference_logprobs", .list(of: .float32), nullable: true),
      ArrowField("logprobs", .list(of: .float32)),
      ArrowField("ratios", .list(of: .float32)),
      ArrowField("clips", .list(of: .int8)),
    ]
  }

  package func rolloutID(_ row: UpdateRow) -> RolloutID { row.rollout }
  package func groupEnd(_ rows: UnsafeBufferPointer<UpdateRow>, from start: Int) -> Int {
    rows.runEnd(from: start) { $0.pointee.step == $1.pointee.step && $0.pointee.promptID == $1.pointee.promptID }
  }

  /// Every list has one entry a token. Values may be infinite or NaN: a step that diverged is worth looking at.
  private func check(_ row: UnsafePointer<UpdateRow>, place: @autoclosure () -> String) throws {
    let count = row.pointee.logprobs.count
    let lists = [
      ("advantages", row.pointee.advantages.count), ("weights", row.pointee.weights.count), ("old_logprobs", row.pointee.oldLogprobs.count),
      ("behaviour_logprobs", row.pointee.behaviourLogprobs.count),
      ("reference_logprobs", row.pointee.referenceLogprobs?.count ?? count), ("ratios", row.pointee.ratios.count),
      ("clips", row.pointee.clips.count),
    ]
    for (name, found) in lists where found != count {
      throw RollbookError.badInput(place(), "expected \(count) '\(name)', as many as logprobs, found \(found)")
    }
  }

  package func encode(_ rows: RowParts<UpdateRow>) throws -> [ArrowColumn] {
    try rows.forEach { _, row in try check(row, place: "update of rollout \(row.pointee.rollout)") }
    return [
      .ids(rows) { $0.pointee.rollout },
      .int64(rows) { $0.pointee.step },
      try .utf8(rows) { $0.pointee.promptID },
      .int64(rows) { $0.pointee.sample },
      .float64(rows) { $0.pointee.reward },
      try .list(rows) { $0.pointee.advantages },
      try .list(rows) { $0.pointee.weights },
      try .list(rows) { $0.pointee.oldLogprobs },
      try .list(rows) { $0.pointee.behaviourLogprobs },
      try .list(rows, nullable: { $0.pointee.referenceLogprobs }),
      try .list(rows) { $0.pointee.logprobs },
      try .list(rows) { $0.pointee.ratios },
      try .list(rows) { $0.pointee.clips },
    ]
  }

  package func decode(_ batch: RecordBatch, place: String) throws -> [UpdateRow] {
    let columns = BatchColumns(batch: batch, place: place)
    let ids = try columns.ids("rollout")
    let steps = try columns.ints("step")
    let promptIDs = try columns.strings("prompt_id")
    let samples = try columns.ints("sample")
    let rewards = try columns.doubles("reward")
    let advantages = try columns.floatLists("advantages")
    let weights = try columns.floatLists("weights")
    let old = try columns.floatLists("old_logprobs")
    let behaviour = try columns.floatLists("behaviour_logprobs")
    let reference = try columns.optionalFloatLists("reference_logprobs")
    let logprobs = try columns.floatLists("logprobs")
    let ratios = try columns.floatLists("ratios")
    let clips = try columns.int8Lists("clips")
    return try ids.indices.map { row in
      let update = UpdateRow(
        rollout: ids[row], step: steps[row], promptID: promptIDs[row], sample: samples[row], reward: rewards[row],
        advantages: advantages[row], weights: weights[row], oldLogprobs: old[row], behaviourLogprobs: behaviour[row],
        referenceLogprobs: reference[row], logprobs: logprobs[row], ratios: ratios[row], clips: clips[row])
      try withUnsafePointer(to: update) { try check($0, place: "\(place), row \(row)") }
      return update
    }
  }
}
