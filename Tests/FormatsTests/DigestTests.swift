import Formats
import Testing

/// Expected digests were printed by `xxh128sum` of xxHash 0.8.1.
@Suite struct DigestTests {
  static let letters = (0..<1000).map { UInt8(97 + $0 % 26) }

  @Test(
    arguments: [
      ([], "99aa06d3014798d86001c324468d497f"), (Array("abc".utf8), "06b05ab6733a618578af5f94892f3950"),
      (letters, "b68384db4f7b6231e153425558d7da5d"),
    ] as [([UInt8], String)])
  func asXxh128sumPrints(bytes: [UInt8], hex: String) throws {
    #expect(Digest.xxh3(bytes) == "xxh3-128:" + hex)
    #expect(Digest.hex(bytes.withUnsafeBytes { Digest.bytes($0) }) == hex)
    let folder = try ScratchFolder()
    #expect(try Digest.file(folder.file("f", bytes)) == "xxh3-128:" + hex)
  }

  @Test func anyCutsGiveTheSame() {
    let whole = Digest.xxh3(Self.letters)
    for size in [1, 7, 64, 239, 240, 241, 999] {
      var stream = Digest.Stream()
      var start = 0
      while start < Self.letters.count {
        let end = min(start + size, Self.letters.count)
        stream.update(Array(Self.letters[start..<end]))
        start = end
      }
      #expect(stream.value == whole)
    }
  }

  @Test func missingFile() throws {
    let folder = try ScratchFolder()
    let error = rollbookError({ _ = try Digest.file(folder.path + "/none") })
    #expect(error?.code == .missing)
    #expect(error?.place == folder.path + "/none")
  }

  @Test func mappedFiles() throws {
    let folder = try ScratchFolder()
    #expect(try MappedFile(path: folder.file("empty", [])).bytes.isEmpty)
    #expect(try MappedFile.contents(of: folder.file("three", [1, 2, 3])) == [1, 2, 3])
    #expect(rollbookError({ _ = try MappedFile(path: folder.path) })?.code == .badInput)
    #expect(rollbookError({ _ = try MappedFile(path: folder.path + "/none") })?.code == .missing)
  }
}
