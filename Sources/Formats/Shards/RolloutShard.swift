/// Rollouts as columns (docs/format.md has the table).
package struct RolloutCodec: ShardCodec {
  package init() {}

  package var kind: Manifest.Kind { .rollouts }
  package var schemaVersion: Int { 1 }

  package var fields: [ArrowField] {
    [
      ArrowField("id", .fixedSizeBinary(RolloutID.byteCount)),
      ArrowField("step", .int64),
      ArrowField("group", .int64),
      ArrowField("sample", .int64),
      ArrowField("kind", .utf8),
      ArrowField("prompt_id", .utf8),
      ArrowField("task", .utf8, nullable: true),
      ArrowField("messages", .utf8, nullable: true),
      ArrowField("prompt_text", .utf8),
      ArrowField("prompt_tokens", .list(of: .int32)),
      ArrowField("prompt_length", .int32),
      ArrowField("response_text", .utf8),
      ArrowField("response_tokens", .list(of: .int32)),
      ArrowField("response_length", .int32),
      ArrowField("logprobs", .list(of: .float32), nullable: true),
      ArrowField("response_mask", .list(of: .bool), nullable: true),
      ArrowField("finish_reason", .utf8),
      ArrowField("answer", .utf8, nullable: true),
      ArrowField("meta", .utf8, nullable: true),
      ArrowField("policy", .utf8),
      ArrowField("policy_step", .int64, nullable: true),
      ArrowField("seed", .int64),
    ]
  }

  /// The columns that a `RolloutSummary` takes.
  package static let summaryColumns = [
    "id", "step", "group", "sample", "kind", "prompt_id", "task", "prompt_length", "response_length", "finish_reason",
    "policy", "policy_step", "seed",
  ]

  package func rolloutID(_ row: Rollout) -> RolloutID { row.id }
  package func isSameGroup(_ a: UnsafePointer<Rollout>, _ b: UnsafePointer<Rollout>) -> Bool {
    a.pointee.step == b.pointee.step && a.pointee.group == b.pointee.group
  }

  package func encode(_ rows: RowParts<Rollout>) throws -> [ArrowColumn] {
    try rows.forEach { _, row in try check(row, place: "rollout \(row.pointee.id)") }
    return [
      .ids(rows) { $0.pointee.id },
      .int64(rows) { $0.pointee.step },
      .int64(rows) { $0.pointee.group },
      .int64(rows) { $0.pointee.sample },
      try .utf8(rows) { $0.pointee.kind },
      try .utf8(rows) { $0.pointee.promptID },
      try .utf8(rows, nullable: { $0.pointee.task }),
      try .utf8(rows, nullable: { $0.pointee.messages }),
      try .utf8(rows) { $0.pointee.promptText },
      try .list(rows) { $0.pointee.promptTokens },
      ArrowColumn(.int32(rows.map { Int32(clamping: $0.pointee.promptTokens.count) })),
      try .utf8(rows) { $0.pointee.responseText },
      try .list(rows) { $0.pointee.responseTokens },
      ArrowColumn(.int32(rows.map { Int32(clamping: $0.pointee.responseTokens.count) })),
      try .list(rows, nullable: { $0.pointee.logprobs }),
      try .list(rows, nullable: { $0.pointee.responseMask }),
      try .utf8(rows) { $0.pointee.finishReason.rawValue },
      try .utf8(rows, nullable: { $0.pointee.answer }),
      try .utf8(rows, nullable: { $0.pointee.meta }),
      try .utf8(rows) { $0.pointee.policy },
      .int64(rows, nullable: { $0.pointee.policyStep }),
      .int64(rows) { $0.pointee.seed },
    ]
  }

  /// What neither a writer nor a reader lets pass.
  private func check(_ row: UnsafePointer<Rollout>, place: @autoclosure () -> String) throws {
    if let logprobs = row.pointee.logprobs {
      guard logprobs.count == row.pointee.responseTokens.count else {
        throw RollbookError.badInput(
          place(), "expected a log-probability for each of \(row.pointee.responseTokens.count) tokens, found \(logprobs.count)")
      }
      guard logprobs.areFinite else {
        throw RollbookError.badInput(place(), "expected finite log-probabilities, found infinity or NaN")
      }
    }
    if let mask = row.pointee.responseMask, mask.count != row.pointee.responseTokens.count {
      throw RollbookError.badInput(
        place(), "expected a mask entry for each of \(row.pointee.responseTokens.count) tokens, found \(mask.count)")
    }
    guard !row.pointee.promptID.isEmpty else { throw RollbookError.badInput(place(), "expected a prompt id, found none") }
  }

  /// Only the summary's columns are essential; texts that are missing read as "", lists as empty, the rest as nil.
  package func decode(_ batch: RecordBatch, place: String) throws -> [Rollout] {
    let summaries = try summaries(batch, place: place)
    let columns = BatchColumns(batch: batch, place: place)
    let messages = try columns.optionalStrings("messages")
    let promptTexts = try columns.optionalStrings("prompt_text")
    let promptTokens = columns.has("prompt_tokens") ? try columns.int32Lists("prompt_tokens") : nil
    let responseTexts = try columns.optionalStrings("response_text")
    let responseTokens = columns.has("response_tokens") ? try columns.int32Lists("response_tokens") : nil
    let logprobs = try columns.optionalFloatLists("logprobs")
    let masks = try columns.optionalBoolLists("response_mask")
    let answers = try columns.optionalStrings("answer")
    let metas = try columns.optionalStrings("meta")
    return try summaries.indices.map { row in
      let summary = summaries[row]
      let rollout = Rollout(
        id: summary.id, step: summary.step, group: summary.group, sample: summary.sample, kind: summary.kind,
        promptID: summary.promptID, task: summary.task, messages: messages[row], promptText: promptTexts[row] ?? "",
        promptTokens: promptTokens?[row] ?? [], responseText: responseTexts[row] ?? "",
        responseTokens: responseTokens?[row] ?? [], logprobs: logprobs[row], responseMask: masks[row],
        finishReason: summary.finishReason, answer: answers[row], meta: metas[row], policy: summary.policy,
        policyStep: summary.policyStep, seed: summary.seed)
      func rowPlace() -> String { "\(place), row \(row)" }
      if promptTokens != nil, rollout.promptTokens.count != summary.promptLength {
        throw RollbookError.badInput(
          rowPlace(),
          "expected \(summary.promptLength) tokens by 'prompt_length', found \(rollout.promptTokens.count)")
      }
      if responseTokens != nil {
        guard rollout.responseTokens.count == summary.responseLength else {
          throw RollbookError.badInput(
            place,
            "expected \(summary.responseLength) tokens by 'response_length', found \(rollout.responseTokens.count)")
        }
        try withUnsafePointer(to: rollout) { try check($0, place: rowPlace()) }
      }
      return rollout
    }
  }

  /// Rows without texts and tokens.
  package func summaries(_ batch: RecordBatch, place: String) throws -> [RolloutSummary] {
    let columns = BatchColumns(batch: batch, place: place)
    let ids = try columns.ids("id")
    let steps = try columns.ints("step")
    let groups = try columns.ints("group")
    let samples = try columns.ints("sample")
    let kinds = try columns.strings("kind")
    let promptIDs = try columns.strings("prompt_id")
    let tasks = try columns.optionalStrings("task")
    let promptLengths = try columns.ints("prompt_length")
    let responseLengths = try columns.ints("response_length")
    let reasons = try columns.strings("finish_reason")
    let policies = try columns.strings("policy")
    let policySteps = try columns.optionalInts("policy_step")
    let seeds = try columns.ints("seed")
    return try ids.indices.map { row in
      guard let reason = FinishReason(rawValue: reasons[row]) else {
        throw columns.fault(
          "finish_reason", "expected stop, stop_string or length, found '\(reasons[row])' at row \(row)")
      }
      guard promptLengths[row] >= 0, responseLengths[row] >= 0 else {
        throw columns.fault("response_length", "expected lengths of zero or more at row \(row)")
      }
      return RolloutSummary(
        id: ids[row], step: steps[row], group: groups[row], sample: samples[row], kind: kinds[row],
        promptID: promptIDs[row], task: tasks[row], promptLength: promptLengths[row],
        responseLength: responseLengths[row], finishReason: reason, policy: policies[row],
        policyStep: policySteps[row], seed: seeds[row])
    }
  }
}

extension [Float] {
  /// Whether none is infinite or NaN. Without an early end the loop takes many at a time.
  fileprivate var areFinite: Bool {
    withUnsafeBufferPointer { values in
      var isFound: UInt32 = 0
      for value in values { isFound |= (value.bitPattern & 0x7f80_0000) == 0x7f80_0000 ? 1 : 0 }
      return isFound == 0
    }
  }
}
