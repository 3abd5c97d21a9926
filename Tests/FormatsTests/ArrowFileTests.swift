import Formats
import Foundation
import TestSupport
import Testing

@Suite struct ArrowFileTests {
  /// Every type that is written, with and without nulls, empty texts and lists among them.
  private static let columns: [(ArrowField, ArrowColumn)] = {
    let validity = Bitmap([true, false, true, true, false])
    let item = ArrowField("item", .utf8)
    let words = ArrowColumn(.utf8(offsets: [0, 1, 1, 4], bytes: Array("aé!".utf8)))
    return [
      (
        ArrowField("flag", .bool, nullable: true),
        ArrowColumn(.bool(Bitmap([true, false, true, false, false])), validity: validity)
      ),
      (ArrowField("i8", .int8), ArrowColumn(.int8([-128, 0, 1, 2, 127]))),
      (ArrowField("i16", .int16), ArrowColumn(.int16([-32768, 0, 1, 2, 32767]))),
      (ArrowField("i32", .int32, nullable: true), ArrowColumn(.int32([.min, 0, 5, .max, 0]), validity: validity)),
      (ArrowField("i64", .int64), ArrowColumn(.int64([.min, -1, 0, 1, .max]))),
      (ArrowField("u8", .int(bits: 8, signed: false)), ArrowColumn(.uint8([0, 1, 2, 3, 255]))),
      (ArrowField("u16", .int(bits: 16, signed: false)), ArrowColumn(.uint16([0, 1, 2, 3, 65535]))),
      (ArrowField("u32", .int(bits: 32, signed: false)), ArrowColumn(.uint32([0, 1, 2, 3, .max]))),
      (ArrowField("u64", .int(bits: 64, signed: false)), ArrowColumn(.uint64([0, 1, 2, 3, .max]))),
      (ArrowField("f32", .float32), ArrowColumn(.float32([-0.0, 1.5e-38, .infinity, 3.5, -1]))),
      (ArrowField("f64", .float64, nullable: true), ArrowColumn(.float64([0.1, 0, 1e308, -2, 0]), validity: validity)),
      (ArrowField("text", .utf8), ArrowColumn(.utf8(offsets: [0, 0, 2, 2, 6, 6], bytes: Array("é🙂".utf8)))),
      (
        ArrowField("bytes", .binary, nullable: true),
        ArrowColumn(.binary(offsets: [0, 3, 3, 3, 4, 4], bytes: [0, 255, 7, 9]), validity: validity)
      ),
      (
        ArrowField("fixed", .fixedSizeBinary(3)),
        ArrowColumn(.fixedSizeBinary(width: 3, bytes: (0..<15).map { UInt8($0) }))
      ),
      (
        ArrowField("ints", .list(of: .int32), nullable: true),
        ArrowColumn(.list(offsets: [0, 2, 2, 2, 3, 3], child: ArrowColumn(.int32([4, -5, 6]))), validity: validity)
      ),
      (
        ArrowField("floats", .list(of: .float32)),
        ArrowColumn(.list(offsets: [0, 0, 0, 1, 2, 3], child: ArrowColumn(.float32([1, 2, 3]))))
      ),
      (
        ArrowField("flags", .list(of: .bool)),
        ArrowColumn(
          .list(offsets: [0, 1, 1, 9, 9, 10], child: ArrowColumn(.bool(Bitmap((0..<10).map { $0 % 3 == 0 })))))
      ),
      (ArrowField("words", .list(item)), ArrowColumn(.list(offsets: [0, 0, 2, 3, 3, 3], child: words))),
      (
        ArrowField("holes", .list(ArrowField("item", .int64, nullable: true))),
        ArrowColumn(
          .list(
            offsets: [0, 1, 2, 3, 4, 5],
            child: ArrowColumn(.int64([1, 0, 3, 4, 0]), validity: validity)))
      ),
    ]
  }()

  private static let schema = ArrowSchema(
    fields: columns.map(\.0), metadata: [.init("b", "2"), .init("a", ""), .init("é", "🙂")])

  private func write(_ path: String, batches: Int, compression: ArrowCompression) throws {
    let writer = try ArrowFileWriter(path: path, schema: Self.schema, compression: compression)
    for _ in 0..<batches { try writer.append(Self.columns.map(\.1)) }
    try writer.finish()
  }

  @Test(arguments: [ArrowCompression.none, .lz4Frame], [0, 1, 3])
  func everyTypeComesBack(_ compression: ArrowCompression, _ batches: Int) throws {
    let scratch = try ScratchFolder()
    let path = "\(scratch.path)/all.arrow"
    try write(path, batches: batches, compression: compression)
    let reader = try ArrowFileReader(path: path)
    #expect(reader.schema == Self.schema)
    #expect(reader.metadata == ["b": "2", "a": "", "é": "🙂"])
    #expect(reader.batchCount == batches)
    #expect(reader.rowCount == 5 * batches)
    for index in 0..<batches {
      let batch = try reader.batch(index)
      #expect(batch == RecordBatch(fields: Self.schema.fields, columns: Self.columns.map(\.1), rowCount: 5))
    }
  }

