import Formats
import Foundation
import Testing

extension ProgramTests {
  /// `rollbook scores`, from the outside.
  @Suite struct ScoresTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch(inMemory: true) }

    private func scores(_ arguments: String...) throws -> Outcome {
      try scratch.run("rollbook", ["scores"] + arguments + ["--buffer", scratch.buffer])
    }

    /// A run of two steps with the set `main` of both, and of the first one `strict` and, for odd samples, `odd`.
    private func prepareSets() throws {
      try scratch.prepare()
      try scratch.train(0, "--on-policy", "--reference", "start").expect()
      try scratch.generate(1).expect()
      try scratch.score(1).expect()
      for (set, reward, flags) in [
        ("strict", "sort-positions=1", []), ("odd", "sort-neighbours=1", ["--where", "sample = 1 or sample = 3"]),
      ] {
        let arguments = ["--buffer", scratch.buffer, "--step", "0", "--scores", set, "--reward", reward]
        try scratch.run("rollbook-score", arguments + flags).expect()
      }
    }

    @Test func listing() throws {
      try scratch.initialise()
      try scores("list").expect(naming: "nothing is scored yet")
      try prepareSets()
      let sets = try #require(try scores("list", "--json").expect().json()["sets"]?.array)
      #expect(sets.compactMap { $0["name"]?.string } == ["main", "odd", "strict"])
      #expect(sets.compactMap { $0["scored"]?.int } == [64, 16, 32])
      #expect(sets[0]["steps"] == [0, 1] && sets[0]["components"] == ["sort-positions", "sort-neighbours"])
      let rewards = try (scratch.scores(0) + scratch.scores(1)).compactMap(\.reward)
      #expect(abs((sets[0]["reward_mean"]?.double ?? .nan) - rewards.reduce(0, +) / 64) < 1e-12)
      try scores("list").expect(naming: "main", "sort-neighbours", "0, 1")
    }

    @Test func differences() throws {
      try prepareSets()
      let json = try scores("diff", "main", "strict", "--threshold", "0.5", "--limit", "0", "--json").expect().json()
      let (main, strict) = (try scratch.scores(0), try scratch.scores(0, set: "strict"))
      let pairs = zip(main, strict).map { ($0.reward ?? .nan, $1.reward ?? .nan, $0.rollout) }
      let flipped = pairs.filter { ($0.0 >= 0.5) != ($0.1 >= 0.5) }
      #expect(!flipped.isEmpty && flipped.count < 32)
      #expect(json["rollouts"] == 64 && json["both"] == 32 && json["only_a"] == 32)
      let flips = try #require(json["flipped"]?.array)
      #expect(flips.compactMap { $0["id"]?.string } == flipped.map(\.2.description))
      #expect(flips.compactMap { $0["b"]?.double } == flipped.map(\.1))
      let total = json["values"]?[0]
      let same = Double(32 - flipped.count) / 32
      #expect(total?["name"] == "reward" && abs((total?["agreement"]?.double ?? .nan) - same) < 1e-12)
      // The same reward in both sets: everything agrees.
      let positions = json["values"]?[1]
      #expect(positions?["name"] == "sort-positions" && positions?["agreement"] == .double(1))
      #expect(positions?["pairs_opposite"] == 0 && positions?["change"] == .double(0))
      #expect(json["steps"]?.array?.compactMap { $0["both"]?.int } == [32, 0])
      let text = try scores("diff", "main", "strict", "--threshold", "0.5", "--step", "0").expect(
        naming: "\(flipped.count) rollouts flipped", "Cohen's kappa", "sort-positions", "only A has: sort-neighbours")
      let id = String(try #require(flips[0]["id"]?.string).prefix(12))
      #expect(text.output.contains(id))
      try scratch.rollbook("show", id).expect(naming: "strict:", "main:")
    }

    @Test func nullsAndSelections() throws {
      try prepareSets()
      let json = try scores("diff", "main", "odd", "--component", "sort-neighbours", "--json").expect().json()
      #expect(json["both"] == 16 && json["only_a"] == 48 && json["value"] == "sort-neighbours")
      #expect(json["flipped"] == [] && json["values"]?[0]?["agreement"] == .double(1))
      let some = try scores("diff", "main", "odd", "--where", "sample = 1 and step = 0", "--json").expect().json()
      #expect(some["rollouts"] == 8 && some["both"] == 8)
      try scores("diff", "main", "odd", "--where", "sample = 9").expect(naming: "no rollout is selected")
      try scores("diff", "odd", "main", "--step", "1").expect(naming: "there is nothing to compare")
      try scores("signals", "odd", "--step", "1").expect(naming: "32", "–")
    }

    @Test func wrongUse() throws {
      try prepareSets()
      try scores("diff", "main", "none").expect(69, naming: "'none'", "strict")
      try scores("signals", "main", "--gold", "none").expect(69, naming: "'none'")
      try scores("diff", "main", "strict", "--step", "0", "7").expect(69, naming: "step 7")
      try scores("diff", "main", "strict", "--component", "sort-neighbours").expect(
        64, naming: "sort-neighbours", "sort-positions")
      try scores("diff", "main").expect(64)
      try scores("diff", "main", "strict", "--limit=-1").expect(64, naming: "--limit")
      try scores("diff", "main", "strict", "--threshold", "nan").expect(64, naming: "--threshold")
      try scores("diff", "main", "strict", "--where", "reward >").expect(64, naming: "--where")
      try scores("signals", "main", "--correct", "math").expect(64, naming: "--correct", "sort-positions")
      try scores("signals", "main", "--json", "--jsonl").expect(64, naming: "--jsonl")
      try scratch.run("rollbook", ["scores", "list"]).expect(64, naming: "--buffer")
      let shard = "shards/scores/\(Buffer.shardName(step: 0, part: 0, set: "strict"))"
      try scratch.flipByte(shard, at: scratch.size(shard) / 2)
      try scores("diff", "main", "strict").expect(65, naming: "strict-step-000000")
      scratch.buffer += "-nowhere"
      try scores("list").expect(69, naming: scratch.buffer)
    }

    /// The numbers are those of the metrics, so that the plot it names shows the same curve.
    @Test func signalsAndTheirPlot() throws {
      try prepareSets()
      let lines = try scores("signals", "main", "--gold", "strict", "--jsonl").expect().output.split(separator: "\n")
      let steps = try lines.map { try JSON.parse(String($0)) }
      #expect(steps.count == 2 && steps.compactMap { $0["step"]?.int } == [0, 1])
      let data = try scores("signals", "main", "--gold", "strict", "--json").expect().json()
      #expect(data["steps"]?.array == steps && data["correct"] == "sort-positions" && data["format"] == .null)
      let plotted = try scratch.rollbook("plot", "--metric", "score:main/reward_mean", "--json").expect().json()
      let points = plotted["panels"]?[0]?["series"]?[0]?["points"]?.array ?? []
      for (step, point) in zip(steps, points) {
        #expect(abs((step["reward_mean"]?.double ?? .nan) - (point[1]?.double ?? 0)) < 1e-12)
      }
      #expect(points.count == 2)
      let rows = try scratch.rollouts(0)
      #expect(steps[0]["length_cap"]?.double == Double(rows.count { $0.finishReason == .length }) / 32)
      #expect(steps[1]["gold_mean"] == .null && steps[1]["both_scored"] == 0)
      let text = try scores("signals", "main", "--gold", "strict").expect(naming: "√KL", "against", "form only").output
      let command = try #require(text.split(separator: "\n").last?.split(separator: ": ", maxSplits: 1).last)
      let words = command.split(separator: " ").map(String.init)
      #expect(words.first == "rollbook" && data["plot"]?.string == String(command) && data["plot_missing"] == [])
      try scratch.run("rollbook", Array(words.dropFirst())).expect(naming: "gold is highest")
      let alone = try scores("signals", "main").expect().output
      #expect(!alone.contains("against") && !alone.contains("plot"))
    }

    /// What somebody else's file calls its rewards and what its responses say reaches no terminal as it is.
    @Test func hostileText() throws {
      let line = #"{"prompt":"2 1","response":"1\u001b]0;x\u0007\u202e","a\u001b[31m":1,"reward":1}"#
      let file = try scratch.file("h.jsonl", line + "\n" + line + "\n")
      let take = ["import", scratch.buffer, file, "--model", Scratch.example, "--scores"]
      try scratch.run("rollbook", take + ["one"]).expect()
      for outcome in [
        try scores("list"), try scores("diff", "one", "one"), try scores("diff", "one", "one", "--json"),
        try scores("signals", "one"), try scores("signals", "one", "--jsonl"),
        try scores("diff", "one", "one", "--component", "\u{1B}[31m"), try scores("diff", "one", "\u{1B}[31m"),
      ] {
        #expect(outcome.code == 0 || outcome.code == 64 || outcome.code == 69, "\(outcome)")
        #expect(!(outcome.output + outcome.errors).unicodeScalars.contains { $0 == "\u{1B}" || $0 == "\u{202E}" })
      }
    }
  }
}
