import Formats
import Foundation
import Testing

extension ProgramTests {
  /// `--mix`: shares of groups from several steps and kinds.
  @Suite struct MixtureTrainTests {
    let scratch: Scratch

    /// Steps 0 and 1 of 8 groups of 4, sampled at a temperature, with 16 demonstrations in step 0.
    init() throws {
      scratch = try Scratch(inMemory: true)
      try scratch.initialise()
      for step in 0..<2 {
        try scratch.generate(step, "--model", "step:0", "--temperature", "0.9").expect()
        try scratch.score(step).expect()
      }
      let rows: [JSON] = (0..<16).map {
        ["id": .string("d-\($0)"), "prompt": .string("\($0 % 9) 1"), "completion": .string("1 \($0 % 9)")]
      }
      try scratch.imported("demonstrations.jsonl", rows, "--step", "0")
    }

    private static let parts = [
      "--mix", "0.5 step = {step}", "--mix", "0.25 step between {step-4} and {step - 1} and kind = sample",
      "--mix", "0.25 kind = demonstration", "--set", "demonstration_coef=0.1"
    ]

    /// Rows that the step trained on, by step and whether they are demonstrations.
    private func rows() throws -> [String] {
      try scratch.updates(1).map { "\($0.step)/\($0.promptID)/\($0.sample)" }.sorted()
    }

    @Test func sharesOfGroups() throws {
      let outcome = try scratch.run("rollbook-train", scratch.trainArguments(1, Self.parts))
      outcome.expect(naming: "mix: 8 of 8 groups", "mix: 4 of 8 groups", "mix: 4 of 16 groups")
      let rows = try rows()
      #expect(rows.count { $0.hasPrefix("1/") } == 32)
      #expect(rows.count { $0.hasPrefix("0/") && !$0.contains("/d-") } == 16, "whole groups of 4")
      #expect(rows.count { $0.hasPrefix("0/d-") } == 4)
      let manifest = try scratch.checkpointManifest(2)
      #expect(manifest.action.parameters["mix"]?.contains("0.25 step between {step-4}") == true)
      #expect(manifest.inputs.count { $0.role == "rollouts" } == 3)
      try scratch.rollbook("verify", "--deep").expect()
      // The same command does nothing, another mixture is another step.
      let before = try scratch.digests()
      try scratch.run("rollbook-train", scratch.trainArguments(1, Self.parts)).expect(naming: "already done")
      try scratch.run("rollbook-train", scratch.trainArguments(1, Self.parts + ["--mix-size", "4"]))
        .expect(64, naming: "made differently", "mix-size")
      #expect(try scratch.digests() == before)
    }

    @Test func seeds() throws {
      var found: [[String]] = []
      var results: [[String: String]] = []
      for seed in ["1", "1", "2"] {
        try scratch.inCopy {
          let flags = Self.parts + ["--mix-size", "12", "--seed", seed]
          try scratch.run("rollbook-train", scratch.trainArguments(1, flags)).expect()
          found.append(try rows())
          results.append(try scratch.results())
        }
      }
      #expect(found[0] == found[1] && results[0] == results[1])
      #expect(found[0] != found[2] && found[0].count == found[2].count)
    }

    /// Supervised steps, rollouts and both, one after the other.
    @Test func overSteps() throws {
      _ = try scratch.trained(0, ["--recipe", "sft", "--mix", "1 kind = demonstration"])
      _ = try scratch.trained(1, Self.parts)
      try scratch.generate(2, "--temperature", "0.9").expect()
      try scratch.score(2).expect()
      let json = try scratch.trained(2, Self.parts + ["--max-staleness", "1"])
      // Rollouts of step 0's policy are too old by now; demonstrations have no age.
      #expect(try json.metric("staleness_max") <= 1 && json.metric("nll_tokens") > 0)
      #expect(try scratch.updates(2).allSatisfy { $0.step == 2 || $0.promptID.hasPrefix("d-") })
      try scratch.rollbook("verify", "--deep").expect()
    }

    @Test func errors() throws {
      func refused(
        _ code: Int32, _ parts: [String], naming word: String, at location: SourceLocation = #_sourceLocation
      ) throws {
        let flags = parts.flatMap { ["--mix", $0] }
        let outcome = try scratch.run("rollbook-train", scratch.trainArguments(1, flags))
        outcome.expect(code, naming: word, "--mix", at: location)
      }
      for part in ["x step = 1", "0 step = 1", "0.0 step = 1", "nan step = 1", "inf step = 1", "1", ""] {
        try refused(64, [part], naming: "expected a weight")
      }
      for part in [
        "1 step = {step", "1 step = {epoch}", "1 step = {step*2}", "1 step = {step-x}",
        "1 step = {step+9223372036854775807}"
      ] {
        try refused(64, [part], naming: "expected {step}")
      }
      try refused(64, ["1e308 step = 1", "1e308 step = 0"], naming: "weights")
      try refused(64, ["1e-320 step = 1", "1e300 step = 0"], naming: "weights")
      try refused(69, ["1 step = {step}", "1 step = {step+1}"], naming: "selects no rollout")
      try refused(69, ["1 step = {step}", "1 step = 1"], naming: "an earlier part")
      let mixed = ["--mix", "1 step = 1"]
      try scratch.run("rollbook-train", scratch.trainArguments(1, mixed + ["--where", "sample = 0"])).expect(
        64, naming: "--where")
      try scratch.run("rollbook-train", scratch.trainArguments(1, mixed + ["--mix-size", "0"])).expect(
        64, naming: "--mix-size")
      try scratch.train(1, "--mix-size", "4").expect(64, naming: "--mix-size")
      let wrong = try scratch.run("rollbook-train", scratch.trainArguments(1, ["--mix", "1 rewards >> 1"]))
      wrong.expect(64)
      #expect(scratch.names("checkpoints") == ["step-000000"])
      // As many as there are, however many are asked for.
      let all = try scratch.evaluated(1, mixed + ["--mix-size", "9223372036854775807"])
      #expect(try all.metric("tokens") == scratch.evaluated(1, []).metric("tokens"))
    }
  }
}
