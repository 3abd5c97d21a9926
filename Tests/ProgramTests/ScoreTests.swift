import Formats
import Foundation
import Testing

extension ProgramTests {
  /// What `rollbook-score` makes of its flags and rollouts.
  @Suite struct ScoreTests {
    let scratch: Scratch

    init() throws {
      scratch = try Scratch()
      try scratch.initialise()
      try scratch.generate(0).expect()
    }

    private func score(_ rewards: [String], _ flags: String...) throws -> Outcome {
      try scratch.run(
        "rollbook-score", ["--buffer", scratch.buffer, "--step", "0"] + rewards.flatMap { ["--reward", $0] } + flags)
    }

    @Test func unknownRewardOrKey() throws {
      try score(["sorting=1"]).expect(64, naming: "sorting", "math", "sort-positions", "sort-neighbours", "format")
      try score(["format:style=strict"]).expect(64, naming: "style", "form", "pattern")
      try score(["format:form=loose"]).expect(64, naming: "loose", "strict", "answer-line")
      try score(["sort-positions:n=3"]).expect(64, naming: "sort-positions")
      try score(["sort-positions=much"]).expect(64, naming: "much")
      try score(["sort-positions=1", "sort-positions=2"]).expect(64, naming: "sort-positions")
      try score(["format:pattern=(=1"]).expect(64, naming: "pattern")
      try score([]).expect(64, naming: "--reward")
      try score(["sort-positions"], "--scores", "../main").expect(64, naming: "../main")
      #expect(scratch.names("shards/scores").isEmpty)
    }

    @Test func nothingToScore() throws {
      try scratch.score(1).expect(69, naming: "step 1", "generate")
      scratch.buffer += "-nowhere"
      try scratch.score(0).expect(69, naming: scratch.buffer)
      #expect(!FileManager.default.fileExists(atPath: scratch.buffer))
    }

    @Test func setsStandBesideOneAnother() throws {
      try scratch.score(0).expect()
      let first = try scratch.digests("shards")
      try score(["sort-positions=2"], "--scores", "strict").expect()
      let both = try scratch.digests("shards")
      #expect(first.allSatisfy { both[$0.key] == $0.value } && both.count == first.count + 2)
      for (one, other) in zip(try scratch.scores(0), try scratch.scores(0, set: "strict")) {
        #expect(one.rollout == other.rollout && other.reward == one.components[0].map { 2 * $0 })
      }
      let steps = try scratch.rollbook("ls", "--json").expect().json()["steps"]
      #expect(steps?[0]?["scores"]?.array?.compactMap(\.string) == ["main", "strict"])
      let strict = try scratch.rollbook("stats", "--scores", "strict", "--json").expect().json()
      #expect(strict["scores"]?.string == "strict")
    }

    @Test func sameSetWithOtherRewards() throws {
      try scratch.score(0).expect()
      let before = try scratch.digests()
      try score(["sort-positions=1"]).expect(64, naming: "made differently", "--scores")
      try score(["sort-positions=1", "sort-neighbours=2"]).expect(64, naming: "made differently")
      try score(["sort-neighbours=1", "sort-positions=1"]).expect(64, naming: "made differently")
      #expect(try scratch.digests() == before)
    }

    @Test func componentsKeepTheirNames() throws {
      let pattern = "format:pattern=[0-9], ?=x"
      try score(["sort-positions=1", "\(pattern)=0.25", "exact=0"]).expect()
      for (rollout, row) in zip(try scratch.rollouts(0), try scratch.scores(0)).prefix(4) {
        let address = "0/\(rollout.promptID)/\(rollout.sample)"
        let shown = try scratch.rollbook("show", address, "--json").expect().json()["scores"]?["main"]
        let components = try #require(shown?["components"]?.object)
        #expect(components.keys == ["sort-positions", pattern, "exact"])
        #expect(components.keys.map { components[$0]?.double } == row.components)
        #expect(shown?["reward"]?.double == row.reward)
        let sum = zip([1, 0.25, 0], row.components).reduce(0) { $0 + $1.0 * ($1.1 ?? 0) }
        #expect(abs((row.reward ?? .nan) - sum) < 1e-12)
      }
    }

    @Test func damagedRollouts() throws {
      try scratch.flipByte(scratch.rolloutShard(0), at: scratch.size(scratch.rolloutShard(0)) / 2)
      try scratch.score(0).expect(65, naming: scratch.shardName(0))
      #expect(scratch.names("shards/scores").isEmpty)
    }

    @Test func jsonIsOneObject() throws {
      let json = try scratch.score(0, "--json").expect().json()
      let rewards = try scratch.scores(0).compactMap(\.reward)
      #expect(json["stage"]?.string == "score" && json["made"]?.int == 1 && json["rollouts"]?.int == 32)
      let mean = rewards.reduce(0, +) / 32
      #expect(abs((json["reward_mean"]?.double ?? .nan) - mean) < 1e-12)
      let again = try scratch.score(0, "--json").expect().json()
      #expect(again["made"]?.int == 0 && again["reward_mean"] == json["reward_mean"])
    }
  }
}
