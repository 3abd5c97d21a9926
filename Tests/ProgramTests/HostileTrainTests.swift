import Formats
import Foundation
import Testing

extension ProgramTests {
  /// Rollouts and flags that no recipe can make sense of: a clear error or a sensible result, never a trap.
  @Suite struct HostileTrainTests {
    let scratch: Scratch

    init() throws {
      scratch = try Scratch(inMemory: true)
      try scratch.initialise()
    }

    private static func completion(_ id: String, _ response: String, _ reward: JSON) -> JSON {
      ["id": .string(id), "prompt": "3 1 2", "response": .string(response), "reward": reward]
    }

    private static let recipes = [
      "reinforce", "rloo", "remax", "reinforce++", "reinforce++-baseline", "opo", "a2c", "ppo", "trpo", "grpo",
      "dr-grpo",
      "dapo", "gspo", "cispo", "kimi", "o1-pruner", "brpo", "dro", "dpo", "simpo", "kto", "reward-model", "sft"
    ]

    /// One group, groups of one response, rewards that are not there or immense: every recipe ends in one of the
    /// documented ways and says why.
    @Test(arguments: ["one group", "group of one", "unscored but one", "immense"])
    func fewRollouts(what: String) throws {
      let rows: [String: [JSON]] = [
        "one group": [Self.completion("a", "1 2 3", 1), Self.completion("a", "3 2 1", 0)],
        "group of one": [Self.completion("a", "1", 1)],
        "unscored but one": [Self.completion("a", "1 2 3", .null), Self.completion("a", "3 2 1", 1)],
        "immense": [Self.completion("a", "1 2 3", 1e300), Self.completion("a", "3 2 1", -1e300)]
      ]
      try scratch.imported("rows.jsonl", rows[what] ?? [], "--scores", "main")
      for recipe in Self.recipes {
        try scratch.inCopy {
          let flags =
            ["--recipe", recipe, "--reference", "start"]
            + (recipe == "remax" ? ["--baseline", scratch.buffer] : [])
          let outcome = try scratch.run("rollbook-train", scratch.trainArguments(0, flags))
          #expect(!outcome.wasKilled && [0, 65, 69].contains(outcome.code), "\(recipe): \(outcome)")
          if outcome.code == 0 {
            #expect(try scratch.weights(1).allSatisfy(\.isFinite), "\(recipe)")
          } else {
            #expect(
              outcome.errors.contains("error: ") && scratch.names("checkpoints").count == 1, "\(recipe): \(outcome)")
          }
        }
      }
    }

    @Test func rewardsThatAreNotThere() throws {
      let null = [Self.completion("a", "1", .null), Self.completion("a", "2", .null)]
      try scratch.imported("rows.jsonl", null + [Self.completion("a", "3", 1)], "--scores", "main")
      for recipe in ["grpo", "ppo", "dpo", "kto", "reward-model"] {
        try scratch.train(0, "--recipe", recipe, "--reference", "start", "--where", "sample < 2")
          .expect(69, naming: "no rollout has a reward")
      }
      try scratch.train(0, "--recipe", "sft").expect()
    }

    @Test func whoSampledThem() throws {
      let rows = [Self.completion("a", "1 2 3", 1), Self.completion("a", "3 2 1", 0)]
      try scratch.imported("rows.jsonl", rows, "--scores", "main")
      for flags in [["--recipe", "a2c", "--preset", "off-policy"], ["--set", "rollout_mode=token_truncate"]] {
        try scratch.run("rollbook-train", scratch.trainArguments(0, flags))
          .expect(65, naming: "no log-probabilities of its sampler", "0/a/")
      }
      try scratch.train(0, "--on-policy").expect(65, naming: "--on-policy")
      try scratch.train(0).expect(naming: "2 of 2 rollouts have no log-probabilities")
    }

    @Test func emptyResponses() throws {
      let empty = Self.completion("a", "", 1).with("finish_reason", "length")
      try scratch.imported(
        "rows.jsonl", [empty, Self.completion("a", "1 2 3", 0), Self.completion("a", "2", 1)], "--scores", "main")
      try scratch.train(0).expect(65, naming: "a response of 0 tokens", "--where")
      try scratch.train(0, "--where", "response_length > 1").expect()
      scratch.buffer = scratch.folder + "/text"
      try scratch.initialise()
      // Longer than the model's positions.
      let long = String(repeating: "1 2 3 ", count: 200)
      try scratch.imported("text.jsonl", [["text": "1"], ["text": .string(long)]])
      try scratch.train(0, "--recipe", "sft").expect()
    }

