import Formats
import Foundation
import Inspect
import Testing

@Suite("verify")
struct VerificationTests {
  /// A buffer of two trained steps.
  private func withFixture(_ body: (BufferFixture) throws -> Void) throws {
    try BufferFixture.withFolder { folder in
      let fixture = try BufferFixture(folder)
      try fixture.addStep(0)
      try fixture.addStep(1)
      try body(fixture)
    }
  }

  @Test(arguments: [false, true])
  func whatWasPublishedIsFine(deep: Bool) throws {
    try withFixture { fixture in
      let result = try Verification.run(fixture.buffer, deep: deep)
      #expect(result.problems == [])
      #expect(result.notes == [])
      #expect(result.shards == 6)
      #expect(result.checkpoints == 2)
      #expect(result.rows == 6 * 12)
    }
  }

  /// One bit anywhere in any published file is found and its file named.
  @Test func flippedBitsAreFound() throws {
    try withFixture { fixture in
      var files: [String] = []
      for kind in [Manifest.Kind.rollouts, .scores, .updates] {
        files += try fixture.buffer.manifests(kind, step: 1).map { fixture.buffer.path(of: $0) }
      }
      files.append(fixture.buffer.checkpointFolder(step: 1) + "/config.json")
      for path in files {
        let url = URL(fileURLWithPath: path)
        let good = try Data(contentsOf: url)
        for place in stride(from: 0, to: good.count, by: max(1, good.count / 7)) {
          var bad = good
          bad[place] ^= 0x04
          try bad.write(to: url)
          for deep in [false, true] {
            let result = try Verification.run(fixture.buffer, deep: deep)
            #expect(!result.problems.isEmpty)
            #expect(result.problems.contains { $0.hasPrefix(path) })
          }
        }
        try good.dropLast().write(to: url)
        #expect(
          try Verification.run(fixture.buffer, deep: true).problems.contains {
            $0.hasPrefix("\(path): expected \(good.count) bytes")
          })
        try FileManager.default.removeItem(at: url)
        #expect(
          try Verification.run(fixture.buffer, deep: false).problems.contains {
            $0.hasPrefix("\(path): its manifest is there")
          })
        try good.write(to: url)
      }
      #expect(try Verification.run(fixture.buffer, deep: true).problems == [])
    }
  }

  @Test func straysAreNamed() throws {
    try withFixture { fixture in
      let manifest = try #require(try fixture.buffer.manifests(.scores, step: 0).first)
      try FileManager.default.removeItem(atPath: fixture.buffer.manifestPath(of: manifest))
      try Data("x".utf8).write(to: URL(fileURLWithPath: fixture.buffer.stagingPath("rollouts-half.arrow")))
      try Data().write(to: URL(fileURLWithPath: fixture.buffer.stagingPath("rollouts-half.arrow.lock")))
      let result = try Verification.run(fixture.buffer, deep: false)
      #expect(result.problems.count == 1)
      #expect(result.problems.first?.hasPrefix("\(fixture.buffer.path(of: manifest)): there is no manifest") == true)
      #expect(result.notes.count == 1)
      #expect(result.notes.first?.hasPrefix(fixture.buffer.stagingPath("rollouts-half.arrow")) == true)
    }
  }

  @Test func scoresOfUnknownRolloutsAreFoundWhenDeep() throws {
    try withFixture { fixture in
      let manifest = try #require(try fixture.buffer.manifests(.rollouts, step: 0).first)
      try FileManager.default.removeItem(atPath: fixture.buffer.manifestPath(of: manifest))
      try FileManager.default.removeItem(atPath: fixture.buffer.path(of: manifest))
      #expect(try Verification.run(fixture.buffer, deep: false).problems == [])
      let problems = try Verification.run(fixture.buffer, deep: true).problems
      #expect(problems.count == 24)
      #expect(problems.allSatisfy { $0.contains("which no rollout shard has") })
    }
  }

  @Test func inputsThatChangedAreFound() throws {
    try withFixture { fixture in
      var scores = try #require(try fixture.buffer.manifests(.scores, step: 0).first)
      let path = fixture.buffer.manifestPath(of: scores)
      scores.inputs[0].digest = "xxh3-128:00"
      try scores.serialized().write(toFile: path, atomically: true, encoding: .utf8)
      let problems = try Verification.run(fixture.buffer, deep: false).problems
      #expect(problems.count == 1)
      #expect(problems.first?.hasPrefix("\(path): made from step-000000-part-00000.arrow") == true)
    }
  }

  @Test func aRolloutStoredTwiceIsFoundWhenDeep() throws {
    try withFixture { fixture in
      try fixture.addRollouts(step: 0, part: 1, rows: [fixture.rollout(step: 0, group: 2, sample: 0)])
      let problems = try Verification.run(fixture.buffer, deep: true).problems
      #expect(problems.count == 1)
      #expect(problems.first?.contains("expected each rollout once") == true)
    }
  }

  @Test func manifestsAndTheIndexAreChecked() throws {
    try withFixture { fixture in
      let manifest = try #require(try fixture.buffer.manifests(.updates, step: 0).first)
      let path = fixture.buffer.manifestPath(of: manifest)
      let good = try String(contentsOfFile: path, encoding: .utf8)
      try good.dropLast(20).description.write(toFile: path, atomically: true, encoding: .utf8)
      #expect(try Verification.run(fixture.buffer, deep: false).problems.first?.hasPrefix(path) == true)
      try good.write(toFile: path, atomically: true, encoding: .utf8)
      try Index.reindex(fixture.buffer)
      #expect(try Verification.run(fixture.buffer, deep: true).problems == [])
      try Data("not a database, whatever its name says".utf8).write(to: URL(fileURLWithPath: fixture.buffer.indexPath))
      let problems = try Verification.run(fixture.buffer, deep: false).problems
      #expect(problems.count == 1)
      #expect(problems.first?.contains("rollbook reindex") == true)
    }
  }
}
