import Formats
import Foundation
import Testing

@Suite struct ShardTests {
  @Test func rolloutsComeBackWhole() throws {
    let scratch = try ScratchFolder()
    let rows = sampleRollouts(150)
    let path = try writeRollouts(rows, to: "\(scratch.path)/x.arrow", metadata: ["action": "k"])
    let reader = try RolloutShardReader(path: path)
    #expect(try reader.rows() == rows)
    #expect(reader.metadata == ["rollbook.kind": "rollouts", "rollbook.schema_version": "1", "action": "k"])
    #expect(reader.file.batchRowCounts == [64, 64, 22])
  }

  @Test func summariesLeaveTextsAndTokensAlone() throws {
    let scratch = try ScratchFolder()
    let rows = sampleRollouts(8)
    let path = try writeRollouts(rows, to: "\(scratch.path)/x.arrow")
    let summaries = try RolloutShardReader(path: path).summaries(batch: 0)
    #expect(summaries.map(\.id) == rows.map(\.id))
    #expect(summaries.map(\.responseLength) == rows.map(\.responseTokens.count))
    #expect(summaries.map(\.promptLength) == rows.map(\.promptTokens.count))
    #expect(summaries.map(\.finishReason) == rows.map(\.finishReason))
    #expect(summaries.map(\.policyStep) == rows.map(\.policyStep))

    // Destroy the token ids: the summaries do not notice, the rows do.
    var file = try fileBytes(path)
    let frames = file.indices.filter { file[$0...].starts(with: [0x04, 0x22, 0x4d, 0x18]) }
    var untouched = 0
    for frame in frames {
      file[frame] ^= 0xff
      try overwrite(path, file)
      file[frame] ^= 0xff
      let damaged = try RolloutShardReader(path: path)
      #expect(rollbookError { _ = try damaged.rows() }?.code == .badInput)
      var found = summaries
      if try succeeds({ found = try damaged.summaries(batch: 0) }) { untouched += 1 }
      #expect(found == summaries)
    }
    // Untouched: validity, offsets and values of messages, texts, tokens, log-probabilities, mask, answer, meta.
    #expect(untouched >= 15)
  }

  @Test func columnsThatAreNotAskedForStayEmpty() throws {
    let scratch = try ScratchFolder()
    let rows = sampleRollouts(4)
    let path = try writeRollouts(rows, to: "\(scratch.path)/x.arrow")
    let columns = RolloutCodec.summaryColumns + ["response_text", "answer"]
    let read = try RolloutShardReader(path: path).rows(columns: columns)
    #expect(read.map(\.responseText) == rows.map(\.responseText))
    #expect(read.map(\.answer) == rows.map(\.answer))
    #expect(read.allSatisfy { $0.responseTokens.isEmpty && $0.promptText.isEmpty && $0.logprobs == nil })
    let error = rollbookError { _ = try RolloutShardReader(path: path).rows(columns: ["id"]) }
    #expect(error?.message.contains("'step'") == true)
  }

  @Test(arguments: [1, 4, 24, 63, 64, 65, 100])
  func batchesHoldWholeGroups(_ groupSize: Int) throws {
    let scratch = try ScratchFolder()
    let rows = sampleRollouts(groupSize * 7, groupSize: groupSize)
    let path = try writeRollouts(rows, to: "\(scratch.path)/x.arrow")
    let reader = try RolloutShardReader(path: path)
    var groups: [Int] = []
    for index in 0..<reader.batchCount {
      let batch = try reader.rows(batch: index)
      let inBatch = Set(batch.map(\.group))
      #expect(batch.count == inBatch.count * groupSize)
      #expect(batch.count <= 64 || inBatch.count == 1)
      groups += inBatch
    }
    #expect(Set(groups).count == groups.count)
    #expect(try reader.rows() == rows)
  }

  @Test func bytesDependOnRowsAndMetadataAlone() throws {
    let scratch = try ScratchFolder()
    let rows = sampleRollouts(200)
    let whole = try fileBytes(writeRollouts(rows, to: "\(scratch.path)/a.arrow"))
    let writer = try RolloutShardWriter(staging: "\(scratch.path)/b.arrow")
    for start in stride(from: 0, to: rows.count, by: 4) { try writer.append(Array(rows[start..<(start + 4)])) }
    try writer.finish()
    #expect(try fileBytes("\(scratch.path)/b.arrow") == whole)
  }

  @Test func scoresComeBackWhole() throws {
    let scratch = try ScratchFolder()
    let path = "\(scratch.path)/s.arrow"
    let rows = (0..<100).map { index in
      ScoreRow(
        rollout: sampleRollout(index).id, step: 2, promptID: "prompt-\(index / 4)", sample: index % 4,
        reward: index % 9 == 0 ? nil : Double(index) / 3, components: [index % 2 == 0 ? nil : 1, -0.25],
        extracted: index % 3 == 0 ? nil : "é\(index)")
    }
    let writer = try ScoreShardWriter(staging: path, components: ["math", "length penalty"])
    try writer.append(rows)
    try writer.finish()
    let reader = try ScoreShardReader(path: path)
    #expect(reader.components == ["math", "length penalty"])
    #expect(try reader.rows() == rows)
    let names = reader.file.schema.fields.map(\.name)
    #expect(names.contains("component.math") && names.contains("component.length penalty"))
  }

