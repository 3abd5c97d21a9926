import Formats
import Foundation
import Testing

@Suite("Index")
struct IndexTests {
  /// Every row of every table, as text.
  private func dump(_ index: Index) throws -> [String] {
    let tables = try index.select(
      "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY 1")
    return try tables.rows.flatMap { row -> [String] in
      let table = try #require(row[0].string)
      return try index.select("SELECT * FROM \(table)").rows
        .map { "\(table) " + (try JSON.array($0).serialized()) }.sorted()
    }
  }

  @Test func incrementalEqualsRebuilt() throws {
    try BufferFixture.withFolder { folder in
      let fixture = try BufferFixture(folder)
      let buffer = fixture.buffer
      for step in [1, 0, 2] {
        try fixture.addRollouts(step: step)
        #expect(try Index.ingest(buffer).added == 1)
        try fixture.addScores(step: step)
        try fixture.addScores(step: step, set: "other")
        try fixture.addUpdates(step: step)
        try fixture.addCheckpoint(step: step + 1)
        try fixture.addMetrics(#"{"step":\#(step),"stage":"train","time":"t","loss":0.5,"kl":null}"#)
        let report = try Index.ingest(buffer)
        #expect(report.added == 4)
        #expect(report.warnings == [])
      }
      #expect(try Index.ingest(buffer) == IngestReport())
      let incremental = try dump(Index.open(buffer))
      #expect(incremental.count > 3 * (12 + 24 + 12))
      #expect(try Index.reindex(fixture.buffer).warnings == [])
      #expect(try dump(Index.open(fixture.buffer)) == incremental)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: fixture.buffer.staging).allSatisfy { $0.hasSuffix(".lock") }
      )
    }
  }

  @Test func whatIsGoneOrChangedIsFollowed() throws {
    try BufferFixture.withFolder { folder in
      let fixture = try BufferFixture(folder)
      try fixture.addStep(0)
      try fixture.addStep(1)
      try Index.ingest(fixture.buffer)
      let gone = try #require(try fixture.buffer.manifests(.scores, step: 0).first)
      try FileManager.default.removeItem(atPath: fixture.buffer.manifestPath(of: gone))
      try fixture.addMetrics(#"{"step":2,"stage":"train","loss":0.125}"#)
      let report = try Index.ingest(fixture.buffer)
      #expect(report.removed == 1)
      #expect(report.added == 0)
      #expect(try Index.open(fixture.buffer).steps().map(\.scoreSets) == [[], ["main"], []])
      let path = fixture.buffer.metrics + "/metrics.jsonl"
      try #"{"step":2,"stage":"train","loss":0.25}"#.appending("\n").write(
        toFile: path, atomically: true, encoding: .utf8)
      try Index.ingest(fixture.buffer)
      let incremental = try dump(Index.open(fixture.buffer))
      try Index.reindex(fixture.buffer)
      #expect(try dump(Index.open(fixture.buffer)) == incremental)
      #expect(try Index.open(fixture.buffer).select("SELECT step, value FROM metrics").rows == [[2, .double(0.25)]])
    }
  }

  @Test func damagedManifestsAndShardsAreWarningsOnly() throws {
    try BufferFixture.withFolder { folder in
      let fixture = try BufferFixture(folder)
      let first = try fixture.addRollouts(step: 0)
      let second = try fixture.addRollouts(step: 1)
      try fixture.addRollouts(step: 2)
      try Data("{\"version\":".utf8).write(to: URL(fileURLWithPath: fixture.buffer.manifestPath(of: first)))
      let shard = URL(fileURLWithPath: fixture.buffer.path(of: second))
      var bytes = try Data(contentsOf: shard)
      bytes.replaceSubrange(bytes.count - 30..<bytes.count, with: Data(repeating: 0, count: 30))
      try bytes.write(to: shard)
      try FileManager.default.removeItem(atPath: fixture.buffer.path(of: fixture.addRollouts(step: 3)))
      let report = try Index.ingest(fixture.buffer)
      #expect(report.added == 1)
      #expect(report.warnings.count == 3)
      #expect(report.warnings.contains { $0.contains("step-000000-part-00000.json: expected a \"checksum\"") })
      #expect(report.warnings.contains { $0.contains("step-000001-part-00000.arrow") })
      #expect(report.warnings.contains { $0.contains("step-000003-part-00000.arrow") })
      #expect(try Index.open(fixture.buffer).steps().map(\.step) == [2])
    }
  }

