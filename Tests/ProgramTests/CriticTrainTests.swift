import Formats
import Foundation
import Testing

extension ProgramTests {
  /// What estimates values: a model of its own, a shared head, another model; and steps with one that are stopped.
  @Suite struct CriticTrainTests {
    let scratch: Scratch

    init() throws {
      scratch = try Scratch(inMemory: true)
      try scratch.prepare()
    }

    private func nextStep(_ step: Int) throws {
      try scratch.generate(step).expect()
      try scratch.score(step).expect()
    }

    private func files(_ step: Int) -> Set<String> { Set(scratch.names("checkpoints/\(Buffer.stepName(step))")) }

    @Test func aModelOfItsOwn() throws {
      let first = try scratch.trained(0, ["--recipe", "ppo", "--critic", "policy", "--critic-lr", "1e-2"])
      #expect(try first.metric("value_mean") == 0 && first.metric("critic_grad_norm") > 0)
      #expect(try first.metric("explained_variance").isFinite)
      #expect(files(1).isSuperset(of: ["critic.safetensors", "critic_optimizer.safetensors"]))
      #expect(!files(1).contains("value_head.safetensors"))
      try nextStep(1)
      // Without --critic it goes on.
      let second = try scratch.trained(1, ["--recipe", "ppo", "--critic-lr", "1e-2"])
      #expect(try second.metric("value_mean") != 0)
      let state = try JSON.parse(contentsOf: scratch.path("checkpoints/step-000002/trainer_state.json"))
      #expect(state["critic_updates"]?.int == 2)
      // A recipe without values leaves no critic behind.
      try nextStep(2)
      _ = try scratch.trained(2, ["--recipe", "grpo"])
      #expect(!files(3).contains("critic.safetensors"))
      try scratch.rollbook("verify", "--deep").expect()
    }

    /// A learning rate of 0 keeps the policy, or the critic, as it is.
    @Test func ratesAreApart() throws {
      try scratch.inCopy {
        _ = try scratch.trained(0, ["--recipe", "ppo", "--lr", "0", "--critic-lr", "1e-2"])
        #expect(try scratch.weights(1) == scratch.weights(0))
        #expect(try scratch.weights(1, "critic") != scratch.weights(0) + [Float](repeating: 0, count: 65))
      }
      _ = try scratch.trained(0, ["--recipe", "ppo", "--lr", "1e-2", "--critic-lr", "0"])
      #expect(try scratch.weights(1) != scratch.weights(0))
      #expect(
        try scratch.weights(1, "critic").sorted() == (scratch.weights(0) + [Float](repeating: 0, count: 65)).sorted())
    }

    @Test(arguments: [[], ["--lora", "4"]])
    func aSharedHead(flags: [String]) throws {
      let first = try scratch.trained(0, ["--recipe", "ppo", "--critic", "shared"] + flags)
      #expect(try first.metric("value_mean") == 0 && first["critic_grad_norm"] == nil)
      #expect(files(1).contains("value_head.safetensors") && !files(1).contains("critic.safetensors"))
      #expect(try scratch.weights(1, "value_head").contains { $0 != 0 })
      try nextStep(1)
      let second = try scratch.trained(1, ["--recipe", "a2c"])
      #expect(try second.metric("value_mean") != 0)
      #expect(files(2).contains("value_head.safetensors") && !files(2).contains("critic.safetensors"))
    }

    /// A critic may be another model than the policy; it goes on as what it was.
    @Test func anotherModel() throws {
      let folder = scratch.folder + "/other"
      try FileManager.default.copyItem(atPath: Scratch.example, toPath: folder)
      let config = try JSON.parse(contentsOf: folder + "/config.json").with("num_hidden_layers", 2).with(
        "rope_theta", 500.0)
      try FileManager.default.removeItem(atPath: folder + "/config.json")
      try config.serialized().write(toFile: folder + "/config.json", atomically: false, encoding: .utf8)
      let other = scratch.folder + "/critics"
      try scratch.run(
        "rollbook-train", ["--buffer", other, "--step", "0", "--init", folder + "/config.json", "--quiet"]
      ).expect()
      let model = other + "/checkpoints/step-000000"
      let flags = ["--recipe", "ppo", "--critic", model]
      _ = try scratch.trained(0, flags)
      #expect(try scratch.weights(1, "critic").count < scratch.weights(1).count)
      try nextStep(1)
      _ = try scratch.trained(1, flags)
      #expect(try scratch.weights(2, "critic") != scratch.weights(1, "critic"))
      try scratch.rollbook("verify", "--deep").expect()
    }

    @Test func contradictions() throws {
      for flags in [["--critic", "shared"], ["--critic-lr", "1e-3"]] {
        try scratch.run("rollbook-train", scratch.trainArguments(0, flags)).expect(64, naming: "--critic", "ppo")
      }
      let ppo = ["--recipe", "ppo"]
      try scratch.run("rollbook-train", scratch.trainArguments(0, ppo + ["--critic-lr=-1"])).expect(
        64, naming: "--critic-lr")
      try scratch.run("rollbook-train", scratch.trainArguments(0, ppo + ["--critic", "/nowhere"])).expect(
        69, naming: "/nowhere")
      _ = try scratch.trained(0, ["--lora", "4"])
      try nextStep(1)
      try scratch.run("rollbook-train", scratch.trainArguments(1, ppo + ["--critic", "step:1"])).expect(
        64, naming: "adapter", "merge")
      #expect(scratch.names("checkpoints") == ["step-000000", "step-000001"])
    }

    /// Told to stop while computing and killed while writing the critic: the same command ends with the same bytes.
    @Test func stopped() throws {
      let flags = ["--recipe", "ppo", "--critic-lr", "1e-2", "--threads", "1"]
      let start = scratch.buffer
      let long = flags + ["--epochs", "300", "--minibatches", "4"]
      func whole(_ flags: [String]) throws -> [String: String] {
        try scratch.inCopy {
          try scratch.run("rollbook-train", scratch.trainArguments(0, flags)).expect()
          return try scratch.results()
        }
      }
      func resume(_ flags: [String], to whole: [String: String]) throws {
        try scratch.run("rollbook-train", scratch.trainArguments(0, flags)).expect()
        #expect(try scratch.results() == whole)
        try scratch.rollbook("verify", "--deep").expect()
      }
      let expected = try whole(long)
      try scratch.inCopy {
        let running = try scratch.start("rollbook-train", scratch.trainArguments(0, long))
        running.poll { running.hasRun(for: 0.15) && running.listens }
        running.send(SIGTERM)
        running.wait().expect(75, naming: "run the same command again")
        #expect(scratch.names("checkpoints") == ["step-000000"])
        try resume(long, to: expected)
      }
      let short = try whole(flags)
      for file in ["critic", "critic_optimizer"] {
        try scratch.inCopy {
          let running = try scratch.start("rollbook-train", scratch.trainArguments(0, flags))
          running.poll { scratch.exists("staging/checkpoint-step-000001/\(file).safetensors") }
          running.send(SIGKILL)
          _ = running.wait()
          try resume(flags, to: short)
        }
      }
      #expect(scratch.buffer == start)
    }
  }
}
