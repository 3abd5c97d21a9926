import Formats
import Foundation
import Testing

extension ProgramTests {
  /// TRPO: the constraint holds on every accepted step, and a step that is not accepted changes nothing.
  @Suite struct TrustRegionTrainTests {
    let scratch: Scratch

    init() throws {
      scratch = try Scratch(inMemory: true)
      try scratch.prepare()
    }

    @Test(arguments: [[], ["--lora", "4"], ["--minibatches", "2", "--epochs", "2"]])
    func theConstraintHolds(flags: [String]) throws {
      for bound in flags.isEmpty ? [1e-4, 0.1] : [1e-2] {
        try scratch.inCopy {
          let json = try scratch.trained(0, ["--recipe", "trpo", "--set", "max_kl=\(bound)"] + flags)
          let kl = try json.metric("trust_region_kl")
          #expect(try json.metric("trust_region_accepted") == 1, "\(bound)")
          #expect(kl <= bound, "\(kl) of \(bound)")
          // The natural gradient's length is right: it uses a good part of the region.
          #expect(try json.metric("trust_region_kl_mean") > 0.1 * bound, "\(json)")
          #expect(try json.metric("surrogate_gain") > 0, "\(bound)")
          try scratch.rollbook("verify", "--deep").expect()
        }
      }
    }

    /// The measured divergence is that of the published weights: log-probabilities of the step's tokens agree with it.
    @Test func divergenceOfWhatIsPublished() throws {
      let json = try scratch.trained(0, ["--recipe", "trpo", "--set", "max_kl=0.05"])
      try scratch.generate(1, "--model", "step:0", "--prompts-per-step", "32", "--group-size", "16").expect()
      try scratch.score(1).expect()
      // At tokens that step 0 drew, the mean of k3 of the ratio estimates KL(old ‖ new).
      let found = try scratch.evaluated(1, ["--recipe", "grpo"]).metric("behaviour_kl_k3")
      let kl = try json.metric("trust_region_kl")
      #expect(abs(found - kl) < 0.5 * kl, "\(found) of fresh samples, \(kl) in the step")
    }

    @Test(arguments: [[], ["--lora", "4"]])
    func nothingIsAccepted(flags: [String]) throws {
      let file = flags.isEmpty ? "model" : "adapter_model"
      // An adapter begins at random: a first step without a learning rate publishes it.
      if !flags.isEmpty { _ = try scratch.trained(0, flags + ["--lr", "0"]) }
      let step = flags.isEmpty ? 0 : 1
      if step == 1 {
        try scratch.generate(1).expect()
        try scratch.score(1).expect()
      }
      let json = try scratch.trained(step, ["--recipe", "trpo", "--set", "max_kl=1e-30", "--set", "backtracks=3"])
      #expect(try json.metric("trust_region_accepted") == 0)
      #expect(try json.metric("trust_region_kl") == 0 && json.metric("surrogate_gain") == 0)
      let before = try scratch.weights(step, file)
      let after = try scratch.weights(step + 1, file)
      #expect(zip(before, after).allSatisfy { $0.bitPattern == $1.bitPattern } && before.count == after.count)
    }

    @Test func precision() throws {
      try scratch.train(0, "--recipe", "trpo", "--precision", "bf16").expect(64, naming: "--precision bf16", "f32")
    }

    @Test func averages() throws {
      _ = try scratch.trained(0, ["--recipe", "trpo", "--ema", "0.5"])
      let ema = try scratch.weights(1, "ema")
      #expect(try ema != scratch.weights(1) && ema != scratch.weights(0) && ema.count == scratch.weights(0).count)
      try scratch.rollbook("verify", "--deep").expect()
    }

    /// Equal rewards give no direction.
    @Test func nothingToGain() throws {
      let flags = ["--reward", "sort-positions=0", "--scores", "flat"]
      try scratch.run("rollbook-score", ["--buffer", scratch.buffer, "--step", "0"] + flags).expect()
      let json = try scratch.trained(0, ["--recipe", "trpo", "--scores", "flat"])
      #expect(try json.metric("trust_region_accepted") == 0 && json.metric("grad_norm") == 0)
      #expect(try scratch.weights(1) == scratch.weights(0))
    }

    @Test func otherOptimizersGoOn() throws {
      for (step, recipe) in ["grpo", "trpo", "grpo"].enumerated() {
        if step > 0 {
          try scratch.generate(step).expect()
          try scratch.score(step).expect()
        }
        let json = try scratch.trained(step, ["--recipe", recipe])
        #expect(try json.metric("loss").isFinite, "\(step)")
      }
      try scratch.rollbook("verify", "--deep").expect()
    }
  }
}
