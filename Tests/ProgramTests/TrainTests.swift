import Formats
import Foundation
import Testing

extension ProgramTests {
  /// What `rollbook-train` makes of its flags, rollouts and scores.
  @Suite struct TrainTests {
    let scratch: Scratch

    init() throws {
      scratch = try Scratch()
      try scratch.prepare()
    }

    /// Nothing but the start is published.
    private func expectNothingTrained(at location: SourceLocation = #_sourceLocation) {
      #expect(scratch.names("checkpoints") == ["step-000000"], sourceLocation: location)
      #expect(scratch.names("shards/updates").isEmpty, sourceLocation: location)
    }

    @Test func rolloutsOfOtherWeights() throws {
      try scratch.train(0, "--on-policy").expect()
      try scratch.run("rollbook-generate", scratch.generateArguments(1, ["--model", "step:0"])).expect()
      try scratch.score(1).expect()
      try scratch.train(1, "--on-policy").expect(65, naming: "sampled from", "--on-policy")
      #expect(scratch.names("checkpoints") == ["step-000000", "step-000001"])
      try scratch.train(1).expect()
      let differences = try scratch.checkpointManifest(2).summary["rollout_logp_diff_max"]
      #expect((differences ?? 0) > 0, "the sampler's weights were others")
      try scratch.rollbook("verify", "--deep").expect()
    }

    @Test func missingScores() throws {
      try scratch.train(0, "--scores", "strict").expect(69, naming: "strict", "score")
      try scratch.train(1).expect(69, naming: "step 1")
      expectNothingTrained()
      scratch.buffer += "-nowhere"
      try scratch.train(0).expect(69, naming: scratch.buffer)
    }

    @Test func anotherTokenizer() throws {
      let folder = "\(scratch.folder)/other"
      try FileManager.default.copyItem(atPath: Scratch.example, toPath: folder)
      let tokenizer = try String(contentsOfFile: "\(folder)/tokenizer.json", encoding: .utf8)
      let changed = tokenizer.replacing("\"w\": 40", with: "\"W\": 40")
      #expect(changed != tokenizer)
      try FileManager.default.removeItem(atPath: "\(folder)/tokenizer.json")
      try changed.write(toFile: "\(folder)/tokenizer.json", atomically: false, encoding: .utf8)
      let mine = scratch.buffer
      let flags = ["--step", "0", "--init", "\(folder)/config.json", "--quiet"]
      try scratch.run("rollbook-train", ["--buffer", "\(mine)-other"] + flags).expect()
      let before = try scratch.digests()
      try scratch.train(0, "--model", "\(mine)-other/checkpoints/step-000000").expect(65, naming: "tokenizer")
      try scratch.run("rollbook-train", ["--buffer", mine] + flags).expect(65, naming: "tokenizer")
      try scratch.generate(1, "--model", "\(mine)-other/checkpoints/step-000000").expect(65, naming: "tokenizer")
      #expect(try scratch.digests() == before)
    }

    @Test func wrongFlags() throws {
      let flags = [
        ["--kl", "0.1"], ["--recipe", "sorting"], ["--preset", "nobody"], ["--aggregation", "median"], ["--lr", "-1"],
        ["--lr", "nan"], ["--epochs", "0"], ["--minibatches", "0"], ["--tokens-per-batch", "0"], ["--beta1", "1"],
        ["--adam-eps", "0"], ["--weight-decay", "-1"], ["--max-grad-norm", "-1"], ["--warmup", "-1"],
        ["--keep-last", "0"], ["--step", "9223372036854775808"], ["--nonsense"],
      ]
      for flag in flags {
        try scratch.run("rollbook-train", scratch.trainArguments(0, flag)).expect(64, naming: flag[0])
      }
      try scratch.train(0, "--kl", "0.1").expect(64, naming: "--reference")
      expectNothingTrained()
    }

    /// A step so high that there is no next one is refused, too.
    @Test func highestStep() throws {
      let step = Int.max
      let flags = ["--model", "step:0"]
      let generated = try scratch.run("rollbook-generate", scratch.generateArguments(step, flags))
      guard generated.code == 0 else { return _ = generated.expect(64, naming: "--step") }
      try scratch.score(step).expect()
      try scratch.run("rollbook-train", scratch.trainArguments(step, flags)).expect(64, naming: "--step")
    }

    @Test func existingCheckpointWithOtherFlags() throws {
      try scratch.train(0, "--on-policy").expect()
      let before = try scratch.digests()
      try scratch.train(0, "--on-policy", "--lr", "1e-3").expect(64, naming: "made differently", "lr")
      try scratch.train(0, "--on-policy", "--seed", "2").expect(64, naming: "seed")
      try scratch.train(0, "--on-policy", "--epochs", "2").expect(64, naming: "epochs")
      let initial = ["--buffer", scratch.buffer, "--step", "0", "--init", Scratch.example + "/config.json"]
      try scratch.run("rollbook-train", initial + ["--seed", "2"]).expect(64, naming: "seed")
      #expect(try scratch.digests() == before)
    }

