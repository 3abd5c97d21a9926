import Formats
import Foundation
import Objectives
import Testing

extension ProgramTests {
  /// Any split of a step into micro-batches gives the same update, for every recipe.
  @Suite struct SplitTrainTests {
    let scratch: Scratch

    /// In f32: bf16 rounds the sums of gradients of a shared prompt, which differ by the split.
    init() throws {
      scratch = try Scratch(inMemory: true)
      try scratch.prepare("--precision", "f32")
    }

    /// With so large an eps AdamW's first update is the gradient, up to its length.
    private static let linear = ["--adam-eps", "1", "--lr", "0.1"]

    @Test func everyRecipe() throws {
      let start = try scratch.weights(0)
      let baseline = try scratch.greedyBaseline()
      for choice in RecipeChoice.defaults {
        let few = choice.recipe.trustRegion == nil ? [] : ["--set", "cg_iterations=3"]
        let flags = choice.flags(baseline: baseline) + Self.linear + few
        // A reward model begins with a score of zeros, which alone moves at first.
        let file = choice.recipe.needs.contains(.scores) ? "value_head" : "model"
        let before = file == "model" ? start : [Float](repeating: 0, count: 65)
        func step(_ others: [String]) throws -> (norm: Double, weights: [Float]) {
          try scratch.inCopy {
            (try scratch.trained(0, flags + others).metric("grad_norm"), try scratch.weights(1, file))
          }
        }
        let whole = try step(["--tokens-per-batch", "100000"])
        // A direction that differences find is not as exact as a gradient.
        let tolerance: Float = choice.recipe.trustRegion == nil ? 1e-4 : 0.05
        let moved = zip(whole.weights, before).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
        let splits =
          choice.recipe.name == "grpo"
          ? [["40"], ["100"], ["40", "--recompute-activations"]] : [["40", "--recompute-activations"]]
        for split in splits {
          let part = try step(["--tokens-per-batch"] + split)
          #expect(abs(part.norm - whole.norm) <= 1e-5 * whole.norm, "\(choice) \(split): \(part.norm), \(whole.norm)")
          let apart = zip(whole.weights, part.weights).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
          #expect(moved > 0 && apart <= tolerance * moved, "\(choice) \(split): \(apart) of \(moved)")
        }
      }
    }

    /// The same groups in shards of two groups each, and as their parts were sampled in another order.
    @Test func otherShards() throws {
      let whole = try scratch.trained(0, Self.linear)
      let start = scratch.buffer
      scratch.buffer = scratch.folder + "/parts"
      try scratch.prepare("--precision", "f32", "--groups-per-shard", "2")
      #expect(scratch.names("shards/rollouts").count > 2 && scratch.buffer != start)
      let parts = try scratch.trained(0, Self.linear)
      for name in ["grad_norm", "reward_mean", "entropy_mean"] {
        let (a, b) = try (whole.metric(name), parts.metric(name))
        #expect(abs(a - b) <= 1e-5 * abs(a), "\(name): \(a), \(b)")
      }
    }

    /// The one aggregation that is defined by the micro-batches.
    @Test func meansOfMicroBatches() throws {
      func norm(_ aggregation: String, _ tokens: String) throws -> Double {
        let flags = ["--aggregation", aggregation, "--tokens-per-batch", tokens]
        return try scratch.inCopy { try scratch.trained(0, flags).metric("grad_norm") }
      }
      let whole = try norm("bnpo", "100000")
      #expect(try abs(whole - norm("token-mean", "100000")) <= 1e-5 * whole)
      #expect(try abs(whole - norm("bnpo", "40")) > 1e-3 * whole)
    }

    @Test func minibatchesKeepPairsTogether() throws {
      for recipe in ["dpo", "simpo", "reward-model"] {
        try scratch.inCopy {
          let flags = [
            "--recipe", recipe, "--reference", "start", "--minibatches", "3", "--epochs", "2", "--tokens-per-batch", "1"
          ]
          let json = try scratch.trained(0, flags)
          #expect(try json.metric("updates") == 6 && json.metric("loss").isFinite, "\(recipe)")
        }
      }
    }
  }
}
