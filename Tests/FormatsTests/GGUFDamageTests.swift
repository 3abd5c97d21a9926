import Formats
import Foundation
import TestSupport
import Testing

/// Damaged files, made from the smallest golden and by hand.
@Suite struct GGUFDamageTests {
  @Test func everyTruncationIsAnError() throws {
    let folder = try ScratchFolder()
    let bytes = try fileBytes("\(GGUFTests.folder)/blocks.gguf")
    let source = try GGUF(path: "\(GGUFTests.folder)/blocks.gguf")
    let end = source.tensors.map { $0.offset + $0.byteCount }.max() ?? 0
    let header = source.tensors.map(\.offset).min() ?? 0
    for count in Array(0..<header) + Array(stride(from: header, to: end, by: 17)) + [end - 1] {
      let path = try folder.file("f.gguf", Array(bytes[..<count]))
      #expect(rollbookError({ _ = try GGUF(path: path) })?.code == .badInput, "\(count) bytes")
    }
  }

  @Test func mutationsNeverTrap() throws {
    let folder = try ScratchFolder()
    let bytes = try fileBytes("\(GGUFTests.folder)/blocks.gguf")
    let header = try GGUF(path: "\(GGUFTests.folder)/blocks.gguf").tensors.map(\.offset).min() ?? 0
    var numbers = SeededNumbers(state: 8)
    var failures = 0
    for _ in 0..<3000 {
      var mutated = bytes
      for _ in 0..<Int.random(in: 1...3, using: &numbers) {
        let place = Int.random(in: 0..<header, using: &numbers)
        mutated[place] =
          [0, 1, 0x7F, 0x80, 0xFF, UInt8.random(in: 0...255, using: &numbers)]
          .randomElement(using: &numbers) ?? 0
      }
      let path = try folder.file("f.gguf", mutated)
      if survive(path, { try GGUF(path: $0) }) != nil { failures += 1 }
      _ = survive(path) { try ModelFiles.open(path: $0).weights }
    }
    #expect(failures > 300)
  }

  /// A header made by hand: version, counts, then `rest`.
  static func header(version: UInt32 = 3, tensors: UInt64 = 0, values: UInt64 = 0, _ rest: [UInt8] = []) -> [UInt8] {
    Array("GGUF".utf8) + little(version) + little(tensors) + little(values) + rest
  }

  static func little(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
  }

  static func text(_ string: String) -> [UInt8] {
    little(UInt64(string.utf8.count)) + Array(string.utf8)
  }

  static let empty = header()

  @Test func theEmptyFileOpens() throws {
    let folder = try ScratchFolder()
    let source = try GGUF(path: folder.file("f", Self.empty))
    #expect(source.tensors.isEmpty && source.metadata.isEmpty && source.version == 3 && source.alignment == 32)
    #expect(try GGUF(path: folder.file("f", Self.header(version: 2))).version == 2)
  }

  static let hostile: [(String, [UInt8])] = [
    ("version 1", header(version: 1)), ("version 4", header(version: 4)), ("big endian", header(version: 3 << 24)),
    ("tensors", header(tensors: .max)), ("values", header(values: .max)), ("tensor", header(tensors: 1)),
    ("key length", header(values: 1, little(UInt64.max) + [0, 0, 0, 0, 0])),
    ("value type", header(values: 1, text("k") + little(UInt32(13)) + [0])),
    ("string length", header(values: 1, text("k") + little(UInt32(8)) + little(UInt64(1) << 40))),
    ("bool", header(values: 1, text("k") + little(UInt32(7)) + [2])),
    ("array count", header(values: 1, text("k") + little(UInt32(9)) + little(UInt32(8)) + little(UInt64.max / 8))),
    ("array type", header(values: 1, text("k") + little(UInt32(9)) + little(UInt32(99)) + little(UInt64(0)))),
    (
      "nesting",
      header(
        values: 1, text("k") + little(UInt32(9)) + (0..<2000).flatMap { _ in little(UInt32(9)) + little(UInt64(1)) })
    ),
    ("twice", header(values: 2, text("k") + little(UInt32(7)) + [1] + text("k") + little(UInt32(7)) + [1])),
    ("alignment", header(values: 1, text("general.alignment") + little(UInt32(4)) + little(UInt32(0)))),
    ("dimensions", header(tensors: 1, text("t") + little(UInt32(5)) + [UInt8](repeating: 0, count: 60))),
    ("type", tensor(shape: [1], type: 16, offset: 0)), ("no type", tensor(shape: [1], type: 4000, offset: 0)),
    ("huge", tensor(shape: [1 << 62, 1 << 62], type: 0, offset: 0)),
    ("negative", tensor(shape: [.max], type: 0, offset: 0)),
    ("huge rows of none", tensor(shape: [1 << 62, 1 << 62, 0], type: 0, offset: 0)),
    ("half a block", tensor(shape: [48], type: 8, offset: 0)),
    ("half a block a row", tensor(shape: [16, 2], type: 8, offset: 0)),
    ("unaligned", tensor(shape: [1], type: 0, offset: 4)), ("far", tensor(shape: [1], type: 0, offset: 1 << 62)),
    ("beyond", tensor(shape: [1], type: 0, offset: .max - 31)), ("past", tensor(shape: [64], type: 0, offset: 0)),
    ("no room", tensor(shape: [1], type: 0, offset: 64)),
  ]

  /// A file of one tensor and 64 bytes of data.
  static func tensor(shape: [UInt64], type: UInt32, offset: UInt64) -> [UInt8] {
    var file = header(
      tensors: 1, text("t") + little(UInt32(shape.count)) + shape.flatMap { little($0) } + little(type) + little(offset)
    )
    file += [UInt8](repeating: 0, count: (32 - file.count % 32) % 32 + 64)
    return file
  }

  @Test(arguments: hostile)
  func hostileHeadersAreErrors(what: String, bytes: [UInt8]) throws {
    let folder = try ScratchFolder()
    let path = try folder.file("f.gguf", bytes)
    let error = rollbookError({ _ = try GGUF(path: path) }, "\(what)")
    #expect(error?.code == .badInput)
    #expect(error?.place.hasPrefix(path) == true)
    #expect(error?.hint != nil || what == "twice")
  }

  @Test func soundTensorsOpen() throws {
    let folder = try ScratchFolder()
    for (shape, type) in [([16], 0), ([32], 1), ([2, 2, 2, 2], 0), ([0], 0), ([0, 9], 8), ([32], 8)]
      as [([UInt64], UInt32)]
    {
      let source = try GGUF(path: folder.file("f", Self.tensor(shape: shape, type: type, offset: 0)))
      #expect(source.tensors[0].shape == shape.reversed().map { Int($0) })
      #expect(try source.read("t").allSatisfy { $0 == 0 })
    }
  }
}
