import ArgumentParser
import Formats
import Foundation
import Inspect
import Pipeline
import Testing

extension BufferFixture {
  /// A score set over the first rollouts of a step; `values` gives the total and then the components.
  fileprivate func add(
    _ set: String, step: Int, _ components: [String], count: Int = .max, of rows: [Rollout]? = nil,
    extracted: String? = nil, _ values: (Rollout) -> [Double?]
  ) throws {
    let staged = buffer.stagingPath(.scores, step: step, part: 0, set: set)
    let writer = try ScoreShardWriter(staging: staged, components: components)
    try writer.append(
      (rows ?? rollouts(step: step)).prefix(count).map { rollout in
        let values = values(rollout)
        return ScoreRow(
          rollout: rollout.id, step: step, promptID: rollout.promptID, sample: rollout.sample, reward: values[0],
          components: Array(values.dropFirst()), extracted: extracted)
      })
    try writer.finish()
    let manifest = Manifest(
      kind: .scores, name: Buffer.shardName(step: step, part: 0, set: set), schemaVersion: 1, step: step, set: set,
      action: action("score", key: "\(set)\(step)"))
    _ = try Publisher(buffer: buffer).publishShard(staged: staged, manifest: manifest)
  }
}

@Suite("Score sets compared")
struct ScoreSetTests {
  private func withFixture(_ body: (BufferFixture) throws -> Void) throws {
    try BufferFixture.withFolder { try body(BufferFixture($0)) }
  }

  private func diff(_ fixture: BufferFixture, _ arguments: String...) throws -> (json: JSON, text: String) {
    let command = try ScoreDiffCommand.parse(arguments + ["--buffer", fixture.buffer.root])
    let index = try Index.current(fixture.buffer).index
    let rollouts = try ScoredRollouts(
      fixture.buffer, index, sets: [command.a, command.b], steps: command.selection.step,
      selection: command.selection.selection.selection())
    let report = ScoreDiffReport(
      try command.compared(rollouts), a: command.a, b: command.b, components: rollouts.components)
    return (report.json(), report.text())
  }

  private func signals(_ fixture: BufferFixture, _ arguments: String...) throws -> ScoreSignalsReport {
    try ScoreSignalsCommand.parse(arguments + ["--buffer", fixture.buffer.root])
      .report(fixture.buffer, Index.current(fixture.buffer).index)
  }

  /// Step 0, three groups of four: `main` passes group 0 and odd samples, `other` samples 2 and 3 and nothing of
  /// group 2, where it has no value.
  private func addTwoSets(_ fixture: BufferFixture) throws {
    try fixture.addRollouts(step: 0)
    try fixture.addScores(step: 0)
    try fixture.add("other", step: 0, ["length", "math"]) { rollout in
      let value = rollout.group == 2 ? nil : rollout.sample > 1 ? 1.0 : 0
      return [value.map { $0 / 2 }, 1, value]
    }
  }

