import Formats
import Foundation
import TestSupport
import Testing

@Suite struct SafetensorsTests {
  /// A file made by hand: length, header, data.
  static func file(_ header: String, data: Int, length: UInt64? = nil) -> [UInt8] {
    let length = length ?? UInt64(header.utf8.count)
    return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + Array(header.utf8)
      + (0..<data).map { UInt8(truncatingIfNeeded: $0 * 37 + 5) }
  }

  static let sample = file(
    #"{"__metadata__":{"format":"pt","né":"✓"},"b":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"#
      + #""h":{"dtype":"F16","shape":[3],"data_offsets":[24,30]},"#
      + #""bf":{"dtype":"BF16","shape":[1,1],"data_offsets":[30,32]},"#
      + #""s":{"dtype":"F32","shape":[],"data_offsets":[32,36]},"#
      + #""i":{"dtype":"I64","shape":[1],"data_offsets":[36,44]},"#
      + #""e":{"dtype":"F32","shape":[0,4],"data_offsets":[44,44]}}   "#,
    data: 44)

  @Test func everyHalfAndEveryBF16Widens() throws {
    let folder = try ScratchFolder()
    let patterns = (0..<65536).flatMap { [UInt8(truncatingIfNeeded: $0), UInt8(truncatingIfNeeded: $0 >> 8)] }
    let header =
      #"{"h":{"dtype":"F16","shape":[65536],"data_offsets":[0,131072]},"#
      + #""b":{"dtype":"BF16","shape":[65536],"data_offsets":[131072,262144]}}"#
    let source = try Safetensors(path: folder.file("f", Self.file(header, data: 0) + patterns + patterns))
    let halves = try source.read("h")
    let brains = try source.read("b")
    for bits in 0..<65536 {
      #expect(brains[bits].bitPattern == UInt32(bits) << 16)
      let expected = Float(Float16(bitPattern: UInt16(bits)))
      // A signalling NaN may become a quiet one.
      if expected.isNaN { #expect(halves[bits].isNaN) } else { #expect(halves[bits].bitPattern == expected.bitPattern) }
    }
  }

  @Test func readsWholeTensorsAndRows() throws {
    let folder = try ScratchFolder()
    let source = try Safetensors(path: folder.file("f", Self.sample))
    #expect(source.metadata == ["format": "pt", "né": "✓"])
    #expect(source.tensors.map(\.name) == ["b", "h", "bf", "s", "i", "e"])
    #expect(source.info("b")?.shape == [2, 3])
    let whole = try source.read("b")
    var row = [Float](repeating: 0, count: 3)
    try row.withUnsafeMutableBufferPointer { try source.read("b", rows: 1..<2, into: $0) }
    #expect(row == Array(whole[3...]))
    #expect(try source.read("s").count == 1)
    #expect(try source.read("e") == [])
    #expect(source.bytes(of: "i")?.count == 8)
    #expect(rollbookError({ _ = try source.read("i") })?.message.contains("i64") == true)
    let none = rollbookError({ _ = try source.read("none") })
    #expect(none?.code == .missing && none?.message.contains("'none'") == true && none?.place == source.path)
    row.withUnsafeMutableBufferPointer { row in
      for rows in [0..<2, 0..<0, 1..<3, -1..<0] {
        #expect(rollbookError({ try source.read("b", rows: rows, into: row) })?.code == .badInput)
      }
    }
  }

  @Test(
    arguments: [
      (#"[]"#, 0), (#"{"a":1}"#, 0), (#"{"a":{"dtype":"F31","shape":[1],"data_offsets":[0,4]}}"#, 4),
      (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,5]}}"#, 5),
      (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 3),
      (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 5),
      (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8),
      (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, 4),
      (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}"#, 4),
      (#"{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}"#, 4),
      (#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, 4),
      (#"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}"#, 0),
      (#"{"a":{"dtype":"F32","shape":[0,4611686018427387904,4611686018427387904],"data_offsets":[0,0]}}"#, 0),
      (#"{"a":{"dtype":"F32","shape":[9223372036854775807],"data_offsets":[0,4]}}"#, 4),
      (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,9223372036854775807]}}"#, 4),
      (
        #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
        4
      ),
      (
        #"{"é":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"#
          + #""e\u0301":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#,
        2
      ),
      (#"{"__metadata__":{"a":1}}"#, 0), (#"{"__metadata__":[]}"#, 0), (#"{"#, 0),
    ] as [(String, Int)])
  func unsoundHeaders(header: String, data: Int) throws {
    let folder = try ScratchFolder()
    let path = try folder.file("model.safetensors", Self.file(header, data: data))
    let error = rollbookError({ _ = try Safetensors(path: path) })
    #expect(error?.code == .badInput)
    #expect(error?.place.hasPrefix(path) == true)
  }

  @Test(arguments: [UInt64.max, UInt64(Int.max), 100_000_001, 99_999_999, 60])
  func unsoundLengths(length: UInt64) throws {
    let folder = try ScratchFolder()
    let path = try folder.file("f", Self.file("{}", data: 8, length: length))
    #expect(rollbookError({ _ = try Safetensors(path: path) })?.code == .badInput)
  }

  @Test func everyTruncationIsAnError() throws {
    let folder = try ScratchFolder()
    for count in 0..<Self.sample.count {
      let path = try folder.file("f", Array(Self.sample[..<count]))
      #expect(rollbookError({ _ = try Safetensors(path: path) })?.code == .badInput, "\(count) bytes")
    }
  }

  @Test func mutationsNeverTrap() throws {
    let folder = try ScratchFolder()
    var numbers = SeededNumbers(state: 5)
    var failures = 0
    for _ in 0..<3000 {
      var bytes = Self.sample
      for _ in 0..<Int.random(in: 1...3, using: &numbers) {
        bytes[Int.random(in: 0..<bytes.count - 44, using: &numbers)] = UInt8.random(in: 0...255, using: &numbers)
      }
      let error = survive(try folder.file("f", bytes)) { try Safetensors(path: $0) }
      if error != nil { failures += 1 }
    }
    #expect(failures > 1000)
  }

  @Test func goldenFilesOpen() throws {
    let files = try FileManager.default.subpathsOfDirectory(atPath: Golden.folder).filter {
      $0.hasSuffix(".safetensors")
    }
    #expect(!files.isEmpty)
    for file in files.sorted() {
      let source = try Safetensors(path: "\(Golden.folder)/\(file)")
      #expect(!source.tensors.isEmpty, "\(file)")
      for tensor in source.tensors {
        #expect(try source.read(tensor.name).count == tensor.elementCount, "\(file): \(tensor.name)")
      }
    }
  }
}

@Suite struct SafetensorsIndexTests {
  /// A sharded golden model, copied so that it can be damaged.
  private func copy() throws -> (folder: ScratchFolder, index: String) {
    let models = "\(Golden.folder)/models"
    let name = try #require(
      entries(models).first { !entries("\(models)/\($0)", suffix: ".safetensors.index.json").isEmpty })
    let folder = try ScratchFolder()
    for file in entries("\(models)/\(name)") where file.contains("model") {
      try FileManager.default.copyItem(atPath: "\(models)/\(name)/\(file)", toPath: "\(folder.path)/\(file)")
    }
    return (folder, "\(folder.path)/model.safetensors.index.json")
  }

  @Test func readsWhatItsFilesHold() throws {
    let (folder, index) = try copy()
    let source = try ShardedSafetensors(index: index)
    #expect(source.files.allSatisfy { $0.hasPrefix(folder.path) })
    #expect(source.files.count > 1)
    let map = try #require(try JSON.parse(contentsOf: index)["weight_map"]?.object)
    #expect(Set(source.tensors.map(\.name)) == Set(map.keys))
    for path in source.files {
      let part = try Safetensors(path: path)
      for tensor in part.tensors {
        #expect(try source.read(tensor.name) == part.read(tensor.name))
        #expect(source.info(tensor.name) == tensor)
      }
    }
    #expect(rollbookError({ _ = try source.read("none") })?.code == .missing)
  }

  @Test func missingFilesAndTensorsAreNamed() throws {
    let (folder, index) = try copy()
    let json = try JSON.parse(contentsOf: index)
    var map = try #require(json["weight_map"]?.object)
    let file = try #require(map.members.first?.value.string)

    map["model.none.weight"] = .string(file)
    _ = try folder.file("extra.json", JSON.object(["weight_map": .object(map)]).bytes())
    let extra = rollbookError({ _ = try ShardedSafetensors(index: folder.path + "/extra.json") })
    #expect(extra?.code == .missing && extra?.message.contains("'model.none.weight'") == true)

    for bad in ["../\(file)", "/etc/passwd", "", "a\u{0}b", ".", ".."] {
      map["model.none.weight"] = .string(bad)
      _ = try folder.file("bad.json", JSON.object(["weight_map": .object(map)]).bytes())
      #expect(rollbookError({ _ = try ShardedSafetensors(index: folder.path + "/bad.json") })?.code == .badInput)
    }

    try FileManager.default.removeItem(atPath: "\(folder.path)/\(file)")
    let gone = rollbookError({ _ = try ShardedSafetensors(index: index) })
    #expect(gone?.code == .missing && gone?.place.hasSuffix(file) == true)
    _ = try folder.file("none.json", Array("{}".utf8))
    #expect(rollbookError({ _ = try ShardedSafetensors(index: folder.path + "/none.json") })?.code == .badInput)
  }
}