    @Test func staleness() throws {
      try scratch.generate(0).expect()
      try scratch.score(0).expect()
      try scratch.train(0).expect()
      try scratch.generate(1, "--model", "step:0").expect()
      try scratch.score(1).expect()
      try scratch.train(1, "--max-staleness=-1").expect(64, naming: "--max-staleness")
      try scratch.train(1, "--max-staleness", "0").expect(69, naming: "all 32 rollouts")
      try scratch.train(1, "--max-staleness", "1").expect(naming: "sampled from other weights")
      #expect(try scratch.checkpointManifest(2).action.parameters["max-staleness"] == "1")
    }

    @Test func baselines() throws {
      try scratch.generate(0).expect()
      try scratch.score(0).expect()
      let greedy = try scratch.greedyBaseline()
      try scratch.train(0, "--recipe", "remax").expect(64, naming: "--baseline", "--temperature 0")
      try scratch.train(0, "--recipe", "grpo", "--baseline", greedy).expect(64, naming: "--baseline", "o1-pruner")
      try scratch.train(0, "--recipe", "remax", "--baseline", "/nowhere").expect(69, naming: "/nowhere")
      try scratch.train(0, "--recipe", "remax", "--baseline", greedy, "--scores", "strict").expect(69, naming: "strict")
      let mine = scratch.buffer
      scratch.buffer = scratch.folder + "/elsewhere"
      try scratch.initialise()
      try scratch.imported("rows.jsonl", [Self.completion("else", "1 2 3", 1)], "--scores", "main")
      let elsewhere = scratch.buffer
      scratch.buffer = mine
      try scratch.train(0, "--recipe", "remax", "--baseline", elsewhere).expect(69, naming: "any of the 8 prompts")
      try scratch.train(0, "--recipe", "o1-pruner", "--reference", "start", "--evaluate").expect()
      // ReMax's advantage is the reward less the greedy response's.
      try scratch.train(0, "--recipe", "remax", "--baseline", greedy).expect()
      let rewards = Dictionary(uniqueKeysWithValues: try scratch.scores(0).map { ($0.rollout, $0.reward ?? .nan) })
      scratch.buffer = greedy
      let others = Dictionary(
        uniqueKeysWithValues: try zip(scratch.rollouts(0), scratch.scores(0)).map { ($0.promptID, $1.reward ?? .nan) })
      scratch.buffer = mine
      for row in try scratch.updates(0) {
        let expected = Float((rewards[row.rollout] ?? .nan) - (others[row.promptID] ?? .nan))
        #expect(row.advantages.allSatisfy { abs($0 - expected) < 1e-6 }, "\(row.promptID)")
      }
      #expect(try scratch.checkpointManifest(1).inputs.contains { $0.role == "baseline-rollouts" })
    }

    /// `--evaluate` changes nothing, says the loss that training begins with, and can be asked again.
    @Test func evaluating() throws {
      try scratch.generate(0).expect()
      try scratch.score(0).expect()
      let before = try scratch.digests()
      for recipe in ["grpo", "ppo", "trpo", "dpo", "kto", "sft", "reward-model"] {
        let flags = ["--recipe", recipe, "--reference", "start"]
        let first = try scratch.evaluated(0, flags)
        #expect(first["made"]?.int == 0 && first["stage"]?.string == "train", "\(recipe)")
        #expect(try scratch.digests() == before, "\(recipe)")
        let trained = try scratch.inCopy { try scratch.trained(0, flags) }
        let (a, b) = try (first.metric("loss"), trained.metric("loss"))
        #expect(abs(a - b) <= 1e-5 * max(1, abs(b)), "\(recipe): \(a), \(b)")
      }
      try scratch.train(0, "--evaluate").expect(naming: "step 0, grpo, 32 responses", "reward_mean")
    }

    /// Of three signs the mean is never 0: all groups are dropped, and a loop goes on with the weights as they were.
    @Test func everyGroupIsLeftOut() throws {
      try scratch.prepare()
      let json = try scratch.trained(0, ["--recipe", "brpo", "--set", "drop_above=0"])
      #expect(try json.metric("groups_kept") == 0 && json.metric("grad_norm") == 0)
      let digests = try (0...1).map { step in
        try scratch.checkpointManifest(step).files?.first { $0.name == "model.safetensors" }?.digest
      }
      #expect(digests[0] != nil && digests[0] == digests[1])
      try scratch.rollbook("verify", "--deep").expect()
    }
  }
}