  @Test func coverageVerdictsAndFlips() throws {
    try withFixture { fixture in
      try addTwoSets(fixture)
      let (json, text) = try diff(fixture, "main", "other", "--component", "math")
      #expect(json["value"] == "math" && json["rollouts"] == 12 && json["both"] == 8 && json["only_a"] == 4)
      #expect(json["only_b"] == 0 && json["neither"] == 0)
      #expect(json["only_a_has"] == ["format"] && json["only_b_has"] == ["length"])
      let row = try #require(json["values"]?[0])
      // Group 0: 1 1 1 1 and 0 0 1 1; group 1: 0 1 0 1 and 0 0 1 1.
      #expect(row["confusion"]?["both_pass"] == 3 && row["confusion"]?["only_a_passes"] == 3)
      #expect(row["confusion"]?["only_b_passes"] == 1 && row["confusion"]?["both_fail"] == 1)
      #expect(row["agreement"] == .double(0.5) && row["kappa"] == .double(0))
      #expect(row["mean_a"] == .double(0.75) && row["mean_b"] == .double(0.5) && row["change"] == .double(-0.25))
      // In group 1 (0,0) (1,0) (0,1) (1,1): one pair alike, one opposite, two tied in each; in group 0 all tied in A.
      #expect(row["pairs_same"] == 1 && row["pairs_opposite"] == 1 && row["order_agreement"] == .double(0.5))
      #expect(row["pairs_tied_in_a"] == 6 && row["pairs_tied_in_b"] == 2 && row["pairs_tied_in_both"] == 2)
      let flips = try #require(json["flipped"]?.array)
      #expect(flips.map { $0["prompt"]?.string } == ["task-0", "task-0", "task-1", "task-1"])
      #expect(flips.map { $0["sample"]?.int } == [0, 1, 1, 2] && json["flipped_count"] == 4)
      #expect(flips[0]["a"] == .double(1) && flips[0]["b"] == .double(0) && flips[0]["a_extracted"] == "2")
      let id = try #require(flips[0]["id"]?.string)
      #expect(try Index.current(fixture.buffer).index.resolve(id).address == "0/task-0/0")
      for part in ["on 'math'", "only A has: format", "only B has: length", "verdict 50.0%", String(id.prefix(12))] {
        #expect(text.contains(part), "\(part)")
      }
      let first = try diff(fixture, "main", "other", "--component", "math", "--limit", "1")
      #expect(first.json["flipped"]?.array?.count == 1 && first.json["flipped_count"] == 4)
      #expect(first.text.contains("4 rollouts flipped, the first 1 of them"))
    }
  }

  @Test func totalsAndThresholds() throws {
    try withFixture { fixture in
      try addTwoSets(fixture)
      let total = try diff(fixture, "main", "other").json
      #expect(total["value"] == "reward" && total["threshold"] == .double(1))
      #expect(total["values"]?.array?.compactMap { $0["name"]?.string } == ["reward", "math"])
      #expect(total["values"]?[0]?["confusion"]?["both_pass"] == 0)
      let half = try diff(fixture, "main", "other", "--threshold", "0.5").json
      #expect(half["values"]?[0]?["confusion"]?["both_pass"] == 3)
      #expect(try diff(fixture, "main", "other", "--where", "other.math = 1").json["rollouts"] == 4)
      let none = try diff(fixture, "main", "other", "--where", "math = 7")
      #expect(none.json["rollouts"] == 0 && none.text == "no rollout is selected\n")
      #expect(throws: RollbookError.self) { try diff(fixture, "main", "other", "--component", "length") }
      #expect(throws: RollbookError.self) { try diff(fixture, "main", "none") }
      #expect(throws: RollbookError.self) { try diff(fixture, "main", "other", "--step", "1") }
    }
  }

  @Test func stepsThatOneSetLacks() throws {
    try withFixture { fixture in
      try addTwoSets(fixture)
      try fixture.addRollouts(step: 1)
      try fixture.addScores(step: 1)
      try fixture.addRollouts(step: 2)
      try fixture.addRollouts(step: 3)
      // Salvaged shards end early; nulls are no values.
      try fixture.add("other", step: 3, ["math"], count: 3) { $0.sample == 0 ? [nil, nil] : [1, 1] }
      let (json, text) = try diff(fixture, "main", "other")
      let steps = try #require(json["steps"]?.array)
      #expect(steps.map { $0["both"]?.int } == [8, 0, 0, 0] && steps.map { $0["only_a"]?.int } == [4, 12, 0, 0])
      #expect(steps.map { $0["only_b"]?.int } == [0, 0, 0, 2] && steps.map { $0["neither"]?.int } == [0, 0, 12, 10])
      #expect(steps[1]["mean_a"] == .null && text.contains("without a value in both: steps 1–3"))
      let gap = try diff(fixture, "main", "other", "--step", "1", "2")
      #expect(gap.json["rollouts"] == 24 && gap.text.contains("there is nothing to compare"))
    }
  }

