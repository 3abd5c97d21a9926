import Formats
import Foundation
import Testing

@Suite struct BufferTests {
  @Test func aNewBufferHasItsFoldersAndKeepsItsIdentity() throws {
    let scratch = try ScratchFolder()
    let buffer = try Buffer.open(path: "\(scratch.path)/a/b/run///", create: true)
    #expect(buffer.root == "\(scratch.path)/a/b/run")
    for kind in Manifest.Kind.allCases { #expect(exists(buffer.folder(kind))) }
    #expect(exists(buffer.metrics))
    #expect(buffer.id.utf8.count == 32)
    #expect(try Buffer.open(path: buffer.root, create: true) == buffer)
    #expect(try Buffer.open(path: buffer.root, create: false) == buffer)
    #expect(entries(buffer.staging).isEmpty)
    #expect(try Buffer.open(path: "\(scratch.path)/other", create: true).id != buffer.id)
  }

  @Test func noBufferAndNewerBuffersAreNamed() throws {
    let scratch = try ScratchFolder()
    #expect(rollbookError { _ = try Buffer.open(path: scratch.path, create: false) }?.code == .missing)
    let path = try scratch.file("rollbook.json", Array(SealedJSON.text(["format": 2, "id": "x"]).utf8))
    let newer = rollbookError { _ = try Buffer.open(path: scratch.path, create: false) }
    #expect(newer?.code == .badInput)
    #expect(newer?.message.contains("found 2") == true)
    try overwrite(path, Array("{".utf8))
    #expect(rollbookError { _ = try Buffer.open(path: scratch.path, create: false) }?.code == .badInput)
  }

  @Test func oneTokenizerABuffer() throws {
    let scratch = try ScratchFolder()
    let buffer = try Buffer.open(path: "\(scratch.path)/run", create: true)
    #expect(try buffer.tokenizer() == nil)
    try buffer.bindTokenizer("xxh3-128:aa")
    try buffer.bindTokenizer("xxh3-128:aa")
    #expect(try buffer.tokenizer() == "xxh3-128:aa")
    let error = rollbookError { try buffer.bindTokenizer("xxh3-128:bb") }
    #expect(error?.code == .badInput)
    #expect(error?.message.contains("xxh3-128:aa") == true)
    #expect(try Buffer.open(path: buffer.root, create: false).id == buffer.id)
  }

  @Test(arguments: FailingFileSystem.Failure.allCases)
  func makingAndBindingFailWholeOrNotAtAll(_ failure: FailingFileSystem.Failure) throws {
    var failing = 0
    var done = false
    while !done {
      let scratch = try ScratchFolder()
      let root = "\(scratch.path)/run"
      let fileSystem = FailingFileSystem(failing: failing, failure)
      _ = try succeeds {
        try Buffer.open(path: root, create: true, fileSystem: fileSystem)
          .bindTokenizer("xxh3-128:aa", fileSystem: fileSystem)
      }
      done = fileSystem.operations.count <= failing
      let buffer = try Buffer.open(path: root, create: true)
      let bound = try buffer.tokenizer()
      #expect(bound == nil || bound == "xxh3-128:aa")
      #expect(!done || bound != nil)
      try buffer.bindTokenizer("xxh3-128:aa")
      failing += 1
    }
    #expect(failing > 12)
  }

  @Test func namesAreTheDocumentedOnes() throws {
    #expect(Buffer.stepName(12) == "step-000012")
    #expect(Buffer.stepName(12_345_678) == "step-12345678")
    #expect(Buffer.shardName(step: 3, part: 0) == "step-000003-part-00000.arrow")
    #expect(Buffer.shardName(step: 3, part: 17, set: "main") == "main-step-000003-part-00017.arrow")
    let scratch = try ScratchFolder()
    let buffer = try Buffer.open(path: "\(scratch.path)/run", create: true)
    #expect(buffer.relative("\(buffer.root)/shards/x") == "shards/x")
    #expect(buffer.relative("/elsewhere/x") == "/elsewhere/x")
    #expect(buffer.relative("\(buffer.root)-2/x") == "\(buffer.root)-2/x")
  }

  @Test(arguments: ["", ".", "../x", "a/b", "a b", "é", String(repeating: "a", count: 65)])
  func badNamesOfScoreSetsAreUsageErrors(_ name: String) {
    #expect(rollbookError { try Buffer.validate(set: name) }?.code == .usage)
  }

  @Test(arguments: ["main", "A_1.b-c", "step-000001"])
  func goodNamesOfScoreSetsPass(_ name: String) throws {
    try Buffer.validate(set: name)
  }

  @Test func manifestsAreFoundByKindStepAndSet() throws {
    let scratch = try ScratchFolder()
    let buffer = try Buffer.open(path: "\(scratch.path)/run", create: true)
    func publish(_ manifest: Manifest) throws {
      let text = try manifest.serialized()
      try overwrite(buffer.manifestPath(of: manifest), Array(text.utf8))
    }
    for step in [2, 0, 10] {
      for part in [1, 0] { try publish(sampleManifest(step: step, part: part)) }
      try publish(sampleManifest(.scores, step: step, set: "main"))
      try publish(sampleManifest(.scores, step: step, set: "step-000002"))
    }
    let found = try buffer.manifests(.rollouts).map { [$0.step, $0.part] }
    #expect(found == [[0, 0], [0, 1], [2, 0], [2, 1], [10, 0], [10, 1]])
    #expect(try buffer.manifests(.rollouts, step: 2).map(\.part) == [0, 1])
    #expect(try buffer.manifests(.scores, step: 2, set: "main").count == 1)
    #expect(try buffer.manifests(.scores, step: 2).map(\.set) == ["main", "step-000002"])
    #expect(try buffer.manifests(.scores, set: "step-000002").map(\.step) == [0, 2, 10])
    #expect(try buffer.manifests(.updates).isEmpty)
    #expect(try buffer.latestCheckpoint() == nil)
    #expect(try buffer.checkpoint(step: 1) == nil)
  }

  @Test func aLockIsHeldByOneAndNamesItsHolder() throws {
    let scratch = try ScratchFolder()
    let path = "\(scratch.path)/x.lock"
    let lock = try StagingLock(path: path)
    let error = rollbookError { _ = try StagingLock(path: path) }
    #expect(error?.code == .io)
    #expect(error?.message.contains("pid \(ProcessInfo.processInfo.processIdentifier)") == true)
    lock.release()
    lock.release()
    try StagingLock(path: path).release()
    // A child that was just forked has the descriptor as well.
    let held = try StagingLock(path: path)
    let names = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
    let own = try #require(names.first {
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")) == path
    })
    let copy = dup(try #require(Int32(own)))
    defer { close(copy) }
    held.release()
    try StagingLock(path: path).release()
  }
}
