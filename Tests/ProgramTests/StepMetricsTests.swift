import Formats
import Foundation
import Testing

extension ProgramTests {
  /// What `rollbook-train` tells of the step's rollouts.
  @Suite struct StepMetricsTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch(inMemory: true) }

    private func spread(_ values: [Double]) -> [Double] {
      let mean = values.reduce(0, +) / Double(values.count)
      let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
      return [mean, variance.squareRoot(), values.min() ?? .nan, values.max() ?? .nan]
    }

    private func expect(_ json: JSON, _ name: String, _ value: Double?, at location: SourceLocation = #_sourceLocation)
    {
      let found = json[name]?.double
      let isRight = value.map { abs((found ?? .nan) - $0) < 1e-9 } ?? (found == nil)
      #expect(
        isRight, "\(name): \(String(describing: found)), not \(String(describing: value))", sourceLocation: location)
    }

    @Test func asTheShardsSay() throws {
      try scratch.prepare()
      let json = try scratch.train(0, "--on-policy", "--json").expect().json()
      let (rollouts, scores) = (try scratch.rollouts(0), try scratch.scores(0))
      let count = Double(rollouts.count)
      let rewards = spread(scores.compactMap(\.reward))
      expect(json, "reward_mean", rewards[0])
      for (name, value) in zip(["reward_std", "reward_min", "reward_max"], rewards[1...]) { expect(json, name, value) }
      for (place, name) in ["sort-positions", "sort-neighbours"].enumerated() {
        let values = spread(scores.compactMap { $0.components[place] })
        for (end, value) in zip(["", ".std", ".min", ".max"], values) { expect(json, "component.\(name)\(end)", value) }
      }
      let passes = scores.map { ($0.components[0] ?? 0) >= 1 }
      expect(json, "pass_rate", Double(passes.count { $0 }) / count)
      for (name, passing) in [("correct", true), ("wrong", false)] {
        let lengths = zip(rollouts, passes).filter { $1 == passing }.map { Double($0.0.responseTokens.count) }
        expect(json, "response_length_\(name)", lengths.isEmpty ? nil : spread(lengths)[0])
      }
      expect(json, "finish_stop", Double(rollouts.count { $0.finishReason == .stop }) / count)
      let cut = rollouts.count { $0.finishReason == .length || $0.responseTokens.count >= 8 }
      expect(json, "length_cap_share", Double(cut) / count)
      expect(json, "staleness_max", 0)
      let metrics = try String(contentsOfFile: scratch.path("metrics/metrics.jsonl"), encoding: .utf8)
      #expect(metrics.contains("\"component.sort-positions.std\"") && metrics.contains("\"finish_stop_string\""))
      let stats = try scratch.rollbook("stats", "--json").expect().json()
      let step = try #require(stats["steps"]?.array?.first)
      expect(json, "pass_rate", step["pass_rate"]?.double)
      expect(json, "zero_variance_share", step["zero_variance_share"]?.double)
      if try scratch.isBatchInvariant() { expect(json, "behaviour_effective_share", 1) }
      // The plot takes them as they are.
      try scratch.rollbook("plot", "--metric", "component.sort-positions").expect(
        naming: "train/component.sort-positions")
    }

    @Test func warnings() throws {
      try scratch.initialise()
      // One token is cut off wherever it is not the end; a reward of nothing but the format is the same for all.
      try scratch.generate(0, "--max-new-tokens", "1").expect()
      try scratch.run(
        "rollbook-score", ["--buffer", scratch.buffer, "--step", "0", "--reward", "format=1"]
      ).expect()
      try scratch.train(0).expect(
        naming: "100.0% of the groups, more than 50.0%", "of the responses, more than 50.0%", "--max-new-tokens")
      #expect(try scratch.train(0, "--quiet").expect().errors.isEmpty)
      // Sampled by the checkpoint before.
      try scratch.generate(1, "--model", "step:0", "--max-new-tokens", "24").expect()
      try scratch.score(1).expect()
      let stale = try scratch.train(1).expect(naming: "up to 1 steps old", "within 0.01 of 1")
      #expect(!stale.errors.contains("of the groups, more than"))
      #expect(try scratch.checkpointManifest(2).summary["staleness_mean"] == 1)
      let far = try scratch.copy("far")
      scratch.buffer = far
      try scratch.generate(2).expect()
      try scratch.score(2).expect()
      let fresh = try scratch.train(2, "--on-policy").expect()
      #expect(!fresh.errors.contains("steps old"))
    }
  }
}
