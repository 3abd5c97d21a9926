import Formats
import Foundation
import Testing

@Suite struct FolderWriterTests {
  @Test func appearsWhole() throws {
    let scratch = try ScratchFolder(), target = scratch.path + "/a/b"
    do {
      let writer = try FolderWriter(target + "//")
      try writer.writeFile("one", [1, 2, 3])
      try writer.writeTensors("t.safetensors", [.init(name: "x", shape: [2], type: .f16)]) {
        try $0.append("x", [1, 2])
      }
      #expect(!FileManager.default.fileExists(atPath: target))
      try writer.publish()
    }
    #expect(entries(target) == ["one", "t.safetensors"] && entries(scratch.path + "/a") == ["b"])
    #expect(try Safetensors(path: target + "/t.safetensors").read("x") == [1, 2])
    #expect(rollbookError({ _ = try FolderWriter(target) })?.code == .usage)
  }

  @Test func leavesNothingUnpublished() throws {
    let scratch = try ScratchFolder()
    do {
      let writer = try FolderWriter(scratch.path + "/m")
      try writer.writeFile("one", [1])
      #expect(entries(scratch.path).count == 1)
    }
    #expect(entries(scratch.path).isEmpty)
  }

  @Test func whatAppearedMeanwhileStays() throws {
    let scratch = try ScratchFolder(), target = scratch.path + "/m"
    do {
      let writer = try FolderWriter(target)
      try writer.writeFile("mine", [1])
      _ = try scratch.file("m", [9])
      #expect(rollbookError({ try writer.publish() })?.code == .usage)
    }
    let bytes = try fileBytes(target)
    #expect(entries(scratch.path) == ["m"] && bytes == [9])
  }

  /// Every half comes back as it was; between two halves the nearer one, in the middle the even one.
  @Test func halves() throws {
    let scratch = try ScratchFolder(), path = scratch.path + "/h.safetensors"
    let halves = (0..<0x7C00).map { value -> Float in
      let exponent = value >> 10, mantissa = Float(value & 0x3FF)
      return exponent == 0
        ? mantissa * 0x1p-24 : (1 + mantissa * 0x1p-10) * Float(sign: .plus, exponent: exponent - 15, significand: 1)
    }
    var values: [Float] = [], expected: [Float] = []
    for (index, (low, high)) in zip(halves, halves.dropFirst()).enumerated() {
      let middle = (low + high) / 2
      values += [low, -low, middle, middle.nextDown, middle.nextUp]
      expected += [low, -low, index % 2 == 0 ? low : high, low, high]
    }
    values += [65_504, 65_519.99, 65_520, .infinity, -.infinity, 1e30, 1e-30, -1e-30]
    expected += [65_504, 65_504, .infinity, .infinity, -.infinity, .infinity, 0, -0.0]
    let writer = try SafetensorsWriter(
      path: path,
      tensors: [.init(name: "x", shape: [values.count], type: .f16), .init(name: "n", shape: [1], type: .f16)])
    try writer.append("x", values)
    try writer.append("n", [.nan])
    _ = try writer.finish()
    let file = try Safetensors(path: path), found = try file.read("x")
    #expect(found.map(\.bitPattern) == expected.map(\.bitPattern))
    #expect(try file.read("n")[0].isNaN && file.info("x")?.type == .f16)
  }
}
