import Formats
import Foundation
import Testing

/// What is complete in a damaged file is found, all of it, and never called whole.
@Suite struct SalvageTests {
  private let rows = sampleRollouts(160, groupSize: 8)
  private let scratch: ScratchFolder
  private let path: String
  private let output: String
  private let whole: [UInt8]

  init() throws {
    scratch = try ScratchFolder()
    path = try writeRollouts(rows, to: "\(scratch.path)/x.arrow", metadata: ["action": "a"])
    output = "\(scratch.path)/y.arrow"
    whole = try fileBytes(path)
  }

  private func salvage() throws -> ArrowSalvage {
    try? FileManager.default.removeItem(atPath: output)
    return try ArrowFileReader.salvage(path: path, to: output)
  }

  @Test func everyCompleteBatchOfACutFile() throws {
    var seen: Set<Int> = []
    for count in Array(stride(from: 0, to: whole.count, by: whole.count / 40)) + [whole.count - 1] {
      try overwrite(path, Array(whole[..<count]))
      guard let found = try? salvage() else {
        #expect(seen.isEmpty && !exists(output), "no schema without a beginning")
        continue
      }
      #expect(found.isTruncated && found.gaps == 0 && found.bytes == count && found.goodBytes <= count)
      #expect(found.problem?.message.contains("truncated") == true)
      seen.insert(found.rowCount)
      guard found.rowCount > 0 else {
        #expect(!exists(output))
        continue
      }
      let reader = try RolloutShardReader(path: output)
      let isSame = try reader.rows() == Array(rows[..<found.rowCount])
      #expect(isSame, "cut to \(count) bytes")
      #expect(reader.metadata["rollbook.truncated"]?.contains("truncated") == true)
      #expect(reader.metadata["action"] == "a")
      #expect(entries(scratch.path) == ["x.arrow", "y.arrow"])
    }
    #expect(seen == [0, 64, 128, 160])
  }

  /// A flipped bit costs the batch that it is in; where it hits the footer, nothing. In the schema it may rename a
  /// column, which is told.
  @Test func batchesBehindADamagedOne() throws {
    let schema = try ArrowFileReader(path: path).schema
    var seen: Set<[Int]> = []
    for index in stride(from: 1, to: whole.count, by: whole.count / 60) {
      var file = whole
      file[index] ^= 0x20
      try overwrite(path, file)
      guard let found = try? salvage() else { continue }
      #expect((found.problem == nil) != exists(output), "byte \(index)")
      if found.problem == nil || found.rowCount == 0 { continue }
      if found.schema != schema {
        #expect(found.problem?.message.contains("same schema") == true, "byte \(index)")
        continue
      }
      let kept = try RolloutShardReader(path: output).rows()
      #expect(kept.count == found.rowCount)
      let groups = [rows[..<64], rows[64..<128], rows[128...]].filter { group in
        kept.contains { $0.id == group[group.startIndex].id }
      }
      let isSame = groups.flatMap { $0 } == kept
      #expect(isSame, "byte \(index)")
      #expect(found.gaps <= (groups.count == 3 ? 0 : 1))
      seen.insert(groups.map(\.startIndex))
    }
    #expect(seen.isSuperset(of: [[64, 128], [0, 128], [0, 64]]), "\(seen)")
  }

  @Test func aWholeFileIsLeftAlone() throws {
    let found = try salvage()
    #expect(found.problem == nil && !found.isTruncated && found.rowCount == 160)
    #expect(entries(scratch.path) == ["x.arrow"])
  }

  @Test func nothingIsOverwritten() throws {
    try overwrite(path, Array(whole[..<(whole.count - 1)]))
    try overwrite(output, [1, 2, 3])
    let error = rollbookError { _ = try ArrowFileReader.salvage(path: path, to: output) }
    #expect(error?.code == .usage)
    #expect(try fileBytes(output) == [1, 2, 3])
    #expect(entries(scratch.path) == ["x.arrow", "y.arrow"])
  }

  @Test(arguments: FailingFileSystem.Failure.allCases)
  func theNewFileIsWholeOrNotThere(_ failure: FailingFileSystem.Failure) throws {
    try overwrite(path, Array(whole[..<(whole.count - 1)]))
    let undisturbed = FailingFileSystem()
    _ = try ArrowFileReader.salvage(path: path, to: output, fileSystem: undisturbed)
    let expected = try fileBytes(output)
    for failing in undisturbed.operations.indices {
      try FileManager.default.removeItem(atPath: output)
      let fileSystem = FailingFileSystem(failing: failing, failure)
      #expect(try !succeeds { _ = try ArrowFileReader.salvage(path: path, to: output, fileSystem: fileSystem) })
      #expect(try !exists(output) || fileBytes(output) == expected, "operation \(failing)")
      #expect(Set(entries(scratch.path)).isSubset(of: ["x.arrow", "y.arrow"]), "operation \(failing)")
      _ = try salvage()
      #expect(try fileBytes(output) == expected)
    }
  }
}
