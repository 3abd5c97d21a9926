import Formats
import Foundation
import Testing

extension ProgramTests {
  /// Responses that are imitated: alone, and beside rollouts.
  @Suite struct SupervisedTrainTests {
    let scratch: Scratch

    init() throws {
      scratch = try Scratch(inMemory: true)
      try scratch.initialise()
    }

    private static let demonstrations: [JSON] = (0..<12).map { number in
      let a = number % 5
      let b = number % 3 + 5
      return ["id": .string("d-\(number)"), "prompt": .string("\(b) \(a)"), "completion": .string("\(a) \(b)")]
    }
    private static let messages: [JSON] = (0..<6).map { number in
      [
        "messages": [
          ["role": "user", "content": .string("\(number + 3) \(number)")],
          ["role": "assistant", "content": .string("\(number) \(number + 3)")]
        ]
      ]
    }
    private static let texts: [JSON] = (0..<6).map { ["text": .string("0 1 2 3 4 5 6 7 8 \($0)")] }

    @Test(arguments: ["demonstrations", "messages", "text"])
    func imported(format: String) throws {
      let rows = ["demonstrations": Self.demonstrations, "messages": Self.messages, "text": Self.texts][format] ?? []
      for step in 0..<2 { try scratch.imported("rows.jsonl", rows, "--step", "\(step)") }
      let tokens = try scratch.rollouts(0).reduce(0) { $0 + $1.responseTokens.count }
      let before = try scratch.evaluated(1, ["--recipe", "sft", "--model", "step:0"])
      #expect(try abs(before.metric("loss") - log(64)) < 0.5, "a fresh model knows nothing")
      #expect(try before.metric("tokens") == Double(tokens))
      _ = try scratch.trained(0, ["--recipe", "sft", "--epochs", "8", "--minibatches", "3"])
      #expect(try scratch.evaluated(1, ["--recipe", "sft"]).metric("loss") < 0.7 * before.metric("loss"))
      try scratch.rollbook("verify", "--deep").expect()
      // A trained row without a prompt shows like any other.
      let row = try #require(scratch.rollouts(0).first)
      try scratch.rollbook("show", "0/\(row.promptID)/0", "--tokens").expect()
      try scratch.rollbook("show", "0/\(row.promptID)/0", "--tokens", "--json").expect()
    }

    /// What is masked counts for nothing: not in the loss, nor in the gradient.
    @Test func masks() throws {
      try scratch.imported("rows.jsonl", Self.demonstrations)
      let path = scratch.folder + "/export.jsonl"
      try scratch.run("rollbook", ["export", scratch.buffer, "jsonl", "--output", path]).expect()
      let rows = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map {
        try JSON.parse(String($0))
      }
      /// The rows with what follows their second token masked, or cut off, or masked and another.
      func summary(_ name: String, _ change: (JSON, [JSON]) -> JSON) throws -> JSON {
        scratch.buffer = scratch.folder + "/" + name
        try scratch.initialise()
        try scratch.imported(name + ".jsonl", rows.map { change($0, $0["response_tokens"]?.array ?? []) })
        return try scratch.trained(0, ["--recipe", "sft", "--precision", "f32"])
      }
      func mask(_ tokens: [JSON]) -> JSON { .array(tokens.indices.map { .bool($0 < 2) }) }
      let masked = try summary("masked") { $0.with("response_mask", mask($1)) }
      let cut = try summary("cut") {
        $0.with("response_tokens", .array(Array($1.prefix(2)))).with("response_length", 2)
      }
      let changed = try summary("changed") {
        $0.with("response_tokens", .array($1.prefix(2) + $1.dropFirst(2).map { _ in 7 })).with(
          "response_mask", mask($1))
      }
      #expect(try masked.metric("tokens") == 24 && cut.metric("tokens") == 24)
      for name in ["loss", "grad_norm", "perplexity"] {
        let (a, b, c) = try (masked.metric(name), cut.metric(name), changed.metric(name))
        #expect(abs(a - b) <= 1e-5 * a && abs(a - c) <= 1e-5 * a, "\(name): \(a), \(b), \(c)")
      }
      scratch.buffer = scratch.folder + "/nothing"
      try scratch.initialise()
      try scratch.imported(
        "nothing.jsonl",
        rows.map { $0.with("response_mask", .array(($0["response_tokens"]?.array ?? []).map { _ in false })) })
      try scratch.train(0, "--recipe", "sft").expect(69, naming: "masked")
    }

