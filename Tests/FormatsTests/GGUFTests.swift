import Formats
import Foundation
import TestSupport
import Testing

@Suite struct GGUFTests {
  static let folder = "\(Golden.folder)/gguf"
  static let files = entries(folder, suffix: ".gguf")

  /// Files that golden.json describes.
  static let described = files.filter { file in
    (try? JSON.parse(contentsOf: "\(folder)/golden.json"))?[file] != nil
  }

  /// The safetensors file with the values of a GGUF file, if there is one.
  static func twin(_ file: String) -> String? {
    let path = "\(folder)/\(file.dropLast(5)).safetensors"
    return FileManager.default.fileExists(atPath: path) ? path : nil
  }

  @Test func thereAreGoldensForEveryFile() throws {
    #expect(!Self.described.isEmpty)
    #expect(try JSON.parse(contentsOf: Self.folder + "/golden.json").object?.keys.sorted() == Self.described)
    for file in Self.files { #expect(Self.described.contains(file) || Self.twin(file) != nil, "\(file)") }
  }

  /// Files with a safetensors twin hold the values that every block must give, to the last bit.
  @Test func everyBlockTypeEqualsItsGolden() throws {
    var types: Set<TensorType> = []
    for file in Self.files {
      guard let twin = Self.twin(file) else { continue }
      let source = try GGUF(path: "\(Self.folder)/\(file)")
      let expected = try Safetensors(path: twin)
      #expect(Set(source.tensors.map(\.name)) == Set(expected.tensors.map(\.name)))
      for tensor in source.tensors {
        #expect(tensor.shape == expected.info(tensor.name)?.shape)
        let found = try source.read(tensor.name)
        #expect(found.map(\.bitPattern) == (try expected.read(tensor.name)).map(\.bitPattern), "\(tensor.name)")
        types.insert(tensor.type)
        for row in 0..<tensor.rowCount {
          var values = [Float](repeating: .nan, count: tensor.rowElements)
          try values.withUnsafeMutableBufferPointer { try source.read(tensor.name, rows: row..<row + 1, into: $0) }
          #expect(values[...] == found[(row * values.count)..<((row + 1) * values.count)])
        }
      }
    }
    let quantised = TensorType.allCases.filter { $0.blockElements > 1 }
    #expect(types.isSuperset(of: quantised + [.f32, .f16, .bf16]))
  }

  @Test(arguments: described)
  func tensorsEqualTheGoldenList(file: String) throws {
    let golden = try #require(try JSON.parse(contentsOf: "\(Self.folder)/golden.json")[file])
    let source = try GGUF(path: "\(Self.folder)/\(file)")
    if let architecture = golden["architecture"] {
      #expect(source.metadata["general.architecture"]?.string == architecture.string)
    }
    let list = try #require(golden["tensors"]?.array)
    #expect(list.count == source.tensors.count)
    for (expected, tensor) in zip(list, source.tensors) {
      #expect(tensor.name == expected["name"]?.string)
      #expect(tensor.type.rawValue == expected["type"]?.string?.lowercased())
      #expect(tensor.shape == expected["shape"]?.array?.compactMap(\.int).reversed())
      let values = try source.read(tensor.name)
      if let first = expected["first"]?.array {
        #expect(values.prefix(first.count).map { Double($0) } == first.compactMap(\.double), "\(tensor.name)")
      }
      if let sum = expected["sum"]?.double {
        let scale = values.reduce(1) { $0 + abs(Double($1)) }
        #expect(abs(values.reduce(0) { $0 + Double($1) } - sum) <= 1e-9 * scale, "\(tensor.name)")
      }
    }
  }

  @Test func metadataOfEveryType() throws {
    let metadata = try GGUF(path: "\(Self.folder)/blocks.gguf").metadata
    let expected: [String: GGUFValue] = [
      "string": .string("héllo 你好"), "uint8": .integer(200), "int8": .integer(-100), "uint16": .integer(60000),
      "int16": .integer(-30000), "uint32": .integer(4_000_000_000), "int32": .integer(-2_000_000_000),
      "uint64": .unsigned(9_223_372_036_854_775_813), "int64": .integer(-4_611_686_018_427_387_904),
      "float32": .float(1.5), "float64": .float(0.1), "true": .bool(true), "false": .bool(false),
      "strings": .strings(["a", "", "ß", "d e"]), "ints": .integers([3, -1, 2]), "floats": .floats([0.5, -0.25]),
      "bools": .bools([true, false]),
    ]
    let found = metadata.filter { $0.key.hasPrefix("test.") }
    #expect(found.count == expected.count)
    for (key, value) in expected {
      #expect(found["test.\(key)"] == value, "\(key)")
    }
    #expect(found["test.strings"]?.strings?.count == 4 && found["test.ints"]?.ints == [3, -1, 2])
    #expect(found["test.floats"]?.doubles == [0.5, -0.25] && found["test.uint64"]?.int == nil)
    #expect(found["test.uint64"]?.double == 9_223_372_036_854_775_808 && found["test.bools"]?.count == 2)
  }

  @Test func missingTensorsAreNamed() throws {
    let file = try #require(Self.files.first)
    let source = try GGUF(path: "\(Self.folder)/\(file)")
    let error = rollbookError({ _ = try source.read("none") })
    #expect(error?.code == .missing && error?.place == source.path && error?.message.contains("'none'") == true)
    #expect(rollbookError({ _ = try GGUF(path: Self.folder + "/none.gguf") })?.code == .missing)
  }
}
