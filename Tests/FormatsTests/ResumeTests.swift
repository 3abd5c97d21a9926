import Formats
import Foundation
import Testing

/// A writer that was killed goes on to the very file of one that was not.
@Suite struct ResumeTests {
  private let rows = sampleRollouts(160, groupSize: 8)

  /// Continues what is at `path`, checking what was recovered.
  private func complete(_ path: String, metadata: [String: String] = [:]) throws -> Int {
    var recovered: [Rollout] = []
    let writer = try RolloutShardWriter(staging: path, metadata: metadata) { recovered += $0 }
    #expect(recovered.count == writer.recoveredRowCount)
    #expect(rows.starts(with: recovered))
    for start in stride(from: recovered.count, to: rows.count, by: 8) {
      try writer.append(Array(rows[start..<(start + 8)]))
    }
    try writer.finish()
    return recovered.count
  }

  @Test func aKillAtAnyByteGivesTheSameFile() throws {
    let scratch = try ScratchFolder()
    let path = "\(scratch.path)/x.arrow"
    #expect(try complete(path) == 0)
    let whole = try fileBytes(path)
    let ends = try ArrowFileReader(path: path).batchRowCounts
    #expect(ends == [64, 64, 32])
    var seen: Set<Int> = []
    // About fifty places, and all around the end.
    let places = Array(stride(from: 0, to: whole.count, by: whole.count / 50)) + Array((whole.count - 12)...whole.count)
    for count in places {
      try overwrite(path, Array(whole[..<count]))
      seen.insert(try complete(path))
      #expect(try fileBytes(path) == whole, "killed after \(count) bytes")
    }
    #expect(seen == [0, 64, 128, 160])
  }

  @Test func aDamagedBatchAndAllThatFollowsAreWrittenAnew() throws {
    let scratch = try ScratchFolder()
    let path = "\(scratch.path)/x.arrow"
    _ = try complete(path)
    let whole = try fileBytes(path)
    for index in stride(from: 0, to: whole.count, by: whole.count / 60) {
      var file = whole
      file[index] ^= 0x10
      try overwrite(path, file)
      _ = try complete(path)
      #expect(try fileBytes(path) == whole, "byte \(index)")
    }
  }

  @Test func rowsOfAnotherConfigurationAreDiscarded() throws {
    let scratch = try ScratchFolder()
    let path = "\(scratch.path)/x.arrow"
    #expect(try complete(path, metadata: ["action": "a"]) == 0)
    #expect(try complete(path, metadata: ["action": "a"]) == 160)
    #expect(try complete(path, metadata: ["action": "b"]) == 0)
    #expect(try RolloutShardReader(path: path).metadata["action"] == "b")
  }

  @Test func recoveredRowsAreNotWrittenTwice() throws {
    let scratch = try ScratchFolder()
    let path = "\(scratch.path)/x.arrow"
    _ = try complete(path)
    let forgetful = try RolloutShardWriter(staging: path)
    #expect(forgetful.recoveredRowCount == 160)
    #expect(rollbookError { try forgetful.append(rows) }?.code == .bug)
    let anew = try RolloutShardWriter(staging: path, resume: false)
    #expect(anew.recoveredRowCount == 0)
    try anew.append(rows)
    try anew.finish()
    #expect(try RolloutShardReader(path: path).rows() == rows)
  }

  @Test func aFileThatIsNoneOfOursIsStartedAnew() throws {
    let scratch = try ScratchFolder()
    let path = "\(scratch.path)/x.arrow"
    for garbage in [[], [0], Array("ARROW1\0\0".utf8), [UInt8](repeating: 7, count: 4000)] {
      try overwrite(path, garbage)
      #expect(try complete(path) == 0)
      #expect(try RolloutShardReader(path: path).rows() == rows)
    }
  }

  /// Writers whose Nth write, sync or close fails leave a file from which the next one goes on.
  ///
  /// Batches are synced whenever the interval has passed: always, or never before the end.
  @Test(arguments: FailingFileSystem.Failure.allCases, [0, Double.infinity])
  func aFailureAtAnyOperationCanBeResumed(_ failure: FailingFileSystem.Failure, _ syncInterval: Double) throws {
    let scratch = try ScratchFolder()
    let path = "\(scratch.path)/x.arrow"
    _ = try complete(path)
    let whole = try fileBytes(path)
    func attempt(_ fileSystem: FailingFileSystem) throws {
      let writer = try RolloutShardWriter(staging: path, fileSystem: fileSystem, syncInterval: syncInterval)
      try writer.append(rows)
      try writer.finish()
    }
    let undisturbed = FailingFileSystem()
    let batch = syncInterval == 0 ? ["write", "sync"] : ["write"]
    try FileManager.default.removeItem(atPath: path)
    try attempt(undisturbed)
    #expect(undisturbed.operations == ["open", "write"] + batch * 3 + ["write", "sync", "close"])
    for failing in undisturbed.operations.indices {
      try? FileManager.default.removeItem(atPath: path)
      let error = rollbookError { try attempt(FailingFileSystem(failing: failing, failure)) }
      #expect(error?.code == .io)
      _ = try complete(path)
      #expect(try fileBytes(path) == whole, "operation \(failing)")
    }
  }

  /// The digest that a writer hands on, also of batches that it kept.
  @Test func theWriterKnowsTheDigest() throws {
    let scratch = try ScratchFolder()
    let path = "\(scratch.path)/x.arrow"
    for kept in [0, 64, 160] {
      let writer = try RolloutShardWriter(staging: path)
      #expect(writer.recoveredRowCount == kept)
      #expect(writer.digest == nil)
      if kept < 160 { try writer.append(Array(rows[kept...])) }
      try writer.finish()
      #expect(try writer.digest == Digest.file(path))
      if kept == 0 {
        let end = try fileBytes(path).count / 2
        try overwrite(path, Array(fileBytes(path)[..<end]))
      }
    }
  }

  @Test func aPublishedShardIsNeverWrittenThroughItsStagingName() throws {
    let scratch = try ScratchFolder()
    let staged = "\(scratch.path)/staged.arrow"
    let published = "\(scratch.path)/published.arrow"
    _ = try complete(staged)
    let whole = try fileBytes(staged)
    // What a crash in the middle of publishing leaves: two names of one file.
    try FileManager.default.linkItem(atPath: staged, toPath: published)
    try writeRollouts(sampleRollouts(4), to: staged, metadata: ["other": "run"])
    #expect(try fileBytes(published) == whole)
    try FileManager.default.removeItem(atPath: staged)
    try FileManager.default.linkItem(atPath: published, toPath: staged)
    _ = try complete(staged)
    #expect(try fileBytes(published) == whole)
    #expect(try fileBytes(staged) == whole)
  }
}

private func * (items: [String], count: Int) -> [String] {
  (0..<count).flatMap { _ in items }
}
