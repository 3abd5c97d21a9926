import Formats
import Foundation
import Testing

extension ProgramTests {
  /// Generate, score and train, step after step.
  @Suite struct LoopTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// Steps from 0 of a run that is made if need be.
    private func run(steps: Int, threads: Int = 2) throws {
      try scratch.initialise()
      for step in 0..<steps {
        try scratch.generate(step, "--threads", "\(threads)").expect()
        try scratch.score(step, "--threads", "\(threads)").expect()
        try scratch.train(step, "--on-policy", "--threads", "\(threads)").expect()
      }
    }

    @Test func everyStepLeavesItsFiles() throws {
      try run(steps: 3)
      let steps = (0...3).map { Buffer.stepName($0) }
      #expect(scratch.names("checkpoints") == steps)
      for kind in ["rollouts", "updates"] {
        let shards = (0..<3).map { scratch.shardName($0) }
        #expect(scratch.names("shards/\(kind)") == shards.flatMap { [$0, $0.replacing(".arrow", with: ".json")] })
      }
      for name in ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors", "manifest.json"] {
        for step in steps { #expect(scratch.exists("checkpoints/\(step)/\(name)"), "\(step)/\(name)") }
      }
      for step in 0..<3 {
        let rollouts = try scratch.rollouts(step)
        #expect(rollouts.count == 32 && Set(rollouts.map(\.promptID)).count == 8)
        #expect(rollouts.allSatisfy { $0.step == step && $0.policyStep == step })
        #expect(try scratch.scores(step).map(\.rollout) == rollouts.map(\.id))
        #expect(try scratch.updates(step).map(\.rollout) == rollouts.map(\.id))
        let weights = try #require(scratch.checkpointManifest(step).files?.first { $0.name == "model.safetensors" })
        #expect(weights.digest == (try Digest.file(scratch.path("checkpoints/\(steps[step])/model.safetensors"))))
        let trained = try scratch.checkpointManifest(step + 1)
        #expect(trained.step == step + 1 && trained.action.stage == "train" && trained.summary["updates"] == 1)
      }
      #expect(!scratch.names("staging").contains { !$0.hasSuffix("lock") })
      try scratch.rollbook("verify", "--deep").expect(naming: "4 checkpoints", "all as published")
    }

    @Test func programsForPeopleAgreeWithTheFiles() throws {
      try run(steps: 2)
      let listed = try #require(scratch.rollbook("ls", "--json").expect().json()["steps"]?.array)
      #expect(listed.map { $0["step"]?.int } == [0, 1, 2])
      for row in listed.prefix(2) {
        #expect(row["rollouts"]?.int == 32 && row["prompts"]?.int == 8 && row["trained"]?.bool == true)
        #expect(row["scores"]?.array?.compactMap(\.string) == ["main"])
      }
      let shards = try #require(scratch.rollbook("ls", "--files", "--json").expect().json()["shards"]?.array)
      #expect(shards.count == 6)
      for shard in shards {
        let path = try #require(shard["path"]?.string)
        #expect(shard["digest"]?.string == (try Digest.file(scratch.path(path))), "\(path)")
      }
      let statistics = try #require(scratch.rollbook("stats", "--json").expect().json()["steps"]?.array)
      for (step, row) in statistics.prefix(2).enumerated() {
        let rewards = try scratch.scores(step).compactMap(\.reward)
        let mean = rewards.reduce(0, +) / Double(rewards.count)
        #expect(abs((row["reward_mean"]?.double ?? .nan) - mean) < 1e-12)
        let lengths = try scratch.rollouts(step).map { Double($0.responseTokens.count) }
        #expect(abs((row["response_length_mean"]?.double ?? .nan) - lengths.reduce(0, +) / 32) < 1e-12)
      }
      let rollout = try #require(scratch.rollouts(1).last)
      let update = try #require(scratch.updates(1).last)
      let shown = try scratch.rollbook("show", "1/\(rollout.promptID)/\(rollout.sample)", "--tokens", "--json")
        .expect().json()
      #expect(shown["id"]?.string == "\(rollout.id)" && shown["response"]?.string == rollout.responseText)
      let tokens = try #require(shown["tokens"]?.array)
      #expect(tokens.map { $0["id"]?.int } == rollout.responseTokens.map { Int($0) })
      #expect(tokens.map { $0["logprob"]?.double.map { Float($0) } } == rollout.logprobs?.map { $0 })
      #expect(tokens.map { $0["new_logprob"]?.double.map { Float($0) } } == update.logprobs.map { $0 })
    }

    /// The log-probability that the sampler stored is the one that training computes.
    @Test func firstRatioIsOne() throws {
      try scratch.prepare("--prompts-per-step", "16", "--group-size", "8", "--max-new-tokens", "16")
      let summary = try scratch.train(0, "--on-policy", "--json").expect().json()
      let difference = try #require(summary["rollout_logp_diff_max"]?.double)
      let updates = try scratch.updates(0)
      #expect(updates.count == 128)
      #expect(updates.allSatisfy { $0.ratios.allSatisfy { $0 == 1 } }, "against the trainer's own log-probabilities")
      if try scratch.isBatchInvariant() {
        #expect(difference == 0)
        #expect(updates.allSatisfy { $0.logprobs == $0.behaviourLogprobs })
      } else {
        #expect(difference < 1e-4)
      }
    }

    @Test func everyStageRunAgainChangesNothing() throws {
      try run(steps: 2)
      let before = try scratch.digests()
      try scratch.initialise()
      for step in 0..<2 {
        try scratch.generate(step).expect(naming: "already done")
        try scratch.score(step).expect(naming: "already done")
        try scratch.train(step, "--on-policy").expect(naming: "already done")
        #expect(try scratch.generate(step, "--json").expect().json()["made"]?.int == 0)
        #expect(try scratch.score(step, "--json").expect().json()["made"]?.int == 0)
        #expect(try scratch.train(step, "--on-policy", "--json").expect().json()["made"]?.int == 0)
      }
      #expect(try scratch.digests() == before)
    }

    @Test func sameSeedGivesTheSameBytes() throws {
      var all: [[String: String]] = []
      for threads in [2, 2, 1] {
        scratch.buffer = "\(scratch.folder)/run-\(all.count)"
        try run(steps: 2, threads: threads)
        all.append(try scratch.results())
      }
      #expect(all[0].count == 6 + 5, "shards, weights and optimizer states: \(all[0].keys.sorted())")
      #expect(all[0] == all[1], "same threads")
      if try scratch.isBatchInvariant() { #expect(all[0] == all[2], "1 thread against 2") }
    }

    @Test func theModelLearns() throws {
      try scratch.initialise()
      var rewards: [Double] = []
      for step in 0..<12 {
        let sampling = ["--prompts-per-step", "32", "--group-size", "16", "--max-new-tokens", "7", "--threads", "1"]
        try scratch.run("rollbook-generate", scratch.generateArguments(step, sampling)).expect()
        rewards.append(try #require(scratch.score(step, "--json").expect().json()["reward_mean"]?.double))
        try scratch.train(step, "--on-policy", "--minibatches", "8", "--epochs", "2", "--threads", "1").expect()
      }
      let start = rewards.prefix(2).reduce(0, +) / 2
      let end = rewards.suffix(2).reduce(0, +) / 2
      #expect(end > start + 0.25 && end > 2 * start, "\(rewards)")
    }
  }
}
