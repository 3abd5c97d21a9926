import Formats
import Foundation
import Testing

extension ProgramTests {
  /// What decides how gradients become updates: optimizers, schedules, averages, frozen parameters; and which
  /// checkpoints stay.
  @Suite struct OptimizerTrainTests {
    let scratch: Scratch

    init() throws {
      scratch = try Scratch()
      try scratch.prepare()
    }

    /// Trains a step, and samples and scores the next one.
    private func step(_ number: Int, _ flags: [String]) throws {
      try scratch.run("rollbook-train", scratch.trainArguments(number, flags)).expect()
      try scratch.generate(number + 1).expect()
      try scratch.score(number + 1).expect()
    }

    private func tensors(_ step: Int, _ file: String) throws -> Safetensors {
      try Safetensors(path: scratch.path("checkpoints/\(Buffer.stepName(step))/\(file).safetensors"))
    }

    @Test(arguments: ["muon", "adafactor"])
    func otherOptimizers(name: String) throws {
      try step(0, ["--optimizer", name])
      let state = try tensors(1, "optimizer")
      #expect(state.tensors.contains { $0.name.hasPrefix("\(name).") })
      let trainer = try JSON.parse(contentsOf: scratch.path("checkpoints/step-000001/trainer_state.json"))
      #expect(trainer["optimizer"]?.string == name && trainer["updates"]?.int == 1)
      try scratch.train(1).expect(64, naming: name, "--fresh-optimizer")
      try scratch.train(1, "--optimizer", name, "--freeze", "embed_tokens").expect()
      #expect(try !tensors(2, "optimizer").tensors.contains { $0.name.contains("embed_tokens") })
      try scratch.rollbook("verify", "--deep").expect()
    }

    @Test func threadsDoNotMatter() throws {
      guard try scratch.isBatchInvariant() else { return }
      let start = scratch.buffer
      for name in ["adamw", "muon", "adafactor"] {
        var found: [[String: String]] = []
        for threads in ["1", "2", "3"] {
          scratch.buffer = start
          scratch.buffer = try scratch.copy("\(name)-\(threads)")
          try scratch.train(0, "--optimizer", name, "--threads", threads, "--weight-decay", "0.1").expect()
          found.append(try scratch.results())
        }
        #expect(found[1] == found[0] && found[2] == found[0], "\(name)")
      }
    }

    @Test func freshOptimizer() throws {
      try step(0, [])
      try scratch.train(1, "--fresh-optimizer", "--optimizer", "muon", "--warmup", "2").expect()
      let trainer = try JSON.parse(contentsOf: scratch.path("checkpoints/step-000002/trainer_state.json"))
      #expect(trainer["updates"]?.int == 1 && trainer["start"]?["name"]?.string == "checkpoints/step-000000")
      #expect(try abs(#require(scratch.checkpointManifest(2).summary["learning_rate"]) - 1.5e-3) < 1e-9)
      #expect(try !scratch.checkpointManifest(2).inputs.contains { $0.role == "optimizer" })
    }

