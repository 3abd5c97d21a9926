import Formats
import Foundation
import Testing

/// The process or the machine dies at any operation while something is published: all of it is there afterwards or
/// nothing, nothing published before has changed, and doing the same again gives the bytes of an undisturbed run.
@Suite struct CrashTests {
  private static let rows = sampleRollouts(20)

  private static func shard(_ buffer: Buffer, _ fileSystem: any FileSystem) throws {
    let staged = buffer.stagingPath(.rollouts, step: 2, part: 0)
    let writer = try RolloutShardWriter(staging: staged, fileSystem: fileSystem)
    for start in stride(from: writer.recoveredRowCount, to: rows.count, by: 4) {
      try writer.append(Array(rows[start..<(start + 4)]))
    }
    try writer.finish()
    _ = try Publisher(buffer: buffer, fileSystem: fileSystem).publishShard(staged: staged, manifest: sampleManifest())
  }

  private static func checkpoint(_ buffer: Buffer, _ fileSystem: any FileSystem) throws {
    let writer = try CheckpointWriter(buffer: buffer, step: 2, fileSystem: fileSystem)
    try writer.writeFile("config.json", Array("{}".utf8))
    let weights = try writer.tensorFile(CheckpointWriter.weightsName, [.init(name: "w", shape: [2])])
    try weights.append("w", [1, 2])
    _ = try weights.finish()
    try writer.writeTrainerState(["step": 2])
    var manifest = sampleManifest(.checkpoint)
    manifest.name = ""
    _ = try writer.publish(manifest)
  }

  private static func identity(_ buffer: Buffer, _ fileSystem: any FileSystem) throws {
    try Buffer.open(path: buffer.root, create: true, fileSystem: fileSystem)
      .bindTokenizer("xxh3-128:aa", fileSystem: fileSystem)
  }

  /// Every published file, by path, with its bytes; not what is in staging.
  private func published(_ buffer: Buffer) throws -> [String: String] {
    var found: [String: String] = [:]
    for name in try FileManager.default.subpathsOfDirectory(atPath: buffer.root) where !name.hasPrefix("staging") {
      let path = "\(buffer.root)/\(name)"
      var isFolder: ObjCBool = false
      _ = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
      if !isFolder.boolValue { found[name] = try Digest.file(path) }
    }
    return found
  }

  /// A buffer with a published shard.
  private func prepared(_ scratch: ScratchFolder) throws -> Buffer {
    let buffer = try Buffer.open(path: "\(scratch.path)/run", create: true)
    let staged = try writeRollouts(sampleRollouts(4), to: buffer.stagingPath("x"))
    _ = try Publisher(buffer: buffer).publishShard(staged: staged, manifest: sampleManifest(step: 1))
    return buffer
  }

  /// Everything with a manifest is there and as the manifest says.
  private func expectWhole(_ buffer: Buffer, _ comment: Comment) throws {
    for manifest in try buffer.manifests(.rollouts) {
      #expect(try Digest.file(buffer.path(of: manifest)) == manifest.digest, comment)
    }
    for name in entries(buffer.checkpoints) {
      try Checkpoint.open("\(buffer.checkpoints)/\(name)").verify()
    }
  }

  private func sweep(
    _ crash: CrashingFileSystem.Crash, _ work: (Buffer, any FileSystem) throws -> Void
  ) throws -> Int {
    let scratch = try ScratchFolder()
    let undisturbed = try prepared(scratch)
    let counting = try CrashingFileSystem(root: undisturbed.root)
    try work(undisturbed, counting)
    let whole = Set(try published(undisturbed).keys)
    for failing in 0..<counting.operations {
      let scratch = try ScratchFolder()
      let buffer = try prepared(scratch)
      let before = try published(buffer)
      let fileSystem = try CrashingFileSystem(root: buffer.root, failing: failing, crash)
      // What was only cleaning up may fail unseen.
      _ = try succeeds { try work(buffer, fileSystem) }
      try fileSystem.restart()
      let comment = Comment(rawValue: "\(crash) at operation \(failing)")
      try expectWhole(buffer, comment)
      let after = try published(buffer)
      for (name, digest) in before where name != "rollbook.json" { #expect(after[name] == digest, comment) }
      _ = try buffer.tokenizer()
      try work(buffer, LocalFileSystem())
      try expectWhole(buffer, comment)
      #expect(Set(try published(buffer).keys) == whole, comment)
      for (name, digest) in try published(undisturbed) where name != "rollbook.json" && !name.hasSuffix("01.json") {
        #expect(try published(buffer)[name] == digest, comment)
      }
    }
    return counting.operations
  }

  /// The disk of these tests forgets what it was not told to keep.
  @Test func unsyncedThingsAreLost() throws {
    for crash in CrashingFileSystem.Crash.allCases {
      let scratch = try ScratchFolder()
      let fileSystem = try CrashingFileSystem(root: scratch.path, failing: 8, crash)
      for name in ["a", "b"] {
        let file = try fileSystem.open("\(scratch.path)/\(name)", keeping: 0)
        try [1, 2].withUnsafeBytes { try fileSystem.write($0, to: file) }
        if name == "a" { try fileSystem.sync(file) }
        try fileSystem.close(file)
        if name == "a" { try fileSystem.syncFolder(scratch.path) }
      }
      #expect(try !succeeds { try fileSystem.remove("\(scratch.path)/a") })
      try fileSystem.restart()
      #expect(entries(scratch.path) == (crash == .power ? ["a"] : ["a", "b"]))
      #expect(try fileBytes("\(scratch.path)/a").count == 16)
      if crash != .power { #expect(try fileBytes("\(scratch.path)/b").count == (crash == .kill ? 16 : 0)) }
    }
  }

  @Test(arguments: CrashingFileSystem.Crash.allCases)
  func aShard(_ crash: CrashingFileSystem.Crash) throws {
    #expect(try sweep(crash, Self.shard) > 15)
  }

  @Test(arguments: CrashingFileSystem.Crash.allCases)
  func aCheckpoint(_ crash: CrashingFileSystem.Crash) throws {
    #expect(try sweep(crash, Self.checkpoint) > 20)
  }

  @Test(arguments: CrashingFileSystem.Crash.allCases)
  func theBufferItself(_ crash: CrashingFileSystem.Crash) throws {
    #expect(try sweep(crash, Self.identity) > 5)
  }
}
