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
  package func groupEnd(_ rows: UnsafeBufferPointer<Rollout>, from start: Int) -> Int {
    rows.runEnd(from: start) { $0.pointee.step == $1.pointee.step && $0.pointee.group == $1.pointee.group }
  }

  package func encode(_ rows: RowParts<Rollout>) throws -> [ArrowColumn] {
    try rows.forEach { _, row in
      try check(
        tokens: row.pointee.responseTokens.count, logprobs: row.pointee.logprobs, mask: row.pointee.responseMask,
        promptID: row.pointee.promptID, place: "rollout \(row.pointee.id)")
    }
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
  private func check(
    tokens: Int, logprobs: [Float]?, mask: [Bool]?, promptID: String, place: @autoclosure () -> String
  ) throws {
    if let logprobs {
      guard logprobs.count == tokens else {
        throw RollbookError.badInput(
          place(), "expected a log-probability for each of \(tokens) tokens, found \(logprobs.count)")
      }
      guard logprobs.areFinite else {
        throw RollbookError.badInput(place(), "expected finite log-probabilities, found infinity or NaN")
      }
    }
    if let mask, mask.count != tokens {
      throw RollbookError.badInput(
        place(), "expected a mask entry for each of \(tokens) tokens, found \(mask.count)")
    }
    guard !promptID.isEmpty else { throw RollbookError.badInput(place(), "expected a prompt id, found none") }
  }

  /// Only the summary's columns are essential; texts that are missing read as "", lists as empty, the rest as nil.
  package func decode(_ batch: RecordBatch, place: String) throws -> [Rollout] {
    let columns = BatchColumns(batch: batch, place: place)
    let summary = try SummaryColumns(columns)
    let messages = try columns.optionalStrings("messages")
    let promptTexts = try columns.optionalStrings("prompt_text")
    let promptTokens = columns.has("prompt_tokens") ? try columns.int32Lists("prompt_tokens") : nil
    let responseTexts = try columns.optionalStrings("response_text")
    let responseTokens = columns.has("response_tokens") ? try columns.int32Lists("response_tokens") : nil
    let logprobs = try columns.optionalFloatLists("logprobs")
    let masks = try columns.optionalBoolLists("response_mask")
    let answers = try columns.optionalStrings("answer")
    let metas = try columns.optionalStrings("meta")
    var rows: [Rollout] = []
    rows.reserveCapacity(batch.rowCount)
    for row in summary.ids.indices {
      func fault(_ expected: Int, _ name: String, _ found: Int) -> RollbookError {
        RollbookError.badInput("\(place), row \(row)", "expected \(expected) tokens by '\(name)', found \(found)")
      }
      let reason = try summary.check(row)
      let prompt = promptTokens?[row] ?? []
      guard promptTokens == nil || prompt.count == summary.promptLengths[row] else {
        throw fault(summary.promptLengths[row], "prompt_length", prompt.count)
      }
      let response = responseTokens?[row] ?? []
      if responseTokens != nil {
        guard response.count == summary.responseLengths[row] else {
          throw fault(summary.responseLengths[row], "response_length", response.count)
        }
        try check(
          tokens: response.count, logprobs: logprobs[row], mask: masks[row], promptID: summary.promptIDs[row],
          place: "\(place), row \(row)")
      }
      rows.append(
        Rollout(
          id: summary.ids[row], step: summary.steps[row], group: summary.groups[row], sample: summary.samples[row],
          kind: summary.kinds[row], promptID: summary.promptIDs[row], task: summary.tasks[row],
          messages: messages[row], promptText: promptTexts[row] ?? "", promptTokens: prompt,
          responseText: responseTexts[row] ?? "", responseTokens: response, logprobs: logprobs[row],
          responseMask: masks[row], finishReason: reason, answer: answers[row], meta: metas[row],
          policy: summary.policies[row], policyStep: summary.policySteps[row], seed: summary.seeds[row]))
    }
    return rows
  }

  /// Rows without texts and tokens.
  package func summaries(_ batch: RecordBatch, place: String) throws -> [RolloutSummary] {
    let summary = try SummaryColumns(BatchColumns(batch: batch, place: place))
    return try summary.ids.indices.map { row in
      RolloutSummary(
        id: summary.ids[row], step: summary.steps[row], group: summary.groups[row], sample: summary.samples[row],
        kind: summary.kinds[row], promptID: summary.promptIDs[row], task: summary.tasks[row],
        promptLength: summary.promptLengths[row], responseLength: summary.responseLengths[row],
        finishReason: try summary.check(row), policy: summary.policies[row], policyStep: summary.policySteps[row],
        seed: summary.seeds[row])
    }
  }
}

/// The columns that every reader of rollouts needs.
private struct SummaryColumns {
  let columns: BatchColumns
  let ids: [RolloutID]
  let steps, groups, samples, promptLengths, responseLengths, seeds: [Int]
  let kinds, promptIDs, reasons, policies: [String]
  let tasks: NullableRows<String>
  let policySteps: NullableRows<Int>

  init(_ columns: BatchColumns) throws {
    self.columns = columns
    ids = try columns.ids("id")
    steps = try columns.ints("step")
    groups = try columns.ints("group")
    samples = try columns.ints("sample")
    kinds = try columns.strings("kind")
    promptIDs = try columns.strings("prompt_id")
    tasks = try columns.optionalStrings("task")
    promptLengths = try columns.ints("prompt_length")
    responseLengths = try columns.ints("response_length")
    reasons = try columns.strings("finish_reason")
    policies = try columns.strings("policy")
    policySteps = try columns.optionalInts("policy_step")
    seeds = try columns.ints("seed")
  }

  /// The finish reason of a row whose lengths are legal.
  func check(_ row: Int) throws -> FinishReason {
    guard let reason = FinishReason(rawValue: reasons[row]) else {
      throw columns.fault(
        "finish_reason", "expected stop, stop_string or length, found '\(reasons[row])' at row \(row)")
    }
    guard promptLengths[row] >= 0, responseLengths[row] >= 0 else {
      throw columns.fault("response_length", "expected lengths of zero or more at row \(row)")
    }
    return reason
  }
}

extension [Float] {
  /// Whether none is infinite or NaN: adding one to an exponent of all ones carries into the sign.
  fileprivate var areFinite: Bool {
    withUnsafeBytes { bytes in
      var carries = SIMD16<UInt32>()
      var index = 0
      while index + 64 <= bytes.count {
        let bits = bytes.loadUnaligned(fromByteOffset: index, as: SIMD16<UInt32>.self)
        carries |= (bits & 0x7fff_ffff) &+ 0x0080_0000
        index += 64
      }
      var carry: UInt32 = 0
      for lane in carries.indices { carry |= carries[lane] }
      while index < bytes.count {
        let bits = bytes.loadUnaligned(fromByteOffset: index, as: UInt32.self)
        carry |= (bits & 0x7fff_ffff) &+ 0x0080_0000
        index += 4
      }
      return carry >> 31 == 0
    }
  }
}
