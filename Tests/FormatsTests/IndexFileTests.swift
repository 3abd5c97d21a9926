import Formats
import Foundation
import TestSupport
import Testing

/// The index as a file: versions, its digest, another folder, many writers.
@Suite("Index file")
struct IndexFileTests {
  private func tables(_ index: Index) throws -> [String] {
    let names = try index.select(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1")
    return try names.rows.flatMap { row -> [String] in
      let table = try #require(row[0].string)
      return try index.select("SELECT * FROM \(table)").rows.map { "\(table) \(try JSON.array($0).serialized())" }.sorted()
    }
  }

  /// An index that each released version made, kept as it was.
  @Test(arguments: try FileManager.default.contentsOfDirectory(atPath: "\(projectFolder)/Tests/Fixtures")
    .filter { $0.hasPrefix("index-v") })
  func olderVersionsAreTakenInAgain(name: String) throws {
    try BufferFixture.withFolder { folder in
      let fixture = try BufferFixture(folder)
      try fixture.addStep(0)
      try FileManager.default.copyItem(
        atPath: "\(projectFolder)/Tests/Fixtures/\(name)", toPath: fixture.buffer.indexPath)
      let version = try Index.open(fixture.buffer).select("SELECT user_version FROM pragma_user_version").rows[0][0].int
      #expect(name == "index-v\(version ?? 0).sqlite")
      let (index, report) = try Index.current(fixture.buffer)
      #expect(report.added == 4 && report.warnings.isEmpty)
      let found = try tables(index)
      try Index.reindex(fixture.buffer)
      #expect(try tables(Index.open(fixture.buffer)) == found)
      #expect(try Index.problems(fixture.buffer, deep: true).isEmpty)
    }
  }

  @Test func aFixtureOfEveryOlderVersionIsKept() {
    for version in 1..<Index.schemaVersion {
      #expect(FileManager.default.fileExists(atPath: "\(projectFolder)/Tests/Fixtures/index-v\(version).sqlite"))
    }
  }

  /// Any byte of the index changed: it is found, and never worse than that.
  @Test func everyFlippedBitIsFound() throws {
    try BufferFixture.withFolder { folder in
      var fixture = try BufferFixture(folder)
      fixture.groups = 1
      try fixture.addStep(0)
      try Index.reindex(fixture.buffer)
      #expect(try Index.problems(fixture.buffer, deep: true).isEmpty)
      let url = URL(fileURLWithPath: fixture.buffer.indexPath)
      let file = try FileHandle(forUpdating: url)
      defer { try? file.close() }
      let good = try Data(contentsOf: url)
      var offset = 0
      while offset < good.count {
        try file.seek(toOffset: UInt64(offset))
        try file.write(contentsOf: [good[offset] ^ 1 << UInt8(offset % 8)])
        #expect(try !Index.problems(fixture.buffer, deep: false).isEmpty, "byte \(offset)")
        try file.seek(toOffset: UInt64(offset))
        try file.write(contentsOf: [good[offset]])
        offset += 61  // Prime to the page size, so that all places of a page are met.
      }
      #expect(try Index.problems(fixture.buffer, deep: false).isEmpty)
    }
  }

  /// Without its digest (a killed ingestion), rows are compared with the files.
  @Test func changedRowsAreFoundByDeepVerification() throws {
    try BufferFixture.withFolder { folder in
      let fixture = try BufferFixture(folder)
      try fixture.addStep(0)
      try Index.reindex(fixture.buffer)
      try FileManager.default.removeItem(atPath: fixture.buffer.indexDigestPath)
      #expect(try Index.problems(fixture.buffer, deep: true).isEmpty)
      let url = URL(fileURLWithPath: fixture.buffer.indexPath)
      var bytes = try Data(contentsOf: url)
      let place = try #require(bytes.range(of: Data("stop".utf8)))
      bytes.replaceSubrange(place, with: Data("step".utf8))
      try bytes.write(to: url)
      #expect(try Index.problems(fixture.buffer, deep: false).isEmpty)
      let problems = try Index.problems(fixture.buffer, deep: true)
      #expect(problems == ["table rollout_rows: 1 rows that the files do not give, 1 missing"])
      try Index.reindex(fixture.buffer)
      #expect(FileManager.default.fileExists(atPath: fixture.buffer.indexDigestPath))
      #expect(try Index.problems(fixture.buffer, deep: true).isEmpty)
    }
  }

  @Test func theIndexCanLieElsewhere() throws {
    try BufferFixture.withFolder { folder in
      let fixture = try BufferFixture(folder)
      try fixture.addStep(0)
      let elsewhere = folder + "/local/indices"
      let buffer = try Buffer.open(path: fixture.buffer.root, create: false, indexFolder: elsewhere)
      #expect(try Index.current(buffer).index.steps().count == 2)
      #expect(!FileManager.default.fileExists(atPath: fixture.buffer.indexPath))
      #expect(FileManager.default.fileExists(atPath: "\(elsewhere)/\(buffer.id).sqlite"))
      let found = try tables(Index.open(buffer))
      try Index.reindex(buffer)
      #expect(try tables(Index.open(buffer)) == found)
      #expect(try Index.problems(buffer, deep: true).isEmpty)
      let left = try FileManager.default.contentsOfDirectory(atPath: elsewhere).sorted()
      #expect(left == [".sqlite", ".sqlite.lock", ".sqlite.xxh3"].map { buffer.id + $0 })
    }
  }

  @Test func networkFileSystemsAreTold() {
    let mounts = """
      22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
      40 22 0:35 / /home rw shared:20 - nfs4 server:/home rw,vers=4.2
      41 40 0:36 / /home/local\\040disk rw - xfs /dev/sdb1 rw
      42 22 0:37 / /scratch rw master:3 - lustre mds@tcp:/scratch rw
      43 42 0:38 / /scratch rw - tmpfs tmpfs rw
      broken line
      """
    func kind(_ path: String) -> String? { NetworkFileSystem.kind(of: path, mounts: mounts) }
    #expect(kind("/home/me/runs") == "nfs4")
    #expect(kind("/home") == "nfs4")
    #expect(kind("/homes") == nil)
    #expect(kind("/home/local disk/runs") == nil)
    #expect(kind("/scratch/x") == nil)
    #expect(kind("/tmp") == nil)
    #expect(NetworkFileSystem.kind(of: "/proc") == nil)
  }

  /// Sixteen workers publish while others take in: nothing is lost, and no half shard is ever seen.
  @Test func manyPublishersAndIngesters() async throws {
    try await BufferFixture.withFolder { folder in
      let fixture = try BufferFixture(folder)
      let parts = 16
      try await withThrowingTaskGroup(of: Void.self) { group in
        for part in 0..<parts {
          group.addTask {
            for step in 0..<3 {
              try fixture.addRollouts(step: step, part: part, rows: fixture.rollouts(step: step).map { row in
                var row = row
                row.group += part * 10
                row.id = .make(["\(step)/\(part)/\(row.promptID)/\(row.sample)"])
                return row
              })
            }
          }
        }
        for _ in 0..<3 {
          group.addTask {
            for _ in 0..<5 {
              let (index, report) = try Index.current(fixture.buffer)
              #expect(report.warnings == [])
              for step in try index.steps() { #expect(step.rollouts == 12 * step.rolloutShards) }
            }
          }
        }
        try await group.waitForAll()
      }
      let index = try Index.current(fixture.buffer).index
      #expect(try index.steps().map(\.rollouts) == [192, 192, 192])
      let found = try tables(index)
      try Index.reindex(fixture.buffer)
      #expect(try tables(Index.open(fixture.buffer)) == found)
    }
  }
}
