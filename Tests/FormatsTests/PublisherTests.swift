import Formats
import Foundation
import Testing

@Suite struct PublisherTests {
  private let rows = sampleRollouts(8)

  private func buffer(_ scratch: ScratchFolder) throws -> Buffer {
    try Buffer.open(path: "\(scratch.path)/run", create: true)
  }

  private func staged(_ buffer: Buffer) throws -> String {
    try writeRollouts(rows, to: buffer.stagingPath(.rollouts, step: 2, part: 0))
  }

  @Test func aPublishedShardHasAManifestThatSaysWhatItIs() throws {
    let scratch = try ScratchFolder()
    let buffer = try buffer(scratch)
    let staged = try staged(buffer)
    let digest = try Digest.file(staged)
    let size = try fileBytes(staged).count
    let outcome = try Publisher(buffer: buffer).publishShard(staged: staged, manifest: sampleManifest())
    let path = buffer.path(of: outcome.manifest)
    #expect(path == "\(buffer.rolloutsFolder)/step-000002-part-00000.arrow")
    #expect(outcome == .published(try Manifest.read(buffer.manifestPath(of: outcome.manifest))))
    #expect(outcome.manifest.digest == digest)
    #expect(outcome.manifest.bytes == size)
    #expect(outcome.manifest.rows == 8)
    #expect(outcome.manifest.batches == 1)
    #expect(outcome.manifest.columns == RolloutCodec().fields.map(\.name))
    #expect(try RolloutShardReader(path: path).rows() == rows)
    #expect(!exists(staged))
  }

