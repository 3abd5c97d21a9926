import Formats
import Foundation
import Testing

/// Damaged files give errors, never a crash and never other rows.
@Suite struct ArrowDamageTests {
  /// A file small enough to damage at every byte, with the kinds of buffers there are.
  private func smallFile(_ path: String, _ compression: ArrowCompression) throws {
    let schema = ArrowSchema(
      fields: [
        ArrowField("id", .fixedSizeBinary(2)), ArrowField("text", .utf8, nullable: true),
        ArrowField("list", .list(of: .bool)),
      ], metadata: [.init("k", "v")])
    let writer = try ArrowFileWriter(path: path, schema: schema, compression: compression)
    for batch in 0..<2 {
      try writer.append([
        ArrowColumn(.fixedSizeBinary(width: 2, bytes: [UInt8](repeating: UInt8(batch), count: 6))),
        ArrowColumn(
          .utf8(offsets: [0, 2, 2, 5], bytes: Array("hello".utf8)), validity: Bitmap([true, false, true])),
        ArrowColumn(.list(offsets: [0, 1, 3, 3], child: ArrowColumn(.bool(Bitmap([true, false, true]))))),
      ])
    }
    try writer.finish()
  }

  private func readAll(_ path: String) throws -> [RecordBatch] {
    let reader = try ArrowFileReader(path: path)
    return try (0..<reader.batchCount).map { try reader.batch($0) }
  }

  @Test(arguments: [ArrowCompression.none, .lz4Frame])
  func everyTruncationIsAnError(_ compression: ArrowCompression) throws {
    let scratch = try ScratchFolder()
    let path = "\(scratch.path)/x.arrow"
    try smallFile(path, compression)
    let whole = try fileBytes(path)
    let batches = try readAll(path)
    for count in 0..<whole.count {
      try overwrite(path, Array(whole[..<count]))
      let error = rollbookError({ _ = try readAll(path) }, "cut to \(count) bytes")
      #expect(error?.code == .badInput)
      #expect(error?.message.contains("truncated") == true, "cut to \(count) bytes: \(String(describing: error))")
      #expect(error?.place.hasPrefix(path) == true)
      // What can be salvaged is a beginning of the rows, and is called incomplete.
      var salvaged: [RecordBatch] = []
      let report = try? ArrowFileReader.salvage(path: path) { salvaged.append($0) }
      #expect(batches.starts(with: salvaged))
      #expect(report == nil || report?.problem?.message.contains("truncated") == true)
    }
  }

  @Test func salvageFindsEveryCompleteBatch() throws {
    let scratch = try ScratchFolder()
    let path = "\(scratch.path)/x.arrow"
    try smallFile(path, .lz4Frame)
    let whole = try fileBytes(path)
    let complete = try ArrowFileReader.salvage(path: path)
    #expect(complete.problem == nil)
    #expect(complete.batchCount == 2)
    #expect(complete.rowCount == 6)
    try overwrite(path, Array(whole[..<complete.goodBytes]))
    let cut = try ArrowFileReader.salvage(path: path)
    #expect(cut.batchCount == 2)
    #expect(cut.goodBytes == complete.goodBytes)
    #expect(cut.problem?.message.contains("truncated") == true)
    try overwrite(path, Array(whole[..<(complete.goodBytes - 1)]))
    #expect(try ArrowFileReader.salvage(path: path).batchCount == 1)
  }

  @Test(arguments: [ArrowCompression.none, .lz4Frame])
  func everyFlippedByteIsFoundByTheReaderOrTheDigest(_ compression: ArrowCompression) throws {
    let scratch = try ScratchFolder()
    let path = "\(scratch.path)/x.arrow"
    try smallFile(path, compression)
    var file = try fileBytes(path)
    let digest = try Digest.file(path)
    var silent = 0
    for index in file.indices {
      for mask in [UInt8(0x01), 0xff] {
        file[index] ^= mask
        try overwrite(path, file)
        file[index] ^= mask
        if try succeeds({ _ = try readAll(path) }) {
          silent += 1
          #expect(try Digest.file(path) != digest)
        }
      }
    }
    // Without compression nothing guards the values; with it, only metadata and padding are left to the digest.
    #expect(silent < (compression == .none ? 2 * file.count : file.count * 2 / 3))
  }