  @Test func onlySelectedColumnsAreDecoded() throws {
    let scratch = try ScratchFolder()
    let path = "\(scratch.path)/all.arrow"
    try write(path, batches: 2, compression: .lz4Frame)
    let batch = try ArrowFileReader(path: path).batch(1, columns: ["words", "i8", "nothing"])
    #expect(batch.fields.map(\.name) == ["i8", "words"])
    #expect(batch["i8"] == Self.columns.first { $0.0.name == "i8" }?.1)
    #expect(batch["words"] == Self.columns.first { $0.0.name == "words" }?.1)
    #expect(batch["text"] == nil)
  }

  @Test func aBatchOutOfRangeIsAnError() throws {
    let scratch = try ScratchFolder()
    let path = "\(scratch.path)/all.arrow"
    try write(path, batches: 1, compression: .none)
    let reader = try ArrowFileReader(path: path)
    #expect(throws: RollbookError.self) { try reader.batch(1) }
    #expect(throws: RollbookError.self) { try reader.batch(-1) }
  }

  @Test func noRowsMakeNoBatch() throws {
    let scratch = try ScratchFolder()
    let path = "\(scratch.path)/none.arrow"
    let writer = try ArrowFileWriter(path: path, schema: ArrowSchema(fields: [ArrowField("x", .int32)]))
    try writer.append([ArrowColumn(.int32([]))])
    try writer.finish()
    #expect(try ArrowFileReader(path: path).batchCount == 0)
  }

  @Test func largeBuffersTakeSeveralBlocks() throws {
    let scratch = try ScratchFolder()
    let path = "\(scratch.path)/large.arrow"
    var numbers = SeededNumbers(state: 3)
    // Incompressible, then compressible: 3 MB each, so more than one block of 1 MiB.
    let noise = ArrowColumn(.uint64((0..<400_000).map { _ in numbers.next() }))
    let ramp = ArrowColumn(.uint64((0..<400_000).map { UInt64($0 / 1000) }))
    let type = ArrowType.int(bits: 64, signed: false)
    let schema = ArrowSchema(fields: [ArrowField("noise", type), ArrowField("ramp", type)])
    let writer = try ArrowFileWriter(path: path, schema: schema)
    try writer.append([noise, ramp])
    try writer.finish()
    #expect(try ArrowFileReader(path: path).batch(0).columns == [noise, ramp])
    #expect(try fileBytes(path).count < 4_000_000)
  }

  /// The hexadecimal dumps of the folder: lines of an offset and 4-byte groups, after lines that describe the file.
  @Test func goldenBytesAreReadAndWritten() throws {
    let folder = "\(Golden.folder)/arrow"
    let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".hex") }
    #expect(!names.isEmpty)
    for name in names {
      let golden = try dumpedBytes("\(folder)/\(name)")
      let scratch = try ScratchFolder()
      let reader = try ArrowFileReader(path: scratch.file(name, golden))
      let again = "\(scratch.path)/again.arrow"
      let writer = try ArrowFileWriter(path: again, schema: reader.schema, compression: .none)
      for index in 0..<reader.batchCount { try writer.append(try reader.batch(index).columns) }
      try writer.finish()
      #expect(reader.rowCount > 0)
      #expect(try fileBytes(again) == golden, "\(name)")
    }
  }

  @Test func theGoldenFileSaysWhatItsNameSays() throws {
    let scratch = try ScratchFolder()
    let golden = try dumpedBytes("\(Golden.folder)/arrow/int32-x-1-2.hex")
    let reader = try ArrowFileReader(path: scratch.file("x.arrow", golden))
    #expect(reader.schema == ArrowSchema(fields: [ArrowField("x", .int32)]))
    #expect(try reader.batch(0)["x"] == ArrowColumn(.int32([1, 2])))
  }

  private func dumpedBytes(_ path: String) throws -> [UInt8] {
    let text = try String(contentsOfFile: path, encoding: .utf8)
    var bytes: [UInt8] = []
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard let offset = words.first.flatMap({ Int($0, radix: 16) }), offset == bytes.count, words.count > 1 else {
        continue
      }
      for word in words.dropFirst() {
        let digits = Array(word)
        for index in stride(from: 0, to: digits.count, by: 2) {
          bytes.append(try #require(UInt8(String(digits[index...(index + 1)]), radix: 16)))
        }
      }
    }
    return bytes
  }

  @Test func framesHaveTheProfileThatEveryReaderChecks() throws {
    let scratch = try ScratchFolder()
    let path = "\(scratch.path)/x.arrow"
    let schema = ArrowSchema(fields: [ArrowField("x", .int64)])
    let writer = try ArrowFileWriter(path: path, schema: schema)
    try writer.append([ArrowColumn(.int64([Int64](repeating: 1, count: 300_000)))])
    try writer.finish()
    let file = try fileBytes(path)
    let magic: [UInt8] = [0x04, 0x22, 0x4d, 0x18]
    let starts = file.indices.filter { file[$0...].starts(with: magic) }
    #expect(starts.count == 1)
    let start = try #require(starts.first)
    // LZ4 frame format, FLG: version 1, independent blocks, block checksums, content size, no content checksum.
    #expect(file[start + 4] == 0b0111_1000)
    // BD: blocks of up to 1 MiB.
    #expect(file[start + 5] == 0b0110_0000)
    #expect(file[(start - 8)..<start].elementsEqual(withUnsafeBytes(of: Int64(2_400_000).littleEndian) { Array($0) }))
  }
}