  /// Cut or flipped anywhere: SQLite's words with the way out, never a trap and never rows of nonsense.
  @Test func aDamagedIndexSaysHowToMakeItAnew() throws {
    try BufferFixture.withFolder { folder in
      let fixture = try BufferFixture(folder)
      try fixture.addStep(0)
      try Index.reindex(fixture.buffer)
      let path = URL(fileURLWithPath: fixture.buffer.indexPath)
      let good = try Data(contentsOf: path)
      for damage in [Data("this is no database at all, but long enough to be looked at".utf8), good.prefix(5000)] {
        try damage.write(to: path)
        let error = #expect(throws: RollbookError.self) { try Index.current(fixture.buffer) }
        #expect(error?.code == .badInput)
        #expect(error?.hint?.contains("rollbook reindex") == true)
        try Index.reindex(fixture.buffer)
        #expect(try Index.current(fixture.buffer).index.steps().count == 2)
      }
    }
  }

  @Test func newerAndForeignDatabasesAreRefused() throws {
    try BufferFixture.withFolder { folder in
      let fixture = try BufferFixture(folder)
      try Index.reindex(fixture.buffer)
      let path = fixture.buffer.indexPath
      // Bytes 60 to 63 of the header hold user_version, 68 to 71 application_id (sqlite.org, "Database File Format").
      for (offset, words) in [(63, "newer Rollbook"), (71, "move that file away")] {
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        let old = bytes[offset]
        bytes[offset] = old + 1
        try bytes.write(to: URL(fileURLWithPath: path))
        for attempt in [{ _ = try Index.open(fixture.buffer) }, { _ = try Index.ingest(fixture.buffer) }] {
          let error = #expect(throws: RollbookError.self) { try attempt() }
          #expect(error?.code == .badInput)
          #expect(error?.hint?.contains(words) == true)
        }
        bytes[offset] = old
        try bytes.write(to: URL(fileURLWithPath: path))
      }
      #expect(try Index.open(fixture.buffer).steps().isEmpty)
    }
  }

  @Test func settings() throws {
    try BufferFixture.withFolder { folder in
      let fixture = try BufferFixture(folder)
      try Index.reindex(fixture.buffer)
      let index = try Index.open(fixture.buffer)
      func pragma(_ name: String) throws -> JSON? { try index.select("SELECT * FROM pragma_\(name)").rows.first?.first }
      // File format versions 1: a rollback journal (2 would be WAL).
      let header = try Data(contentsOf: URL(fileURLWithPath: fixture.buffer.indexPath)).prefix(20)
      #expect(Array(header[18...]) == [1, 1])
      #expect(try pragma("foreign_keys") == 1)
      #expect(try pragma("busy_timeout") == 30_000)
      #expect(try pragma("application_id") == .int(Index.applicationID))
      #expect(try pragma("user_version") == .int(Index.schemaVersion))
      let loose = try index.select(
        """
        SELECT name FROM pragma_table_list
        WHERE schema = 'main' AND type = 'table' AND strict = 0 AND name NOT LIKE 'sqlite_%'
        """
      )
      #expect(loose.rows.isEmpty)
    }
  }

  @Test func aMissingIndexCanOnlyBeReadAfterReindex() throws {
    try BufferFixture.withFolder { folder in
      let fixture = try BufferFixture(folder)
      let error = #expect(throws: RollbookError.self) { try Index.open(fixture.buffer) }
      #expect(error?.code == .missing)
    }
  }

  @Test func whereNothingCanBeWrittenReadersSeeEverythingAllTheSame() throws {
    try BufferFixture.withFolder { folder in
      let fixture = try BufferFixture(folder)
      try fixture.addStep(0)
      // No index yet: one in memory.
      let (memory, report) = try Index.current(fixture.buffer, writable: false)
      #expect(report.added == 4)
      #expect(try memory.resolve("0/task-0/0").step == 0)
      #expect(!FileManager.default.fileExists(atPath: fixture.buffer.indexPath))
      // One that is up to date: it is read in place, and cannot be written.
      try Index.reindex(fixture.buffer)
      let (current, nothing) = try Index.current(fixture.buffer, writable: false)
      #expect(current.isReadOnly)
      #expect(nothing == IngestReport())
      // One that is behind: in memory again.
      try fixture.addStep(1)
      let (newer, _) = try Index.current(fixture.buffer, writable: false)
      #expect(try newer.resolve("1/task-0/0").step == 1)
      #expect(try dump(newer) == dump(Index.current(fixture.buffer, writable: true).index))
    }
  }

