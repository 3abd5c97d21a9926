import Formats
import Foundation
import Testing

extension ProgramTests {
  /// Pairs, labels and reward models, of imported preferences and of scored groups.
  @Suite struct PreferenceTrainTests {
    let scratch: Scratch

    init() throws {
      scratch = try Scratch(inMemory: true)
      try scratch.initialise()
    }

    /// A preference of small digits to large ones, which nobody who looks at the tokens can miss.
    static func preferences(_ range: Range<Int>) -> [JSON] {
      range.map { number in
        let a = number % 4
        let b = number / 4 % 4
        let c = number / 16 % 4
        return [
          "id": .string("pair-\(number)"), "prompt": .string("\(a) \(c) \(b)"),
          "chosen": .string("\(a) \(b) \(c)"), "rejected": .string("\(a + 6) \(b + 6) \(c + 6)")
        ]
      }
    }

    /// Preferences to learn from in step 0, others to look at in step 1.
    private func importPreferences() throws {
      try scratch.imported("train.jsonl", Self.preferences(0..<24), "--step", "0")
      try scratch.imported("test.jsonl", Self.preferences(40..<64), "--step", "1")
    }

    @Test(arguments: [["dpo"], ["dpo", "--preset", "ipo"], ["simpo"]])
    func heldOutPreferencesFollow(recipe: [String]) throws {
      try importPreferences()
      let flags = ["--recipe"] + recipe + ["--reference", "step:0"]
      let before = try scratch.evaluated(1, flags + ["--model", "step:0"])
      _ = try scratch.trained(0, flags + ["--epochs", "6", "--minibatches", "2"])
      let after = try scratch.evaluated(1, flags)
      #expect(try after.metric("reward_accuracy") >= 0.9, "\(after)")
      #expect(try after.metric("reward_margin") > before.metric("reward_margin"))
      #expect(try after.metric("loss") < before.metric("loss"))
      #expect(try after.metric("pairs") == 24)
      // Nothing but the one step is published.
      #expect(scratch.names("checkpoints") == ["step-000000", "step-000001"])
      #expect(scratch.names("shards/updates").count == 2)
    }

    @Test func labels() throws {
      try importPreferences()
      let flags = ["--recipe", "kto", "--reference", "step:0"]
      let before = try scratch.evaluated(1, flags + ["--model", "step:0"])
      #expect(try before.metric("rewards_desirable") == 0 && abs(before.metric("loss") - 0.5) < 1e-9)
      _ = try scratch.trained(0, flags + ["--epochs", "6", "--minibatches", "2"])
      let after = try scratch.evaluated(1, flags)
      #expect(try after.metric("rewards_desirable") > after.metric("rewards_undesirable"))
      #expect(try after.metric("loss") < before.metric("loss"))
    }

    @Test func rewardModel() throws {
      try importPreferences()
      // The same as training again, in a step after the scores have been moved.
      try scratch.imported("again.jsonl", Self.preferences(0..<24), "--step", "2")
      let flags = ["--recipe", "reward-model"]
      #expect(try scratch.evaluated(1, flags + ["--model", "step:0"]).metric("accuracy") == 0, "the score begins as 0")
      _ = try scratch.trained(0, flags + ["--epochs", "6", "--minibatches", "2"])
      #expect(try scratch.evaluated(1, flags).metric("accuracy") >= 0.9)
      try expectClassifier(1)
      // Preferred responses score 0 in the mean: the pairs' mean and half their margin.
      let seen = try scratch.evaluated(2, flags)
      #expect(try abs(seen.metric("mean_reward") + seen.metric("margin") / 2) < 1e-4, "\(seen)")
      // It goes on.
      let second = try scratch.trained(1, flags)
      #expect(try second.metric("accuracy") >= 0.9)
      try expectClassifier(2)
      #expect(try scratch.evaluated(2, flags).metric("accuracy") >= 0.9)
      try scratch.rollbook("verify", "--deep").expect()
      // It is no policy.
      try scratch.train(2, "--recipe", "sft").expect(65, naming: "reward model", "step-000002")
      try scratch.generate(2).expect(65, naming: "sampling needs a language model", "step-000002")
      try asCritic(scratch.path("checkpoints/step-000002"))
    }

    private func expectClassifier(_ step: Int) throws {
      let folder = scratch.path("checkpoints/\(Buffer.stepName(step))")
      let config = try JSON.parse(contentsOf: folder + "/config.json")
      #expect(config["architectures"]?[0]?.string == "LlamaForSequenceClassification")
      #expect(config["id2label"]?.object?.count == 1)
      let score = try Safetensors(path: folder + "/model.safetensors").info("score.weight")
      #expect(score?.shape == [1, 64])
    }

    /// PPO's critic begins as the reward model, whose values are not those of a fresh head.
    private func asCritic(_ model: String) throws {
      scratch.buffer = scratch.folder + "/ppo"
      try scratch.prepare()
      let json = try scratch.trained(0, ["--recipe", "ppo", "--critic", model])
      #expect(try json.metric("value_mean") != 0 && json.metric("critic_grad_norm") > 0)
      #expect(try scratch.checkpointManifest(1).inputs.contains { $0.role == "critic" })
    }

