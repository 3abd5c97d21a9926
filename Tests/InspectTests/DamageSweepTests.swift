import Formats
import Foundation
import Inspect
import Testing

/// One bit of every byte of every kind of published file flipped, and every file cut at every byte: each is found, and
/// the file named.
@Suite("verify: every byte")
struct DamageSweepTests {
  private static let files = [
    "rollbook.json", "shards/rollouts/step-000000-part-00000.arrow", "shards/rollouts/step-000000-part-00000.json",
    "checkpoints/step-000001/manifest.json", "checkpoints/step-000001/config.json",
    "checkpoints/step-000001/trainer_state.json",
  ]

  /// In memory where the system has a place for that: the files are written some ten thousand times.
  private func withBuffer(_ body: (Buffer) throws -> Void) throws {
    let root = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
    let folder = "\(root)/rollbook-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    var fixture = try BufferFixture(folder)
    (fixture.groups, fixture.samples) = (1, 2)
    try fixture.buffer.bindTokenizer("xxh3-128:ab")
    try fixture.addRollouts(step: 0)
    try fixture.addScores(step: 0)
    try fixture.addCheckpoint(
      step: 1, files: ["config.json": #"{"layers": 2}"#, "trainer_state.json": #"{"step": 1}"#])
    #expect(try Verification.run(fixture.buffer, deep: true).problems == [])
    try body(fixture.buffer)
  }

  private func overwrite(_ path: String, _ bytes: [UInt8]) throws {
    let system = LocalFileSystem()
    let file = try system.open(path, keeping: 0)
    try bytes.withUnsafeBytes { try system.write($0, to: file) }
    try system.close(file)
  }

  /// Whether verification, as the command does it, blames this file.
  private func isBlamed(_ path: String, _ buffer: Buffer, deep: Bool) throws -> Bool {
    let result = try Verification.run(Buffer.openUnverified(path: buffer.root), deep: deep)
    return result.problems.contains { $0.hasPrefix(path) }
  }

  @Test(arguments: files)
  func everyByte(file: String) throws {
    try withBuffer { buffer in
      let path = "\(buffer.root)/\(file)"
      let good = try MappedFile.contents(of: path)
      var missed: [String] = []
      for index in good.indices {
        var bad = good
        // A rule without a pattern that a format could share.
        bad[index] ^= 1 << UInt8((index &* 2_654_435_761 >> 7) & 7)
        try overwrite(path, bad)
        if try !isBlamed(path, buffer, deep: index % 16 == 0) { missed.append("flip \(index)") }
        try overwrite(path, Array(good[..<index]))
        if try !isBlamed(path, buffer, deep: index % 16 == 1) { missed.append("cut \(index)") }
      }
      #expect(missed == [])
      try overwrite(path, good)
      #expect(try Verification.run(buffer, deep: true).problems == [])
    }
  }
}
