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
  package func isSameGroup(_ a: UpdateRow, _ b: UpdateRow) -> Bool {
    a.step == b.step && a.promptID == b.promptID
  }

  /// Every list has one entry a token. Values may be infinite or NaN: a step that diverged is worth looking at.
  private func check(_ row: UpdateRow, place: @autoclosure () -> String) throws {
    let count = row.logprobs.count
    let lists = [
      ("advantages", row.advantages.count), ("weights", row.weights.count), ("old_logprobs", row.oldLogprobs.count),
      ("behaviour_logprobs", row.behaviourLogprobs.count),
      ("reference_logprobs", row.referenceLogprobs?.count ?? count), ("ratios", row.ratios.count),
      ("clips", row.clips.count),
    ]
    for (name, found) in lists where found != count {
      throw RollbookError.badInput(place(), "expected \(count) '\(name)', as many as logprobs, found \(found)")
    }
  }

  package func encode(_ rows: [UpdateRow]) throws -> [ArrowColumn] {
    for row in rows { try check(row, place: "update of rollout \(row.rollout)") }
    return [
      .ids(rows) { $0.rollout },
      .int64(rows) { $0.step },
      try .utf8(rows) { $0.promptID },
      .int64(rows) { $0.sample },
      .float64(rows) { $0.reward },
      try .list(rows) { $0.advantages },
      try .list(rows) { $0.weights },
      try .list(rows) { $0.oldLogprobs },
      try .list(rows) { $0.behaviourLogprobs },
      try .list(rows, nullable: { $0.referenceLogprobs }),
      try .list(rows) { $0.logprobs },
      try .list(rows) { $0.ratios },
      try .list(rows) { $0.clips },
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
      try check(update, place: "\(place), row \(row)")
      return update
    }
  }
}