  @Test func scoresOfOtherRolloutsAreRefused() throws {
    try withFixture { fixture in
      try addTwoSets(fixture)
      try fixture.add("wrong", step: 0, [], of: fixture.rollouts(step: 1)) { _ in [1] }
      let error = #expect(throws: RollbookError.self) { try diff(fixture, "main", "wrong") }
      #expect(error?.code == .badInput)
    }
  }

  @Test func whatIsPrintedIsSafe() throws {
    try withFixture { fixture in
      try fixture.addRollouts(step: 0)
      let name = "a\u{1B}]0;x\u{7}\nb\u{202E}"
      try fixture.add("one", step: 0, [name], extracted: "\u{1B}[31mred\n") { _ in [1, 1] }
      try fixture.add("two", step: 0, [name], extracted: "\u{9B}2J") { _ in [0, 0] }
      let text =
        try diff(fixture, "one", "two", "--component", name).text
        + signals(fixture, "one", "--correct", name, "--format", name).text()
      #expect(!text.unicodeScalars.contains { $0.value != 0x0A && $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) })
      #expect(!text.unicodeScalars.contains("\u{202E}") && text.contains("12 rollouts flipped"))
    }
  }

  @Test func setsAreListed() throws {
    try withFixture { fixture in
      let command = try ScoreListCommand.parse(["--buffer", fixture.buffer.root])
      try addTwoSets(fixture)
      try fixture.addRollouts(step: 1)
      try fixture.addScores(step: 1)
      let sets = try Index.current(fixture.buffer).index.scoreSetSummaries()
      #expect(sets.map(\.name) == ["main", "other"] && sets.map(\.steps) == [[0, 1], [0]])
      #expect(sets.map(\.scored) == [24, 8] && sets.map(\.shards) == [2, 1])
      #expect(sets.map(\.rewardMean) == [16.0 / 24, 0.25] && sets.map(\.passRate) == [16.0 / 24, 1])
      #expect(sets.map(\.components) == [["math", "format"], ["length", "math"]])
      let lines = command.table(sets).split(separator: "\n")
      #expect(lines.count == 3 && lines[1].hasPrefix("main   0, 1        2      24   0.667   66.7%"))
      #expect(command.json(sets)["sets"]?[1]?["components"] == ["length", "math"])
    }
  }

  @Test func signalsByHand() throws {
    try withFixture { fixture in
      try fixture.addRollouts(step: 0)
      try fixture.addScores(step: 0)
      // Gold turns group 1 around, agrees in group 2 and is constant in group 0.
      try fixture.add("gold", step: 0, []) { rollout in
        [rollout.group == 0 ? 3 : Double((rollout.sample + rollout.group) % 2)]
      }
      let report = try signals(fixture, "main", "--gold", "gold")
      let step = try #require(report.lines().first)
      #expect(step["scored"] == 12 && step["groups"] == 3 && step["reward_mean"] == .double(8.0 / 12))
      #expect(step["format_without_correctness"] == .double(2.0 / 12))
      #expect(step["length_cap"] == .double(0.25) && step["zero_variance_groups"] == .double(1.0 / 3))
      #expect(step["duplicates"] == .double(0) && step["repeated_text"] == .double(0))
      #expect(step["gold_disagreement"] == .double(0.5))
      #expect(abs((step["gold_mean"]?.double ?? .nan) - 16.0 / 12) < 1e-12)
      let lengths = fixture.rollouts(step: 0).map { rollout in
        (rollout.group == 0 ? 1 : Double(rollout.sample % 2), Double(rollout.responseTokens.count))
      }
      let expected = try #require(PairStatistics(PairTable(lengths), threshold: 1).pearson)
      #expect(abs((step["length_correlation"]?.double ?? .nan) - expected) < 1e-12)
      // Twelve responses are too few to judge.
      #expect(report.json()["flags"] == [])
      #expect(report.text().contains("form only: 'format' is at least 1 and 'math' is not"))
      #expect(report.text().contains("the curve over √KL needs: score:main/reward_mean"))
    }
  }