    /// A wholly masked response is not computed, and still counts among the responses that a mean is taken over (TRL).
    @Test func maskedResponsesCount() throws {
      try scratch.generate(0).expect()
      try scratch.score(0).expect()
      let path = scratch.folder + "/rows.jsonl"
      try scratch.rollbook("export", "jsonl", "--output", path).expect()
      let rows = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map {
        try JSON.parse(Array($0.utf8))
      }
      let masked = rows.enumerated().map { index, row in
        index % 4 > 0
          ? row : row.with("response_mask", .array((row["response_tokens"]?.array ?? []).map { _ in false }))
      }
      scratch.buffer = scratch.folder + "/masked"
      try scratch.initialise()
      try scratch.imported("masked.jsonl", masked)
      for (aggregation, share) in [("seq-mean-token-mean", 24.0 / 32), ("seq-mean-token-sum", nil)] {
        try scratch.inCopy {
          _ = try scratch.trained(0, ["--recipe", "grpo", "--aggregation", aggregation])
          let updates = try scratch.updates(0)
          #expect(updates.count == 24)
          let weights = updates.flatMap(\.weights).map { Double($0) }
          if let share { #expect(abs(weights.reduce(0, +) - share) < 1e-6) }
          if share == nil { #expect(weights.allSatisfy { abs($0 - 1.0 / 32) < 1e-8 }) }
        }
      }
    }

    /// SFT imitates what it is given: samples that a selection takes, the preferred half of a preference.
    @Test func whatIsImitated() throws {
      try scratch.generate(0).expect()
      try scratch.score(0).expect()
      let chosen = try scratch.scores(0).count { ($0.reward ?? 0) > 0.3 }
      let flags = ["--recipe", "sft"]
      #expect(chosen > 0)
      #expect(
        try scratch.evaluated(0, flags).metric("tokens")
          == scratch.evaluated(0, flags + ["--where", "sample >= 0"]).metric("tokens"))
      let some = try scratch.trained(0, flags + ["--where", "reward > 0.3"])
      #expect(try scratch.updates(0).count == chosen && some.metric("tokens") > 0)
      try scratch.imported("pairs.jsonl", PreferenceTrainTests.preferences(0..<5), "--step", "1")
      _ = try scratch.trained(1, flags)
      #expect(try scratch.updates(1).count == 5)
    }

    /// Demonstrations beside rollouts, in one step or from others: with a coefficient they count, without they do not
    /// and it is said.
    @Test func besideRollouts() throws {
      try scratch.generate(0, "--temperature", "0.8").expect()
      try scratch.score(0).expect()
      try scratch.imported("demonstrations.jsonl", Self.demonstrations, "--step", "0")
      let plain = try scratch.evaluated(0, ["--where", "kind = sample"])
      let without = try scratch.train(0, "--evaluate", "--json").expect(naming: "12 demonstrations count for nothing")
      #expect(try abs(without.json().metric("loss") - plain.metric("loss")) < 1e-6)
      #expect(try without.json().metric("tokens") == plain.metric("tokens"))
      let with = try scratch.evaluated(0, ["--set", "demonstration_coef=0.5"])
      let sft = try scratch.evaluated(0, ["--recipe", "sft", "--where", "kind = demonstration", "--precision", "f32"])
      #expect(try abs(with.metric("loss") - plain.metric("loss") - 0.5 * with.metric("nll_loss")) < 1e-6)
      // At another temperature: the rollouts' is that of the step.
      #expect(try abs(with.metric("nll_loss") - sft.metric("loss")) < 0.2)
      try scratch.inCopy {
        let flags = ["--recipe", "ppo-ptx", "--reference", "start"]
        let json = try scratch.trained(0, flags)
        #expect(try json.metric("nll_tokens") == sft.metric("tokens") && json.metric("nll_loss") > 1)
        #expect(try scratch.updates(0).count == 32 + 12)
      }
      try scratch.train(
        0, "--recipe", "ppo-ptx", "--reference", "start", "--where", "kind = sample", "--evaluate"
      ).expect(naming: "there are none", "--mix")
      let dpo = ["--recipe", "dpo", "--reference", "start"]
      try scratch.run("rollbook-train", scratch.trainArguments(0, dpo + ["--evaluate"])).expect(
        naming: "count for nothing")
      let mixed = try scratch.trained(0, dpo + ["--set", "demonstration_coef=0.5"])
      #expect(try mixed.metric("nll_tokens") == sft.metric("tokens"))
      #expect(try abs(mixed.metric("loss") - log(2) - 0.5 * mixed.metric("nll_loss")) < 1e-6)
    }
  }
}