    /// Wherever a byte is turned around, in Arrow's metadata (which has no checksum of its own) or in the values.
    @Test func damagedShard() throws {
      let shard = scratch.rolloutShard(0)
      let scores = "shards/scores/\(Buffer.shardName(step: 0, part: 0, set: "main"))"
      for (name, places) in [(shard, 12), (scores, 4)] {
        let size = scratch.size(name)
        for place in 0..<places {
          let offset = min(size - 1, 3 + size * place / (places - 1))
          try scratch.flipByte(name, at: offset)
          let outcome = try scratch.train(0, "--on-policy")
          #expect(outcome.code == 65 && !outcome.wasKilled, "\(name), byte \(offset) of \(size): \(outcome)")
          #expect(outcome.errors.contains(".arrow"), "\(outcome)")
          try scratch.flipByte(name, at: offset)
        }
      }
      expectNothingTrained()
      try scratch.train(0, "--on-policy").expect()
    }

    @Test func minibatchesAndEpochs() throws {
      let flags = ["--on-policy", "--minibatches", "2", "--epochs", "2", "--lr", "1e-2", "--json"]
      let json = try scratch.run("rollbook-train", scratch.trainArguments(0, flags)).expect().json()
      #expect(json["updates"]?.int == 4)
      let parts = try ["clip_fraction", "clip_fraction_low", "clip_fraction_high"].map {
        try #require(json[$0]?.double, "\($0)")
      }
      #expect(parts[0] > 0 && parts[0] < 1 && abs(parts[0] - parts[1] - parts[2]) < 1e-9)
      #expect((json["ratio_max"]?.double ?? 0) > 1 && (json["ratio_min"]?.double ?? 2) < 1)
      #expect(try scratch.updates(0).contains { $0.ratios.contains { $0 != 1 } })
    }

    @Test func gradientDoesNotDependOnBatching() throws {
      var norms: [Double] = []
      let start = scratch.buffer
      for tokens in ["64", "256", "100000"] {
        scratch.buffer = start
        scratch.buffer = try scratch.copy("run-\(tokens)")
        let json = try scratch.train(0, "--on-policy", "--tokens-per-batch", tokens, "--json").expect().json()
        norms.append(try #require(json["grad_norm"]?.double))
        #expect(json["updates"]?.int == 1)
      }
      #expect(norms[0] > 0 && norms.allSatisfy { abs($0 - norms[0]) < 1e-4 * norms[0] }, "\(norms)")
    }

    @Test func recomputingActivationsChangesNothing() throws {
      try scratch.prepare()
      let before = try scratch.copy("recomputed")
      try scratch.train(0, "--on-policy").expect()
      let kept = try scratch.results()
      scratch.buffer = before
      try scratch.train(0, "--on-policy", "--recompute-activations").expect()
      #expect(try scratch.results() == kept)
      try scratch.train(0, "--on-policy").expect(naming: "already")
    }

    @Test func divergenceFromTheReference() throws {
      let flags = ["--on-policy", "--reference", "step:0", "--json"]
      try scratch.run("rollbook-train", scratch.trainArguments(0, flags + ["--kl", "0.1"])).expect()
      #expect(try scratch.updates(0).allSatisfy { $0.referenceLogprobs == $0.logprobs }, "it is the policy itself")
      try scratch.generate(1).expect()
      try scratch.score(1).expect()
      let json = try scratch.run("rollbook-train", scratch.trainArguments(1, flags + ["--kl", "0.1"])).expect().json()
      #expect((json["ref_kl_k3"]?.double ?? 0) > 0)
      let shown = try scratch.rollbook("stats", "--json").expect().json()["steps"]
      #expect((shown?[1]?["kl"]?.double ?? 0) > 0)
    }

    @Test func keepLast() throws {
      for step in 0..<4 {
        if step > 0 {
          try scratch.generate(step).expect()
          try scratch.score(step).expect()
        }
        try scratch.train(step, "--on-policy", "--keep-last", "2").expect()
      }
      #expect(scratch.names("checkpoints") == ["step-000003", "step-000004"])
      #expect(!scratch.names("staging").contains { !$0.hasSuffix("lock") })
      try scratch.rollbook("verify", "--deep").expect()
      try scratch.train(3, "--on-policy", "--keep-last", "2").expect(naming: "already done")
    }

    @Test func jsonIsOneObject() throws {
      let json = try scratch.train(0, "--on-policy", "--json").expect().json()
      #expect(json["stage"]?.string == "train" && json["made"]?.int == 1 && json["step"]?.int == 0)
      let manifest = try scratch.checkpointManifest(1)
      for name in ["loss", "grad_norm", "entropy_mean", "reward_mean", "tokens_per_second"] {
        #expect(json[name]?.double == manifest.summary[name] && json[name]?.double != nil, "\(name)")
      }
      #expect(manifest.inputs.first { $0.role == "policy" }?.name == "checkpoints/step-000000")
    }
  }
}
