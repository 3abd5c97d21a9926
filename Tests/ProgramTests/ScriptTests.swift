import Formats
import Foundation
import TestSupport
import Testing

extension ProgramTests {
  /// The loop as a shell script.
  @Suite struct ScriptTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func script(_ name: String, _ flags: [String]) throws -> Running {
      try scratch.start("/bin/bash", ["\(projectFolder)/scripts/\(name)", "--buffer", scratch.buffer] + flags)
    }

    private static let tiny = [
      "--model", "latest", "--prompts", Scratch.prompts, "--prompts-per-step", "4", "--group-size", "4",
      "--max-new-tokens", "8", "--reward", "sort-positions=1", "--lr", "1e-3",
    ]

    private func expectTable(_ outcome: Outcome, steps: Int, at location: SourceLocation = #_sourceLocation) throws {
      outcome.expect(at: location)
      let table = try scratch.rollbook("stats").expect(at: location).output
      #expect(outcome.output.hasSuffix(table), "\(outcome)", sourceLocation: location)
      let rows = table.split(separator: "\n").dropFirst().compactMap { $0.split(separator: " ").first }
      #expect(rows.prefix(steps).map(String.init) == (0..<steps).map(String.init), sourceLocation: location)
      #expect(scratch.exists("checkpoints/\(Buffer.stepName(steps))/manifest.json"), sourceLocation: location)
      try scratch.rollbook("verify", "--deep").expect(at: location)
    }

    @Test func onPolicyGoesOnWhereItWasStopped() throws {
      try scratch.initialise()
      // Enough steps for the signal to meet one of them.
      let flags = Self.tiny + ["--steps", "4", "--generate", "--groups-per-shard=2", "--train", "--epochs=3"]
      let first = try script("on_policy.sh", flags)
      first.poll { scratch.exists("checkpoints/step-000001") }
      kill(-getpgid(first.identifier), SIGTERM)
      let stopped = first.wait()
      #expect(stopped.wasKilled || stopped.code != 0, "\(stopped)")
      try expectTable(script("on_policy.sh", flags).wait(), steps: 4)
      let after = try scratch.results()
      try expectTable(script("on_policy.sh", flags).wait(), steps: 4)
      #expect(try scratch.results() == after, "nothing is left to do")
    }

    /// The divergence from checkpoint 0 can be measured for as long as the run goes on.
    @Test func onPolicyFromLatestKeepsItsReference() throws {
      try scratch.initialise()
      let flags = Self.tiny + ["--steps", "4", "--kl", "0.01", "--keep-last", "2"]
      try expectTable(script("on_policy.sh", flags).wait(), steps: 4)
      #expect(scratch.exists("checkpoints/step-000000"))
      let rows = try #require(scratch.rollbook("stats", "--json").expect().json()["steps"]?.array)
      #expect(rows.prefix(4).dropFirst().allSatisfy { ($0["kl"]?.double ?? 0) > 0 })
    }

    @Test func onPolicyFromAFolderKeepsTheNewest() throws {
      try scratch.initialise()
      let start = scratch.buffer + "/checkpoints/step-000000"
      scratch.buffer += "-new"
      let flags = Self.tiny + ["--model", start, "--steps", "3", "--keep-last", "2"]
      try expectTable(script("on_policy.sh", flags).wait(), steps: 3)
      #expect(scratch.names("checkpoints") == ["step-000002", "step-000003"])
    }

    @Test func wrongArguments() throws {
      try script("on_policy.sh", ["--nonsense", "1"]).wait().expect(64, naming: "--nonsense")
      try script("on_policy.sh", ["--model", "latest"]).wait().expect(64, naming: "--prompts")
      #expect(!FileManager.default.fileExists(atPath: scratch.buffer))
    }

    @Test func learnSorting() throws {
      let flags = ["--steps", "2", "--prompts-per-step", "4", "--group-size", "4"]
      try expectTable(script("learn_sorting.sh", flags).wait(), steps: 2)
    }
  }
}