  @Test func updatesComeBackWhole() throws {
    let scratch = try ScratchFolder()
    let path = "\(scratch.path)/u.arrow"
    let rows = (0..<70).map { index in
      let values = (0..<(index % 13)).map { Float($0) - 0.5 }
      return UpdateRow(
        rollout: sampleRollout(index).id, step: 2, promptID: "prompt-\(index / 4)", sample: index % 4, reward: 0.5,
        advantages: values, weights: values.map { $0 * 2 }, oldLogprobs: values.map { $0 - 1 },
        behaviourLogprobs: values, referenceLogprobs: index % 2 == 0 ? nil : values, logprobs: values,
        ratios: values.map { $0 == 0.5 ? .infinity : $0 }, clips: values.map { $0 < 0 ? -1 : $0 > 3 ? 1 : 0 })
    }
    let writer = try UpdateShardWriter(staging: path)
    try writer.append(rows)
    try writer.finish()
    #expect(try UpdateShardReader(path: path).rows() == rows)
  }

  @Test func impossibleRowsAreRefused() throws {
    let scratch = try ScratchFolder()
    func refused(_ change: (inout Rollout) -> Void) throws -> RollbookError? {
      var row = sampleRollout(2)
      change(&row)
      let writer = try RolloutShardWriter(staging: "\(scratch.path)/x.arrow")
      return rollbookError {
        try writer.append([row])
        try writer.finish()
      }
    }
    #expect(try refused { $0.logprobs = [0] }?.message.contains("log-probability for each") == true)
    #expect(try refused { $0.logprobs = $0.responseTokens.map { _ in .nan } }?.message.contains("finite") == true)
    #expect(try refused { $0.responseMask = [true] }?.message.contains("mask") == true)
    #expect(try refused { $0.promptID = "" }?.message.contains("prompt id") == true)
    let scores = try ScoreShardWriter(staging: "\(scratch.path)/s.arrow", components: ["a"])
    let row = ScoreRow(
      rollout: sampleRollout(0).id, step: 0, promptID: "p", sample: 0, reward: .infinity, components: [nil])
    try scores.append([row])
    #expect(rollbookError { try scores.finish() }?.message.contains("finite reward") == true)
  }

  @Test func shardsOfAnotherKindOrVersionAreRefused() throws {
    let scratch = try ScratchFolder()
    let path = try writeRollouts(sampleRollouts(4), to: "\(scratch.path)/x.arrow")
    #expect(rollbookError { _ = try ScoreShardReader(path: path) }?.message.contains("found rollouts") == true)
    let newer = "\(scratch.path)/newer.arrow"
    let schema = ArrowSchema(
      fields: RolloutCodec().fields,
      metadata: [.init("rollbook.kind", "rollouts"), .init("rollbook.schema_version", "99")])
    try ArrowFileWriter(path: newer, schema: schema).finish()
    let error = rollbookError { _ = try RolloutShardReader(path: newer) }
    #expect(error?.message.contains("found 99") == true)
    #expect(error?.code == .badInput)
  }

  @Test func columnsAddedByOthersAreIgnored() throws {
    let scratch = try ScratchFolder()
    let path = "\(scratch.path)/x.arrow"
    let codec = RolloutCodec()
    var schema = codec.schema(metadata: [:])
    schema.fields.insert(ArrowField("extra", .float64), at: 3)
    let rows = sampleRollouts(4)
    var columns = try codec.encode(RowParts(rows))
    columns.insert(ArrowColumn(.float64([1, 2, 3, 4])), at: 3)
    let writer = try ArrowFileWriter(path: path, schema: schema)
    try writer.append(columns)
    try writer.finish()
    #expect(try RolloutShardReader(path: path).rows() == rows)
  }

  @Test func illegalValuesInAShardNameTheirPlace() throws {
    let scratch = try ScratchFolder()
    let codec = RolloutCodec()
    let rows = sampleRollouts(4)
    func error(_ column: String, _ value: ArrowColumn) throws -> RollbookError? {
      let path = "\(scratch.path)/x.arrow"
      var columns = try codec.encode(RowParts(rows))
      columns[try #require(codec.fields.firstIndex { $0.name == column })] = value
      let writer = try ArrowFileWriter(path: path, schema: codec.schema(metadata: [:]))
      try writer.append(columns)
      try writer.finish()
      let error = rollbookError { _ = try RolloutShardReader(path: path).rows() }
      #expect(error?.code == .badInput)
      #expect(error?.place.hasPrefix("\(path), batch 0") == true)
      return error
    }
    let words = try ArrowColumn.utf8(RowParts(["stop", "stop", "tired", "stop"])) { $0.pointee }
    #expect(try error("finish_reason", words)?.message.contains("'tired' at row 2") == true)
    let lengths = ArrowColumn(.int32([0, 0, 0, 0]))
    #expect(try error("response_length", lengths)?.message.contains("'response_length'") == true)
    let negative = ArrowColumn(.int32([-1, 0, 0, 0]))
    #expect(try error("prompt_length", negative) != nil)
    let broken = ArrowColumn(.utf8(offsets: [0, 1, 1, 1, 1], bytes: [0xff]))
    #expect(try error("response_text", broken)?.message.contains("response_text") == true)
    let none = try ArrowColumn.list(RowParts([[0], [], [], []] as [[Float]?]), nullable: { $0.pointee })
    #expect(try error("logprobs", none)?.message.contains("log-probability") == true)
  }
}
