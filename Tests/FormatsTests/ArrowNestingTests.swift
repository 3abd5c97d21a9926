import Formats
import Foundation
import Testing

/// Lists in lists, and what readers refuse to follow.
@Suite struct ArrowNestingTests {
  private func write(_ path: String, _ columns: [(ArrowField, ArrowColumn)], _ compression: ArrowCompression) throws {
    let writer = try ArrowFileWriter(
      path: path, schema: ArrowSchema(fields: columns.map(\.0)), compression: compression)
    try writer.append(columns.map(\.1))
    try writer.finish()
  }

  private func nested(_ depth: Int) -> ArrowType {
    depth == 0 ? .int8 : .list(ArrowField("item", nested(depth - 1), nullable: true))
  }

  private func column(_ depth: Int) -> ArrowColumn {
    depth == 0 ? ArrowColumn(.int8([7])) : ArrowColumn(.list(offsets: [0, 1], child: column(depth - 1)))
  }

  @Test(arguments: [ArrowCompression.none, .lz4Frame])
  func listsOfListsComeBack(_ compression: ArrowCompression) throws {
    let scratch = try ScratchFolder()
    let path = "\(scratch.path)/x.arrow"
    // [[[1, null], null, []], null, []]
    let numbers = ArrowColumn(.int16([1, 0]), validity: Bitmap([true, false]))
    let inner = ArrowColumn(.list(offsets: [0, 2, 2, 2], child: numbers), validity: Bitmap([true, false, true]))
    let outer = ArrowColumn(.list(offsets: [0, 3, 3, 3], child: inner), validity: Bitmap([true, false, true]))
    let item = ArrowField("item", .list(ArrowField("item", .int16, nullable: true)), nullable: true)
    try write(path, [(ArrowField("x", .list(item), nullable: true), outer)], compression)
    #expect(try ArrowFileReader(path: path).batch(0)["x"] == outer)
  }

  @Test func eightListsDeepAndNoDeeper() throws {
    let scratch = try ScratchFolder()
    let path = "\(scratch.path)/x.arrow"
    try write(path, [(ArrowField("x", nested(8), nullable: true), column(8))], .lz4Frame)
    #expect(try ArrowFileReader(path: path).batch(0)["x"] == column(8))
    try write(path, [(ArrowField("x", nested(9), nullable: true), column(9))], .lz4Frame)
    let error = rollbookError { _ = try ArrowFileReader(path: path) }
    #expect(error?.message.contains("9 lists deep") == true)
    #expect(error?.place.hasPrefix("\(path) at byte ") == true)
  }

  /// Buffers that share bytes would let a small file decompress to any size.
  @Test func buffersMayNotShareBytes() throws {
    let scratch = try ScratchFolder()
    let path = "\(scratch.path)/x.arrow"
    let field = ArrowField("a", .int64)
    let values = ArrowColumn(.int64([1, 2, 3]))
    try write(path, [(field, values), (ArrowField("b", .int64), values)], .none)
    var file = try fileBytes(path)
    // The places of the four buffers: no validity, 24 bytes, no validity, 24 bytes.
    let places: [Int64] = [0, 0, 0, 24, 24, 0, 24, 24]
    let pattern = places.withUnsafeBytes { Array($0) }
    let start = try #require(file.indices.first { file[$0...].starts(with: pattern) })
    file[start + 24] = 48
    try overwrite(path, file)
    let error = rollbookError { _ = try ArrowFileReader(path: path) }
    #expect(error?.message.contains("48 bytes, found 72") == true, "\(String(describing: error))")
  }

  /// What was not asked for may be damaged.
  @Test func otherColumnsAreNotTouched() throws {
    let scratch = try ScratchFolder()
    let path = try writeRollouts(sampleRollouts(64), to: "\(scratch.path)/x.arrow")
    let reader = try RolloutShardReader(path: path)
    let summaries = try reader.summaries(batch: 0)
    let texts = Array("It is 1 …".utf8)
    var file = try fileBytes(path)
    // The first response starts the frame of `response_text` as literals.
    let place = try #require(file.indices.first { file[$0...].starts(with: texts) })
    file[place] ^= 1
    try overwrite(path, file)
    #expect(try RolloutShardReader(path: path).summaries(batch: 0) == summaries)
    let error = rollbookError { _ = try RolloutShardReader(path: path).rows() }
    #expect(error?.message.contains("response_text") == true)
  }
}