    /// Demonstrations, where there are some, are what scores 0.
    @Test func centredOnDemonstrations() throws {
      let demonstrations: [JSON] = (0..<6).map { number in
        ["id": .string("d-\(number)"), "prompt": .string("\(number) 5"), "completion": .string("5 \(number)")]
      }
      try scratch.imported("pairs.jsonl", Self.preferences(0..<12), "--step", "0")
      try scratch.imported("demonstrations.jsonl", demonstrations, "--step", "0")
      // What was demonstrated as the preferred half, so that the metrics show its scores.
      let shown = demonstrations.map { row -> JSON in
        [
          "id": row["id"] ?? .null, "prompt": row["prompt"] ?? .null, "chosen": row["completion"] ?? .null,
          "rejected": "9"
        ]
      }
      try scratch.imported("shown.jsonl", shown, "--step", "1")
      let json = try scratch.trained(0, ["--recipe", "reward-model", "--preset", "centred", "--epochs", "4"])
      #expect(try json.metric("score_shift") != 0 && json.metric("pairs") == 12)
      let seen = try scratch.evaluated(1, ["--recipe", "reward-model"])
      #expect(try abs(seen.metric("mean_reward") + seen.metric("margin") / 2) < 1e-4, "\(seen)")
    }

    @Test func pairsOfScoredGroups() throws {
      try scratch.generate(0).expect()
      try scratch.score(0).expect()
      let groups = Dictionary(
        grouping: try zip(scratch.rollouts(0), scratch.scores(0)).map { ($0.group, $1.reward ?? 0) }
      ) { $0.0 }
      .values.map { $0.map(\.1) }
      /// How many ordered pairs of a group pass.
      func count(_ passes: (Double, Double) -> Bool) -> Int {
        groups.reduce(0) { sum, group in
          sum + group.reduce(0) { sum, first in sum + group.count { passes(first, $0) } }
        }
      }
      let expected: [(rule: [String], count: Int)] = [
        (["pair_rule=best-worst"], groups.count { Set($0).count > 1 }),
        (["pair_rule=margin"], count { $0 > $1 }),
        (["pair_rule=margin", "pair_margin=0.3"], count { $0 > $1 && $0 - $1 >= 0.3 }),
        (["pair_rule=threshold", "pair_threshold=0.2"], count { $0 >= 0.2 && $1 < 0.2 })
      ]
      for (rule, count) in expected {
        for recipe in ["dpo", "reward-model"] {
          let flags =
            ["--recipe", recipe, "--reference", "start", "--tokens-per-batch", "30"] + rule.flatMap { ["--set", $0] }
          #expect(count > 0)
          #expect(try scratch.evaluated(0, flags).metric("pairs") == Double(count), "\(recipe) \(rule)")
        }
      }
      let flags = ["--recipe", "dpo", "--reference", "start"]
      try scratch.run("rollbook-train", scratch.trainArguments(0, flags + ["--set", "pair_margin=100"]))
        .expect(69, naming: "recipe dpo finds nothing", "import preferences")
      #expect(scratch.names("checkpoints") == ["step-000000"])
    }

    /// The margin of imported preferences is the difference of their scores.
    @Test func margins() throws {
      let rows = Self.preferences(0..<8).map { $0.with("score_chosen", 3).with("score_rejected", 1) }
      try scratch.imported("scored.jsonl", rows, "--scores", "main")
      let plain = try scratch.evaluated(0, ["--recipe", "reward-model"]).metric("loss")
      let wide = try scratch.evaluated(0, ["--recipe", "reward-model", "--set", "margin=true"]).metric("loss")
      #expect(abs(plain - log(2)) < 1e-9 && abs(wide - log(1 + exp(2))) < 1e-9)
    }

    /// Half a preference, groups of several prompts: an error that names them, whatever the batches.
    @Test func brokenPairs() throws {
      try importPreferences()
      for kind in ["chosen", "rejected"] {
        try scratch.train(0, "--recipe", "simpo", "--where", "kind = \(kind)").expect(69, naming: "finds nothing")
      }
      try scratch.train(0, "--recipe", "grpo").expect(65, naming: "one half of a preference", "kind = sample")
      let path = scratch.folder + "/export.jsonl"
      try scratch.run("rollbook", ["export", scratch.buffer, "jsonl", "--where", "step = 0", "--output", path]).expect()
      let text = try String(contentsOfFile: path, encoding: .utf8)
      let rows = try text.split(separator: "\n").map { line -> JSON in
        // Without a prompt, the first token of each response is what it follows.
        try JSON.parse(String(line)).with("prompt_tokens", []).with("prompt_length", 0).with("prompt_text", "")
      }
      scratch.buffer = scratch.folder + "/broken"
      try scratch.initialise()
      try scratch.imported("broken.jsonl", rows)
      for recipe in ["dpo", "reward-model"] {
        try scratch.train(0, "--recipe", recipe, "--reference", "start", "--tokens-per-batch", "4")
          .expect(65, naming: "another", "pair-")
      }
    }
  }
}
