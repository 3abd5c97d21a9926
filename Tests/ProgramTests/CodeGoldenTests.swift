import Formats
import Foundation
import TestSupport
import Testing

extension ProgramTests {
  /// Every case of `code.jsonl`, with its own limits.
  @Suite(.enabled(if: SandboxSupport.isThere, SandboxSupport.comment)) struct CodeGoldenTests {
    @Test func everyCaseHasItsVerdict() throws {
      let text = try String(
        contentsOfFile: Golden.folder + "/verifiers/code.jsonl", encoding: .utf8)
      let cases = try text.split(separator: "\n").map { try JSON.parse(String($0)) }
      #expect(!cases.isEmpty)
      let limits = try #require(cases.first?["limits"])
      #expect(cases.allSatisfy { $0["limits"] == limits })
      func limit(_ name: String) throws -> Int { try #require(limits[name]?.int) }
      let spec =
        try
        "code:timeout=\(limit("seconds")),memory=\(limit("memory_mb")),processes=\(limit("processes")),"
        + "output=\(limit("output_kb")),disk=\(limit("disk_mb"))=1"
      let escapes = ["/tmp", NSHomeDirectory(), "/"].map { $0 + "/escaped.txt" }
      let before = escapes.map { FileManager.default.fileExists(atPath: $0) }

      let scratch = try Scratch()
      try scratch.importing(
        cases.map { line in
          let meta: JSON = [
            "entry_point": line["entry_point"] ?? .null, "tests": line["tests"] ?? .null,
          ]
          return (response: line["completion"]?.string ?? "", meta: meta)
        })
      let verdicts = try scratch.judged(spec)
      #expect(verdicts.count == cases.count)
      for (line, verdict) in zip(cases, verdicts) {
        let id = line["id"]?.string ?? ""
        #expect((verdict.value == 1) == line["passed"]?.bool, "\(id): \(verdict)")
        #expect(verdict.value == 0 || verdict.value == 1, "\(id): \(verdict)")
        let accepted = line["accept"]?.array?.compactMap(\.string) ?? []
        // What is refused is an exception in the program.
        let word =
          verdict.word == "blocked" && !accepted.contains("blocked") ? "error" : verdict.word
        #expect(
          accepted.contains(word) || accepted.contains("error") && word != "pass",
          "\(id): \(verdict)")
      }
      #expect(escapes.map { FileManager.default.fileExists(atPath: $0) } == before)
    }
  }
}