  @Test func everyFlippedByteOfARolloutShardIsFound() throws {
    let scratch = try ScratchFolder()
    let path = try writeRollouts(sampleRollouts(8), to: "\(scratch.path)/x.arrow")
    var file = try fileBytes(path)
    let digest = try Digest.file(path)
    for index in stride(from: 0, to: file.count, by: 7) {
      file[index] ^= 0xff
      try overwrite(path, file)
      file[index] ^= 0xff
      if try succeeds({ _ = try RolloutShardReader(path: path).rows() }) {
        #expect(try Digest.file(path) != digest)
      }
    }
  }

  /// Random changes, most of them in the metadata: integers replaced by extreme ones, bytes by random ones, pieces
  /// moved or cut.
  @Test(arguments: [ArrowCompression.none, .lz4Frame])
  func randomDamageNeverCrashes(_ compression: ArrowCompression) throws {
    let scratch = try ScratchFolder()
    let path = "\(scratch.path)/x.arrow"
    try smallFile(path, compression)
    let whole = try fileBytes(path)
    var numbers = SeededNumbers(state: compression == .none ? 11 : 12)
    var errors = 0
    for _ in 0..<2000 {
      try overwrite(path, damaged(whole, &numbers))
      if try !succeeds({ _ = try readAll(path) }) { errors += 1 }
      _ = try succeeds { _ = try ArrowFileReader.salvage(path: path) }
    }
    #expect(errors > 1000)
  }

  @Test func randomDamageToAShardNeverCrashes() throws {
    let scratch = try ScratchFolder()
    let path = try writeRollouts(sampleRollouts(4), to: "\(scratch.path)/x.arrow")
    let whole = try fileBytes(path)
    var numbers = SeededNumbers(state: 13)
    for round in 0..<500 {
      try overwrite(path, damaged(whole, &numbers))
      _ = try succeeds { _ = try RolloutShardReader(path: path).rows() }
      if round % 5 == 0 {
        // Resuming takes what is intact and makes a whole file of it.
        let writer = try RolloutShardWriter(staging: path)
        try writer.finish()
        #expect(sampleRollouts(4).starts(with: try RolloutShardReader(path: path).rows()))
      }
    }
  }

  private func damaged(_ whole: [UInt8], _ numbers: inout SeededNumbers) -> [UInt8] {
    var file = whole
    let extremes: [UInt64] = [0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, .max >> 1, .max]
    for _ in 0..<Int.random(in: 1...4, using: &numbers) {
      let place = Int.random(in: 0..<file.count, using: &numbers)
      switch Int.random(in: 0..<8, using: &numbers) {
      case 0: file = Array(file[..<place])
      case 1: file.removeSubrange(place..<min(file.count, place + 8))
      case 2: file.insert(contentsOf: file[max(0, place - 8)..<place], at: place)
      case 3, 4: file[place] = UInt8.random(in: 0...255, using: &numbers)
      default:
        let start = place & ~3
        let value = extremes.randomElement(using: &numbers) ?? 0
        let width = Bool.random(using: &numbers) ? 4 : 8
        for index in 0..<width where start + index < file.count {
          file[start + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
        }
      }
      if file.isEmpty { return file }
    }
    return file
  }

  @Test func otherFilesAreNamedForWhatTheyAre() throws {
    let scratch = try ScratchFolder()
    let text = try scratch.file("x.arrow", Array("hello, this is no Arrow file at all".utf8))
    let error = rollbookError { _ = try ArrowFileReader(path: text) }
    #expect(error?.description.contains("expected an Arrow IPC file") == true)
    #expect(rollbookError { _ = try ArrowFileReader(path: "\(scratch.path)/none") }?.code == .missing)
  }

  @Test func aFooterOfAnotherSchemaIsAnError() throws {
    let scratch = try ScratchFolder()
    let path = "\(scratch.path)/x.arrow"
    func file(_ name: String) throws -> [UInt8] {
      let writer = try ArrowFileWriter(path: path, schema: ArrowSchema(fields: [ArrowField(name, .int8)]))
      try writer.append([ArrowColumn(.int8([1]))])
      try writer.finish()
      return try fileBytes(path)
    }
    let (a, b) = (try file("aaa"), try file("bbb"))
    #expect(a.count == b.count)
    try overwrite(path, Array(a[..<(a.count / 2)]) + Array(b[(a.count / 2)...]))
    #expect(rollbookError { _ = try ArrowFileReader(path: path) }?.message.contains("same schema") == true)
  }
}
