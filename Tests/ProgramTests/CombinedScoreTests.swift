import Formats
import Foundation
import Testing

extension ProgramTests {
  /// How several rewards become one, by flags and by a file; shares of a step's shards.
  @Suite struct CombinedScoreTests {
    let scratch: Scratch

    init() throws {
      scratch = try Scratch()
      try scratch.initialise()
      try scratch.generate(0, "--groups-per-shard", "2").expect()
    }

    private func score(_ flags: String...) throws -> Outcome {
      try scratch.run("rollbook-score", ["--buffer", scratch.buffer, "--step", "0"] + flags)
    }

    private func file(_ text: String) throws -> String { try scratch.file("rewards.yaml", text) }

    /// The file says what the flags say: the set is found made already.
    @Test func theFileIsEquivalentToTheFlags() throws {
      try score(
        "--reward", "sort-positions=2; judge", "--reward", "o1-pruner:lambda=2.0=0.1; when sort-positions = 1; clip -2..4; as short",
        "--reward", "sort-neighbours; in easy", "--reward", "format:form=strict; in easy; from-step 3",
        "--ensemble", "easy=0.5: uncertainty 0.2", "--normalise", "group", "--missing", "zero", "--clip", "-5..5"
      ).expect()
      let path = try file(
        """
        rewards:
          - sort-positions=2; judge
          - reward: o1-pruner
            settings: {lambda: 2.0}
            weight: 0.1
            name: short
            when: [sort-positions = 1]
            clip: [-2, 4]
          - {reward: sort-neighbours, in: easy}
          - {reward: "format:form=strict", in: easy, from-step: 3}
        ensembles:
          - {name: easy, rule: uncertainty, coefficient: 0.2, weight: 0.5}
        normalise: group
        missing: zero
        clip: -5..5
        """)
      let again = try score("--rewards", path, "--json").expect().json()
      #expect(again["made"]?.int == 0)
      try score("--rewards", path, "--reward", "math").expect(64, naming: "--rewards", "--reward")
    }

    @Test func wrongFiles() throws {
      for (text, message) in Self.wrongFiles {
        let path = try file(text)
        try score("--rewards", path).expect(65, naming: path, message)
      }
      #expect(scratch.names("shards/scores").isEmpty)
    }

    private static let wrongFiles = [
      ("", "expected a list of rewards"), ("rewards: []", "at least one reward"), ("- math", "expected keys and values"),
      ("rewards: math", ":1:10: expected a list"), ("rewards:\n  - weight: 2", ":2:5: expected the key 'reward'"),
      ("rewards:\n  - {reward: math, wait: 2}", ":2:26: unknown key 'wait'"), ("reward: [math]", "unknown key 'reward'"),
      ("rewards: [{reward: math, weight: much}]", "expected a number"), ("rewards: [math]\nmissing: none", "skip, zero, null"),
      ("rewards: [{reward: math, when: format}]", "expected COMPONENT"), ("rewards: [math\n", "expected YAML"),
      ("rewards: [{reward: math, clip: [2, 1]}]", "[LOW, HIGH]"), ("rewards: [math]\nrewards: [exact]", "rewards"),
      ("a: &a [x]\nrewards: *b", "expected YAML"),
    ]

    /// What a file can do to a reader that trusts it.
    @Test func hostileFiles() throws {
      try score("--rewards", try file("rewards: " + String(repeating: "[", count: 200_000))).expect(65)
      let doubling = (1...60).map { "a\($0): &a\($0) [*a\($0 - 1), *a\($0 - 1)]" }.joined(separator: "\n")
      try score("--rewards", try file("a0: &a0 [x, x]\n\(doubling)\nrewards: *a60")).expect(65)
      try score("--rewards", try file(String(repeating: "# \n", count: 1 << 19))).expect(65, naming: "bytes of settings")
      try score("--rewards", scratch.buffer).expect(65)
      try score("--rewards", scratch.buffer + "/none.yaml").expect(69, naming: "none.yaml")
      try score("--rewards", try file("rewards: [mth]")).expect(65, naming: "rewards.yaml", "unknown reward 'mth'")
    }

    @Test func wrongFlags() throws {
      try score("--reward", "sort-positions", "--normalise", "batch").expect(64, naming: "none, group")
      try score("--reward", "sort-positions", "--missing", "none").expect(64, naming: "skip, zero, null")
      try score("--reward", "sort-positions", "--ensemble", "rm").expect(64, naming: "expected NAME")
      try score("--reward", "sort-positions", "--clip", "5").expect(64, naming: "LOW..HIGH")
      for share in ["2/2", "1", "-1/2", "0/0", "a/b"] {
        try score("--reward", "sort-positions", "--shards", share).expect(64, naming: "--shards")
      }
    }

    @Test func normalisedGroupsHaveMeanZero() throws {
      try score("--reward", "sort-neighbours", "--normalise", "group").expect()
      let shards = try scratch.names("shards/scores").filter { $0.hasSuffix(".arrow") }
      let rows = try shards.flatMap { try ScoreShardReader(path: scratch.path("shards/scores/\($0)")).rows() }
      for group in Dictionary(grouping: rows, by: \.promptID).values {
        #expect(abs(group.reduce(0) { $0 + ($1.reward ?? .nan) }) < 1e-9)
      }
      #expect(rows.contains { ($0.reward ?? 0) != 0 })
    }

    /// Two tasks of an array make what one process makes, and the last of them records the metrics.
    @Test func sharesOfTheShards() throws {
      let one = try score("--reward", "sort-positions", "--shards", "0/2", "--json").expect().json()
      #expect((one["shards_left"]?.int ?? 0) > 0)
      #expect(try !scratch.metricsStages().contains("score:main"))
      let two = try score("--reward", "sort-positions", "--shards", "1/2", "--json").expect().json()
      #expect(two["shards_left"]?.int == 0)
      #expect(try scratch.metricsStages().contains("score:main"))
      let shared = try scratch.digests("shards/scores").filter { $0.key.hasSuffix(".arrow") }
      try FileManager.default.removeItem(atPath: scratch.path("shards/scores"))
      try FileManager.default.createDirectory(
        atPath: scratch.path("shards/scores"), withIntermediateDirectories: true)
      let whole = try score("--reward", "sort-positions", "--json").expect().json()
      #expect(whole["made"]?.int == shared.count)
      #expect(try scratch.digests("shards/scores").filter { $0.key.hasSuffix(".arrow") } == shared)
      for key in ["rollouts", "reward_mean", "pass_rate"] { #expect(whole[key] == two[key], "\(key)") }
    }
  }
}

extension Scratch {
  /// The stages that have recorded metrics.
  fileprivate func metricsStages() throws -> Set<String> {
    guard exists("metrics/metrics.jsonl") else { return [] }
    let text = try String(contentsOfFile: path("metrics/metrics.jsonl"), encoding: .utf8)
    return Set(try text.split(separator: "\n").compactMap { try JSON.parse(String($0), source: "metrics")["stage"]?.string })
  }
}
