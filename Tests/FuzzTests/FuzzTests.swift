import Foundation
import Fuzz
import TestSupport
import Testing

/// Every file that a reader once failed on, and fresh ones. `scripts/fuzz.sh` tries many more.
@Suite struct FuzzTests {
  /// A folder of its own, in memory where the system has a place for that.
  private func withFolder(_ body: (String) throws -> Void) throws {
    let root = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
    let folder = "\(root)/rollbook-fuzz-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
  }

  @Test(arguments: Reader.allCases)
  func keptCasesGiveValuesOrErrors(_ reader: Reader) throws {
    let cases = "\(projectFolder)/Tests/Fuzz/cases/\(reader.rawValue)"
    try withFolder { folder in
      let run = try FuzzRun(reader, seed: 1, folder: folder, golden: Golden.folder)
      for name in ((try? FileManager.default.contentsOfDirectory(atPath: cases)) ?? []).sorted() {
        try FileManager.default.copyItem(atPath: "\(cases)/\(name)", toPath: run.path)
        _ = try run.attempt(run.path)
        try FileManager.default.removeItem(atPath: run.path)
      }
    }
  }

  @Test(arguments: Reader.allCases)
  func freshInputsGiveValuesOrErrors(_ reader: Reader) throws {
    try withFolder { folder in
      let counts = try FuzzRun(reader, seed: 20, folder: folder, golden: Golden.folder).run(0..<3000)
      // Neither everything is broken beyond reading, nor is nothing changed.
      #expect(counts.refused > 1000 && (counts.read > 20 || reader == .manifest), "\(counts)")
    }
  }

  @Test func theSameSeedGivesTheSameInputs() throws {
    try withFolder { folder in
      var last: [Data?] = []
      for seed in [7, 7, 8] as [UInt64] {
        let run = try FuzzRun(.prompt, seed: seed, folder: folder, golden: Golden.folder)
        _ = try run.run(0..<50)
        last.append(FileManager.default.contents(atPath: run.path))
      }
      #expect(last[0] == last[1] && last[0] != last[2])
    }
  }
}
