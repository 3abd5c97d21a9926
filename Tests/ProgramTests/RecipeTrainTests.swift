import Formats
import Foundation
import Objectives
import Testing

extension ProgramTests {
  /// Every recipe trains, goes on from its own checkpoint, and begins exactly at the old policy.
  @Suite struct RecipeTrainTests {
    let scratch: Scratch
    let baseline: String

    init() throws {
      scratch = try Scratch(inMemory: true)
      try scratch.prepare()
      try scratch.generate(1, "--model", "step:0").expect()
      try scratch.score(1).expect()
      baseline = try scratch.greedyBaseline()
    }

    @Test func everyRecipeTrainsAndGoesOn() throws {
      let start = try scratch.weights(0)
      let isInvariant = try scratch.isBatchInvariant()
      #expect(RecipeChoice.all.count >= 46)
      for choice in RecipeChoice.all {
        try scratch.inCopy {
          let recipe = choice.recipe
          let first = try scratch.trained(0, choice.flags(baseline: baseline))
          #expect(try first.metric("loss").isFinite && first.metric("grad_norm") > 0, "\(choice)")
          #expect(try scratch.weights(1) != start, "\(choice)")
          expectOnPolicy(first, choice, within: isInvariant ? 0 : 1e-4)
          // ReMax has greedy responses to the prompts of step 0 alone.
          if !recipe.needs.contains(.greedy) {
            let second = try scratch.trained(1, choice.flags(baseline: baseline))
            #expect(try second.metric("loss").isFinite, "\(choice)")
            #expect(try scratch.weights(2) != scratch.weights(1), "\(choice)")
            try expectState(recipe, choice)
          }
          if recipe.preset == Recipe.named(recipe.name)?.preset {
            try scratch.rollbook("verify", "--deep").expect(naming: "all as published")
          }
        }
      }
    }

    private func expectOnPolicy(_ summary: JSON, _ choice: RecipeChoice, within tolerance: Double) {
      let isRatio = choice.recipe.policy != nil && choice.recipe.trustRegion == nil
      for name in ["ratio_min", "ratio_max", "ratio_mean"] where isRatio {
        #expect(abs((summary[name]?.double ?? .nan) - 1) <= tolerance, "\(choice): \(name) of \(summary)")
      }
      for name in ["approx_kl_k1", "approx_kl_k2", "approx_kl_k3"] where isRatio {
        #expect(abs(summary[name]?.double ?? .nan) <= tolerance, "\(choice): \(name) of \(summary)")
      }
    }

    /// What is there to go on with after two updates.
    private func expectState(_ recipe: Recipe, _ choice: RecipeChoice) throws {
      let folder = "checkpoints/step-000002"
      let state = try JSON.parse(contentsOf: scratch.path(folder + "/trainer_state.json"))
      #expect(state["updates"]?.int == 2, "\(choice)")
      let hasCritic = recipe.needs.contains(.values)
      #expect(scratch.exists(folder + "/critic.safetensors") == hasCritic, "\(choice)")
      #expect(scratch.exists(folder + "/critic_optimizer.safetensors") == hasCritic, "\(choice)")
      #expect(state["critic_updates"]?.int == (hasCritic ? 2 : nil), "\(choice)")
      #expect(scratch.exists(folder + "/value_head.safetensors") == recipe.needs.contains(.scores), "\(choice)")
      #expect(scratch.exists(folder + "/optimizer.safetensors") == (recipe.trustRegion == nil), "\(choice)")
    }

    /// β goes on where the last step left it; the settings may be given in any order.
    @Test func adaptiveDivergence() throws {
      let flags = [
        "--reference", "step:0", "--set", "kl_target=0.001", "--set", "kl_horizon=100", "--set", "kl_in_reward_beta=0.5"
      ]
      let first = try scratch.trained(0, flags)
      func stored(_ step: Int) throws -> Double {
        try JSON.parse(contentsOf: scratch.path("checkpoints/\(Buffer.stepName(step))/trainer_state.json"))
          .metric("kl_in_reward_beta")
      }
      // The policy is the reference: KL 0, so that β falls by the most, 0.2 · 32/100.
      #expect(try first.metric("kl_in_reward_beta") == 0.5)
      #expect(try abs(stored(1) - 0.5 * (1 - 0.2 * 32 / 100)) < 1e-12)
      let second = try scratch.trained(1, flags)
      #expect(try second.metric("kl_in_reward_beta") == stored(1))
      #expect(try second.metric("kl_sequence_mean") != 0 && stored(2) != stored(1))
    }

    @Test func settings() throws {
      func refused(_ flags: String..., naming words: String...) throws {
        let outcome = try scratch.run("rollbook-train", scratch.trainArguments(0, flags))
        outcome.expect(64)
        for word in words { #expect(outcome.errors.contains(word), "'\(word)': \(outcome)") }
      }
      try refused("--set", "epsilon=1", naming: "--set epsilon=1", "no such setting", "eps_low", "kl_in_reward_beta")
      try refused("--set", "eps_low=wide", naming: "--set eps_low=wide", "expected a number of 0")
      try refused("--set", "surrogate=best", naming: "one of", "cispo")
      try refused("--set", "drop_uniform_groups=maybe", naming: "true or false")
      try refused("--set", "kl_target=6", naming: "--set kl_target=6", "no such setting")
      try refused("--set", "eps_low", naming: "NAME=VALUE")
      try refused("--recipe", "dpo", "--reference", "start", "--set", "label_smoothing=0.5", naming: "below 0.5")
      try refused("--recipe", "reward-model", "--set", "demonstration_coef=1", naming: "no such setting", "center")
      try refused("--recipe", "dpo", "--kl", "0.1", naming: "--kl", "no such setting", "label_smoothing")
      try refused("--recipe", "sorting", naming: "grpo (trl, verl, openrlhf, gdpo)")
      #expect(scratch.names("checkpoints") == ["step-000000"])
    }
  }
}