    @Test func schedules() throws {
      let flags = ["--schedule", "linear", "--total-updates", "4", "--min-lr", "1e-3", "--minibatches", "2"]
      try step(0, flags)
      try scratch.run("rollbook-train", scratch.trainArguments(1, flags)).expect()
      let rates = try [1, 2].map { try #require(scratch.checkpointManifest($0).summary["learning_rate"]) }
      #expect(abs(rates[0] - 2.5e-3) < 1e-8 && abs(rates[1] - 1.5e-3) < 1e-8, "\(rates)")
    }

    @Test func weightDecayLeavesNorms() throws {
      let start = scratch.buffer
      func norms(_ name: String, _ flags: String...) throws -> [Float] {
        scratch.buffer = start
        scratch.buffer = try scratch.copy(name)
        try scratch.run("rollbook-train", scratch.trainArguments(0, flags + ["--lr", "1e-2"])).expect()
        return try tensors(1, "model").read("model.norm.weight")
      }
      let plain = try norms("plain"), decayed = try norms("decayed", "--weight-decay", "0.5")
      #expect(plain == decayed)
      let all = try norms("all", "--weight-decay", "0.5", "--decay-all")
      #expect(zip(all, plain).allSatisfy { abs($0 - ($1 - 0.005)) < 1e-5 })
    }

    @Test func averages() throws {
      try step(0, ["--ema", "0.75"])
      let (start, first, average) = try (tensors(0, "model"), tensors(1, "model"), tensors(1, "ema"))
      #expect(average.tensors.map(\.name) == first.tensors.map(\.name))
      for tensor in average.tensors {
        let expected = zip(try start.read(tensor.name), try first.read(tensor.name)).map { 0.75 * $0 + 0.25 * $1 }
        #expect(zip(try average.read(tensor.name), expected).allSatisfy { abs($0 - $1) < 1e-6 }, "\(tensor.name)")
      }
      try scratch.generate(2, "--model", "step:1/ema").expect()
      let rollout = try #require(scratch.rollouts(2).first)
      #expect(rollout.policyStep == 1)
      #expect(rollout.policy == (try Digest.file(scratch.path("checkpoints/step-000001/ema.safetensors"))))
      try scratch.generate(2, "--model", scratch.path("checkpoints/step-000001/ema")).expect(naming: "already done")
      try scratch.generate(3, "--model", "step:0/ema").expect(69, naming: "--ema")
      try scratch.train(1, "--ema", "0.75").expect()
      #expect(try scratch.checkpointManifest(2).inputs.contains { $0.role == "average" })
      try scratch.rollbook("lineage", "shards/rollouts/\(scratch.shardName(2))").expect(
        naming: "checkpoints/step-000001")
      try scratch.rollbook("verify", "--deep").expect()
    }

    @Test func frozen() throws {
      try scratch.train(0, "--freeze", "model.embed_tokens", "--freeze", "layers.0-0.mlp", "--weight-decay", "0.1")
        .expect()
      let (before, after, state) = try (tensors(0, "model"), tensors(1, "model"), tensors(1, "optimizer"))
      for tensor in before.tensors {
        let isFrozen = tensor.name.contains("embed_tokens") || tensor.name.hasPrefix("model.layers.0.mlp")
        #expect(try (before.read(tensor.name) == after.read(tensor.name)) == isFrozen, "\(tensor.name)")
        #expect((state.info("m.\(tensor.name)") == nil) == isFrozen, "\(tensor.name)")
      }
    }

    @Test func theStartAsReference() throws {
      let flags = ["--on-policy", "--reference", "start", "--kl", "0.1", "--keep-last", "1"]
      try step(0, flags)
      #expect(try scratch.updates(0).allSatisfy { $0.referenceLogprobs == $0.logprobs }, "it is the policy itself")
      try step(1, flags)
      try scratch.run("rollbook-train", scratch.trainArguments(2, flags)).expect()
      #expect(scratch.names("checkpoints") == ["step-000000", "step-000003"], "what the run began with is still needed")
      let manifest = try scratch.checkpointManifest(3)
      #expect(manifest.inputs.first { $0.role == "reference" }?.name == "checkpoints/step-000000")
      #expect((manifest.summary["ref_kl_k3"] ?? 0) > 0)
    }

    @Test func wrongFlags() throws {
      for flags in [
        ["--optimizer", "sgd"], ["--schedule", "square"], ["--schedule", "linear"],
        ["--schedule", "cosine", "--total-updates", "3", "--warmup", "3"], ["--total-updates", "3"],
        ["--min-lr", "1e-9"],
        ["--ema", "1"], ["--muon-momentum", "1"], ["--freeze", "nonsense"], ["--freeze", ""], ["--freeze", "*"],
        ["--keep-every", "0"], ["--keep-best", ""], ["--keep-best", "a:b"], ["--reference", "base"]
      ] {
        try scratch.run("rollbook-train", scratch.trainArguments(0, flags)).expect(64, naming: flags[0])
      }
      #expect(scratch.names("checkpoints") == ["step-000000"])
    }

    private func keeping(_ flags: String..., steps: Int = 5) throws -> [String] {
      for number in 0..<steps { try step(number, flags) }
      try scratch.rollbook("verify").expect()
      return scratch.names("checkpoints").map { String($0.suffix(1)) }
    }

    @Test func keepEvery() throws {
      #expect(try keeping("--keep-every", "2") == ["0", "2", "4", "5"])
      try scratch.train(4, "--keep-every", "2").expect(naming: "already done")
    }

    @Test func keepBest() throws {
      let kept = try keeping("--keep-best", "reward_mean", "--keep-last", "1", "--keep-every", "4")
      let rewards = try (0..<5).map { step in
        try #require(
          scratch.manifest("shards/updates/\(scratch.shardName(step))".replacing(".arrow", with: ".json"))
            .summary["reward_mean"])
      }
      let best = try #require(rewards.indices.max { (rewards[$0], $0) < (rewards[$1], $1) })
      #expect(kept == Set([0, 4, 5, best]).sorted().map { "\($0)" }, "\(rewards)")
    }

    @Test func nothingIsBest() throws {
      try scratch.train(0, "--keep-best", "no_such_metric:min").expect(
        naming: "no_such_metric", "no checkpoint is removed")
      #expect(scratch.names("checkpoints") == ["step-000000", "step-000001"])
    }

    /// A shard that is being sampled, or was until it was stopped, needs its checkpoint.
    @Test func stagedWork() throws {
      try step(0, [])
      let staged = "rollouts-\(Buffer.shardName(step: 1, part: 7))"
      try FileManager.default.copyItem(
        atPath: scratch.path(scratch.rolloutShard(1)), toPath: scratch.path("staging/\(staged)"))
      try scratch.train(1, "--keep-last", "1").expect()
      #expect(scratch.names("checkpoints") == ["step-000001", "step-000002"])
      try FileManager.default.removeItem(atPath: scratch.path("staging/\(staged)"))
      try scratch.generate(2).expect()
      try scratch.score(2).expect()
      try scratch.train(2, "--keep-last", "1").expect()
      #expect(scratch.names("checkpoints") == ["step-000003"])
    }
  }
}