  /// The command is for a shell, whatever the run's folder is called, and what is recorded decides whether it is shown.
  @Test func whatTheCurveNeeds() throws {
    try BufferFixture.withFolder { folder in
      let fixture = try BufferFixture(folder + "/it's here")
      let bare = try OverOptimisationCurve(fixture.buffer, proxy: "main", gold: "gold")
      #expect(bare.missing.count == 3 && bare.distances.isEmpty)
      #expect(
        bare.command.hasPrefix("rollbook plot '\(folder)/it'\\''s here/run' --over-optimisation --proxy score:main/"))
      func line(_ step: Int, _ stage: String, _ values: String) throws {
        try fixture.addMetrics(#"{"step":\#(step),"stage":"\#(stage)","time":"2026-11-21T09:00:00.000Z",\#(values)}"#)
      }
      try FileManager.default.createDirectory(atPath: fixture.buffer.metrics, withIntermediateDirectories: true)
      try line(0, "score:main", #""reward_mean":1"#)
      try line(0, "score:gold", #""reward_mean":2"#)
      try line(1, "train", #""ref_kl_k3":0.25"#)
      let apart = try OverOptimisationCurve(fixture.buffer, proxy: "main", gold: "gold")
      #expect(apart.missing == ["a step that has both rewards and the KL divergence"] && apart.distances == [1: 0.5])
      try line(0, "train", #""ref_kl_k3":-0.0001"#)
      let whole = try OverOptimisationCurve(fixture.buffer, proxy: "main", gold: "gold")
      #expect(whole.missing.isEmpty && whole.distances == [0: 0, 1: 0.5])
    }
  }

  /// Eight steps of 40 responses: text, length and gold turn bad from step 4 on.
  @Test func signalsThatRise() throws {
    try withFixture { fixture in
      for step in 0..<8 {
        let rows = (0..<40).map { number in
          var rollout = fixture.rollout(step: step, group: number / 4, sample: number % 4)
          rollout.finishReason = .stop
          rollout.responseText = (0..<25).map { "\(number)-\($0)" }.joined(separator: " ")
          if step >= 4, number % 4 < 2 { rollout.responseText = "same" }
          if step >= 4, number % 8 == 0 { rollout.responseText = String(repeating: "again and again ", count: 9) }
          return rollout
        }
        try fixture.addRollouts(step: step, rows: rows)
        let late = step >= 4
        try fixture.add("main", step: step, ["math", "format"], of: rows) { rollout in
          let value = Double(rollout.sample) + (late ? 5 : 0) + Double(rollout.group) / 100
          return [value, late && rollout.sample < 3 ? 0 : 1, 1]
        }
        try fixture.add("gold", step: step, [], of: rows) { rollout in
          [(late ? -Double(rollout.sample) : Double(rollout.sample)) + Double(rollout.group) / 100]
        }
      }
      let report = try signals(fixture, "main", "--gold", "gold")
      let flags = try #require(report.json()["flags"]?.array)
      func steps(_ name: String) -> [Int] {
        flags.first { $0["signal"]?.string == name }?["steps"]?.array?.compactMap(\.int) ?? []
      }
      for name in ["format_without_correctness", "repeated_text", "gold_disagreement", "gold_correlation"] {
        #expect(steps(name) == [4, 5, 6, 7], "\(name)")
      }
      #expect(steps("over_optimisation").contains(7) && !steps("over_optimisation").contains(3))
      #expect(steps("zero_variance_groups").isEmpty)
      // Of a group's four, samples 0 and 1 are equal, but in every other group sample 0 is a loop.
      #expect(report.lines()[4]["duplicates"] == .double(5.0 / 40))
      #expect(report.lines()[4]["repeated_text"] == .double(5.0 / 40))
      let lines = report.text().split(separator: "\n")
      #expect(lines.contains { $0.hasPrefix("! repeated, steps 4–7: responses repeat themselves (highest 12.5% at") })
      #expect(lines.first { $0.hasPrefix("   3 ") }?.contains("!") == false)
      #expect(lines.first { $0.hasPrefix("   4 ") }?.contains("! ") == true)
    }
  }
}