  @Test func theManifestComesLastAndEverythingReachesTheDiskInOrder() throws {
    let scratch = try ScratchFolder()
    let buffer = try buffer(scratch)
    let fileSystem = FailingFileSystem()
    _ = try Publisher(buffer: buffer, fileSystem: fileSystem)
      .publishShard(staged: try staged(buffer), manifest: sampleManifest())
    #expect(
      fileSystem.operations == [
        "syncFile", "rename", "syncFolder", "open", "write", "sync", "close", "rename", "syncFolder", "remove",
      ])
  }

  @Test(arguments: FailingFileSystem.Failure.allCases)
  func aFailureAtAnyOperationLeavesAllOrNothing(_ failure: FailingFileSystem.Failure) throws {
    var failing = 0
    var published = false
    while !published {
      let scratch = try ScratchFolder()
      let buffer = try buffer(scratch)
      let fileSystem = FailingFileSystem(failing: failing, failure)
      let path = try staged(buffer)
      published = try succeeds {
        _ = try Publisher(buffer: buffer, fileSystem: fileSystem).publishShard(staged: path, manifest: sampleManifest())
      }
      let done = fileSystem.operations.count <= failing
      if !done {
        // All or nothing: a manifest is there only with the shard it describes.
        for manifest in try buffer.manifests(.rollouts) {
          #expect(try Digest.file(buffer.path(of: manifest)) == manifest.digest)
          #expect(try RolloutShardReader(path: buffer.path(of: manifest)).rows() == rows)
        }
      }
      // Running the step again gives what an undisturbed run gives.
      _ = try Publisher(buffer: buffer).publishShard(staged: try staged(buffer), manifest: sampleManifest())
      #expect(try buffer.manifests(.rollouts).count == 1)
      #expect(try RolloutShardReader(path: buffer.path(of: sampleManifest())).rows() == rows)
      #expect(entries(buffer.staging).isEmpty, "operation \(failing)")
      published = done
      failing += 1
    }
    #expect(failing == 11)
  }

  @Test func theSameBytesAgainAreNoWork() throws {
    let scratch = try ScratchFolder()
    let buffer = try buffer(scratch)
    let publisher = Publisher(buffer: buffer)
    let first = try publisher.publishShard(staged: try staged(buffer), manifest: sampleManifest())
    var later = sampleManifest()
    later.action.host = "elsewhere"
    let again = try publisher.publishShard(staged: try staged(buffer), manifest: later)
    #expect(again == .alreadyThere(first.manifest))
    #expect(entries(buffer.staging).isEmpty)
  }

  @Test func otherBytesUnderTheSameNameAreAnError() throws {
    let scratch = try ScratchFolder()
    let buffer = try buffer(scratch)
    let publisher = Publisher(buffer: buffer)
    let manifest = try publisher.publishShard(staged: try staged(buffer), manifest: sampleManifest()).manifest
    let other = try writeRollouts(sampleRollouts(4), to: buffer.stagingPath("other"))
    let error = rollbookError { _ = try publisher.publishShard(staged: other, manifest: sampleManifest()) }
    #expect(error?.code == .badInput)
    #expect(error?.hint?.contains("never changed") == true)
    #expect(try Digest.file(buffer.path(of: manifest)) == manifest.digest)
    #expect(try Manifest.read(buffer.manifestPath(of: manifest)) == manifest)
  }

  @Test func aShardWithoutManifestIsCompletedByTheSameBytesOnly() throws {
    let scratch = try ScratchFolder()
    let buffer = try buffer(scratch)
    let publisher = Publisher(buffer: buffer)
    let target = buffer.path(of: sampleManifest())
    try FileManager.default.moveItem(atPath: try staged(buffer), toPath: target)
    let other = try writeRollouts(sampleRollouts(4), to: buffer.stagingPath("other"))
    let error = rollbookError { _ = try publisher.publishShard(staged: other, manifest: sampleManifest()) }
    #expect(error?.hint?.contains("no manifest") == true)
    let outcome = try publisher.publishShard(staged: try staged(buffer), manifest: sampleManifest())
    #expect(outcome == .published(outcome.manifest))
    #expect(try buffer.manifests(.rollouts).count == 1)
  }

  @Test func whatIsNoShardOfItsKindIsNotPublished() throws {
    let scratch = try ScratchFolder()
    let buffer = try buffer(scratch)
    let publisher = Publisher(buffer: buffer)
    let shard = try staged(buffer)
    let error = rollbookError {
      _ = try publisher.publishShard(staged: shard, manifest: sampleManifest(.scores, set: "main"))
    }
    #expect(error?.message.contains("expected a shard of scores") == true)
    let text = buffer.stagingPath("text")
    try overwrite(text, Array("nothing".utf8))
    let refused = rollbookError { _ = try publisher.publishShard(staged: text, manifest: sampleManifest()) }
    #expect(refused?.code == .badInput)
    #expect(try buffer.manifests(.rollouts).isEmpty)
    #expect(entries(buffer.rolloutsFolder).isEmpty)
  }

  private func stagedFolder(_ buffer: Buffer, weights: String = "weights") throws -> String {
    let folder = buffer.stagingPath("checkpoint-step-000002")
    try? FileManager.default.removeItem(atPath: folder)
    try FileManager.default.createDirectory(atPath: "\(folder)/sub", withIntermediateDirectories: true)
    try overwrite("\(folder)/model.safetensors", Array(weights.utf8))
    try overwrite("\(folder)/sub/tokenizer.json", Array("{}".utf8))
    return folder
  }

  @Test func aCheckpointListsItsFiles() throws {
    let scratch = try ScratchFolder()
    let buffer = try buffer(scratch)
    let manifest = sampleManifest(.checkpoint)
    let outcome = try Publisher(buffer: buffer).publishFolder(staged: stagedFolder(buffer), manifest: manifest)
    #expect(outcome.manifest.files?.map(\.name) == ["model.safetensors", "sub/tokenizer.json"])
    #expect(outcome.manifest.bytes == 9)
    #expect(outcome == .published(try Manifest.read("\(buffer.checkpointFolder(step: 2))/manifest.json")))
    #expect(try buffer.checkpoint(step: 2) == outcome.manifest)
    #expect(try buffer.latestCheckpoint() == outcome.manifest)
    let again = try Publisher(buffer: buffer).publishFolder(staged: stagedFolder(buffer), manifest: manifest)
    #expect(again == .alreadyThere(outcome.manifest))
    #expect(entries(buffer.staging).isEmpty)
    let other = try stagedFolder(buffer, weights: "others")
    let error = rollbookError { _ = try Publisher(buffer: buffer).publishFolder(staged: other, manifest: manifest) }
    #expect(error?.code == .badInput)
  }

  @Test(arguments: FailingFileSystem.Failure.allCases)
  func aCheckpointIsPublishedWholeOrNotAtAll(_ failure: FailingFileSystem.Failure) throws {
    var failing = 0
    var done = false
    while !done {
      let scratch = try ScratchFolder()
      let buffer = try buffer(scratch)
      let fileSystem = FailingFileSystem(failing: failing, failure)
      let folder = try stagedFolder(buffer)
      let manifest = sampleManifest(.checkpoint)
      _ = try succeeds {
        _ = try Publisher(buffer: buffer, fileSystem: fileSystem).publishFolder(staged: folder, manifest: manifest)
      }
      done = fileSystem.operations.count <= failing
      let target = buffer.checkpointFolder(step: 2)
      if exists(target) {
        #expect(entries(target) == ["manifest.json", "model.safetensors", "sub"])
        #expect(try Manifest.read("\(target)/manifest.json").files?.count == 2)
      }
      _ = try Publisher(buffer: buffer).publishFolder(staged: stagedFolder(buffer), manifest: manifest)
      #expect(try buffer.manifests(.checkpoint).count == 1)
      failing += 1
    }
    #expect(failing > 8)
  }
}