  @Test func addressesAndPrefixes() throws {
    try BufferFixture.withFolder { folder in
      let fixture = try BufferFixture(folder)
      try fixture.addStep(0)
      let index = try Index.current(fixture.buffer).index
      for rollout in fixture.rollouts(step: 0) {
        let record = try index.resolve("0/\(rollout.promptID)/\(rollout.sample)")
        #expect(record.id == rollout.id)
        #expect(try index.resolve(rollout.id.hex) == record)
        #expect(try index.resolve(rollout.id.hex.uppercased()) == record)
        #expect(try index.load(record) == rollout)
        let update = try #require(try index.updates(of: record.id).first)
        #expect(try index.load(update).rollout == rollout.id)
        #expect(update.tokens == rollout.responseTokens.count)
        #expect(update.clippedHigh == 1)
        let score = try #require(try index.scores(of: record.id).first)
        #expect(try index.load(score).extracted == "2")
        #expect(score.components.map(\.name) == ["math", "format"])
        #expect(try index.group(of: record).map(\.sample) == [0, 1, 2, 3])
      }
    }
  }

  @Test func anAmbiguousPrefixListsItsCandidates() throws {
    try BufferFixture.withFolder { folder in
      let fixture = try BufferFixture(folder)
      try fixture.addRollouts(step: 0)
      let index = try Index.current(fixture.buffer).index
      // Of 17 and more ids, two share their first digit.
      try fixture.addRollouts(step: 1)
      try Index.ingest(fixture.buffer)
      let all = fixture.rollouts(step: 0) + fixture.rollouts(step: 1)
      let digit = try #require("0123456789abcdef".first { digit in all.count { $0.id.hex.first == digit } > 1 })
      let expected = all.filter { $0.id.hex.first == digit }
      let error = #expect(throws: RollbookError.self) { try index.resolve(String(digit)) }
      #expect(error?.code == .usage)
      for rollout in expected {
        #expect(
          error?.hint?.contains("\(rollout.id.hex)  \(rollout.step)/\(rollout.promptID)/\(rollout.sample)") == true)
      }
      let group = #expect(throws: RollbookError.self) { try index.resolve("0/task-1") }
      #expect(group?.hint?.contains("0/task-1/3") == true)
    }
  }

  @Test(arguments: [("9/task-0/0", 69), ("0/task-0/99", 69), ("0/none/1", 69), ("zz", 64), ("", 64), ("a/b/c", 64)])
  func wrongAddresses(text: String, code: Int) throws {
    try BufferFixture.withFolder { folder in
      let fixture = try BufferFixture(folder)
      try fixture.addRollouts(step: 0)
      let index = try Index.current(fixture.buffer).index
      let error = #expect(throws: RollbookError.self) { try index.resolve(text) }
      #expect(error?.code.rawValue == Int32(code))
    }
  }

  @Test func statistics() throws {
    try BufferFixture.withFolder { folder in
      let fixture = try BufferFixture(folder)
      try fixture.addStep(0)
      try fixture.addScores(step: 0, set: "other", bonus: 1)
      // A set scored again in another part: the later shard counts, once.
      try fixture.addScores(step: 0, set: "main", part: 1, bonus: 0.5)
      let index = try Index.current(fixture.buffer).index
      let step = try #require(try index.statistics().first)
      let tokens = fixture.rollouts(step: 0).reduce(0) { $0 + $1.responseTokens.count }
      #expect(step.rollouts == 12)
      #expect(step.groups == 3)
      #expect(step.scored == 12)
      #expect(abs(try #require(step.rewardMean) - (8.0 / 12 + 0.5)) < 1e-12)
      #expect(step.passRate == 8.0 / 12)
      #expect(step.formatRate == 9.0 / 12)
      #expect(step.responseLengthMean == Double(tokens) / 12)
      #expect(step.truncatedShare == 0.25)
      #expect(step.zeroVarianceShare == 1.0 / 3)
      #expect(step.tokensPerSecond == Double(tokens) / 2)
      #expect(step.seconds == 8.0)
      #expect(abs(try #require(step.kl) - (exp(0.25) - 1.25)) < 1e-12)
      #expect(step.metrics == ["train/loss": 0.5])
      let other = try #require(try index.statistics(set: "other").first?.rewardMean)
      #expect(abs(other - (8.0 / 12 + 1)) < 1e-12)
      let error = #expect(throws: RollbookError.self) { try index.statistics(set: "none") }
      #expect(error?.hint?.contains("main, other") == true)
    }
  }

  @Test func selectOnlyReads() throws {
    try BufferFixture.withFolder { folder in
      let fixture = try BufferFixture(folder)
      try fixture.addStep(0)
      let index = try Index.current(fixture.buffer).index
      #expect(try index.select("SELECT count(*) AS n FROM rollouts").columns == ["n"])
      for statement in ["DELETE FROM rollouts", "SELECT nothing FROM nowhere", "", "SELECT 1; SELECT 2"] {
        let error = #expect(throws: RollbookError.self) { try index.select(statement) }
        #expect(error?.code == .usage)
      }
      #expect(try index.select("SELECT count(*) FROM rollouts").rows == [[12]])
    }
  }
}
