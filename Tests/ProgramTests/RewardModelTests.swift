import Formats
import Foundation
import Objectives
import Testing

extension ProgramTests {
  /// `--reward model=…`: reward models of our own and Hugging Face's.
  @Suite struct RewardModelTests {
    let scratch: Scratch

    init() throws {
      scratch = try Scratch(inMemory: true)
      try scratch.initialise()
    }

    /// However the rows are split, computed and interrupted: the same numbers, to the bit.
    @Test func splitsDoNotMatter() throws {
      try scratch.generate(0, "--groups-per-shard", "3").expect()
      let path = try scratch.classifier("rm")
      let first = try scratch.modelScores(["model=\(path)"], set: "one")
      #expect(Set(first.map(\.reward)).count > 16 && !first.contains { $0.reward == nil })
      guard try scratch.isBatchInvariant() else { return }
      let alone = try scratch.modelScores(["model:path=\(path),batch-tokens=7"], set: "two", "--threads", "1")
      #expect(alone.map(\.reward) == first.map(\.reward))
      // Every shard by a task of its own, the last one twice.
      for task in [2, 0, 1, 1] {
        _ = try scratch.modelScores(["model:path=\(path),tokens=stored"], set: "parts", "--shards", "\(task)/3")
      }
      #expect(try scratch.storedScores("parts").map(\.reward) == first.map(\.reward))
      let some = try scratch.modelScores(["model=\(path)"], set: "some", "--where", "sample = 2")
      #expect(some.map(\.reward) == first.map { $0.sample == 2 ? $0.reward : nil })
      // Left by a run that was killed: what it kept is not scored again.
      let long = try scratch.start(
        "rollbook-score",
        ["--buffer", scratch.buffer, "--step", "0", "--scores", "cut", "--reward", "model:path=\(path),batch-tokens=1"])
      long.poll { scratch.names("shards/scores").contains { $0.hasPrefix("cut") } }
      long.send(SIGKILL)
      _ = long.wait()
      let resumed = try scratch.modelScores(["model:path=\(path),batch-tokens=1"], set: "cut")
      #expect(resumed.map(\.reward) == first.map(\.reward))
      try scratch.rollbook("verify", "--deep").expect()
    }

    /// A component with a name of its own is the same wherever its model lies, and another for other weights.
    @Test func whereTheModelLies() throws {
      try scratch.generate(0).expect()
      let path = try scratch.classifier("rm"), moved = scratch.folder + "/moved"
      func run(_ path: String) throws -> Outcome {
        try scratch.run(
          "rollbook-score",
          ["--buffer", scratch.buffer, "--step", "0", "--reward", "model=\(path)=0.5; as rm", "--json"])
      }
      #expect(try run(path).expect().json()["made"]?.int == 1)
      try FileManager.default.moveItem(atPath: path, toPath: moved)
      #expect(try run(moved).expect().json()["made"]?.int == 0)
      let name = "shards/scores/\(Buffer.shardName(step: 0, part: 0, set: "main")).json".replacing(".arrow", with: "")
      let manifest = try scratch.manifest(name)
      #expect(manifest.action.kernels != "none" && manifest.inputs.contains { $0.role == "reward model" })
      try run(try scratch.classifier("other") { $0.with("rms_norm_eps", 1e-3) }).expect(64, naming: "config=")
    }

    /// The score is weight · hidden at the last token: of the same weights in PPO's critic, one token further on.
    @Test func lastTokenAndSettings() throws {
      try scratch.generate(0).expect()
      let path = try scratch.classifier("rm")
      let plain = try scratch.modelScores([
        "model=\(path)", "model:path=\(path),mean=2,std=4", "model:path=\(path),read=last",
      ])
      for row in plain {
        let score = try #require(row.components[0])
        #expect(row.components[1] == (score - 2) / 4 && row.components[2] == score)
      }
      // transformers skips tokens at the end that are its pad token.
      let padded = try scratch.classifier("padded") { $0.with("pad_token_id", 1).with("mean", 0.5).with("std", 2) }
      let rewards = [
        "model:path=\(padded),read=last", "model=\(padded)", "model:path=\(padded),mean=config,std=config",
      ]
      let rows = try scratch.modelScores(rewards, set: "pad")
      for ((row, plain), rollout) in zip(zip(rows, plain), try scratch.allRollouts()) {
        #expect(row.components[0] == plain.components[0])
        #expect((row.components[1] == row.components[0]) == (rollout.responseTokens.last != 1))
        #expect(row.components[2] == row.components[1].map { ($0 - 0.5) / 2 })
      }
      // The last tokens only: the same as the last but one with one token less to see.
      let cut = try scratch.modelScores(["model:path=\(path),max-tokens=4,truncate=left"], set: "cut")
      #expect(cut.map(\.reward) != plain.map { $0.components[0] })
      try scratch.refuseReward(65, "model:path=\(path),max-tokens=4", ["rollout", "truncate=left"])
    }

    /// Trained by `--recipe reward-model`, then asked.
    @Test func trainedHere() throws {
      try scratch.imported("train.jsonl", PreferenceTrainTests.preferences(0..<24), "--step", "0")
      _ = try scratch.trained(0, ["--recipe", "reward-model", "--epochs", "6", "--minibatches", "2"])
      let model = scratch.path("checkpoints/step-000001")
      let rows = try scratch.modelScores(["model=\(model)", "model:path=step:1,center=none", "value:path=\(model)"])
        .sorted { ($0.promptID, $0.sample) < ($1.promptID, $1.sample) }
      let chosen = Set(try scratch.allRollouts().filter { $0.kind == "chosen" }.map(\.id))
      var right = 0
      for (a, b) in zip(rows, rows.dropFirst()) where a.promptID == b.promptID {
        let (best, other) = chosen.contains(a.rollout) ? (a, b) : (b, a)
        if (best.components[0] ?? 0) > (other.components[0] ?? 0) { right += 1 }
      }
      #expect(right >= 22, "\(right) of 24 pairs")
      // Preferred responses score 0 in the mean, as training has moved the bias.
      let centred = rows.filter { chosen.contains($0.rollout) }.compactMap { $0.components[0] }
      #expect(abs(centred.reduce(0, +)) / 24 < 1e-3)
      let bias = try Safetensors(path: model + "/value_head.safetensors").read("value.bias")[0]
      for row in rows {
        #expect(abs((row.components[0] ?? 0) - (row.components[1] ?? 0) - Double(bias)) < 1e-5)
      }
      // With an adapter the score is in a file of its own.
      scratch.buffer = scratch.folder + "/lora"
      try scratch.initialise()
      try scratch.imported("train.jsonl", PreferenceTrainTests.preferences(0..<24), "--step", "0")
      _ = try scratch.trained(0, ["--recipe", "reward-model", "--lora", "4", "--epochs", "2"])
      #expect(Set(try scratch.modelScores(["model=step:1"]).map(\.reward)).count > 16)
    }

    /// A model of another tokenizer is shown the conversation by its own template, which here says the same tokens.
    @Test func otherTokenizer() throws {
      let rows: [JSON] = (0..<12).map { number in
        let turns: JSON = [
          ["role": "user", "content": .string("\(number % 10) \(number % 7)")],
          ["role": "assistant", "content": .string("\(number % 7) \(number % 10)")],
        ]
        return ["messages": turns]
      }
      try scratch.imported("rows.jsonl", rows, "--step", "0")
      let path = try scratch.classifier("rm"), other = try scratch.classifier("other")
      func change(_ name: String, _ change: (String) -> String) throws {
        let text = change(try String(contentsOfFile: "\(other)/\(name)", encoding: .utf8))
        try text.write(toFile: "\(other)/\(name)", atomically: false, encoding: .utf8)
      }
      try change("tokenizer.json") {
        $0.replacing("\"single_word\": false", with: "\"single_word\": true", maxReplacements: 1)
      }
      let stored = try scratch.modelScores(["model=\(path)"], set: "stored")
      #expect(Set(stored.map(\.reward)).count > 8)
      let outcome = try scratch.run(
        "rollbook-score",
        ["--buffer", scratch.buffer, "--step", "0", "--scores", "other", "--reward", "model=\(other)"])
      outcome.expect(naming: "another tokenizer")
      #expect(try scratch.storedScores("other").map(\.reward) == stored.map(\.reward))
      let rendered = try scratch.modelScores(["model:path=\(path),tokens=template"], set: "t")
      #expect(rendered.map(\.reward) == stored.map(\.reward))
      #expect(try scratch.modelScores(["model:path=\(path),tokens=text"], set: "text").allSatisfy { $0.reward != nil })
      try scratch.refuseReward(65, "logprob=\(scratch.folder)/speaker", ["tokenizer"]) {
        let speaker = scratch.folder + "/speaker"
        try FileManager.default.copyItem(atPath: scratch.path("checkpoints/step-000000"), toPath: speaker)
        try FileManager.default.removeItem(atPath: speaker + "/tokenizer.json")
        try FileManager.default.copyItem(atPath: other + "/tokenizer.json", toPath: speaker + "/tokenizer.json")
      }
      try change("tokenizer_config.json") { $0.replacing("{{ bos_token }}", with: "{{ strftime_now('%d') }}") }
      try scratch.refuseReward(65, "model=\(other)", ["rollout", "date="])
      let dated = try scratch.modelScores(["model:path=\(other),date=2026-11-21"], set: "day")
      #expect(dated.allSatisfy { $0.reward != nil })
      try change("tokenizer_config.json") { $0.replacing("chat_template", with: "no_template") }
      try scratch.refuseReward(65, "model=\(other)", ["chat template", "tokens=text"])
    }

    /// Whom BRPO draws is who scores 0.
    @Test func pairs() throws {
      try scratch.generate(0, "--groups-per-shard", "3").expect()
      let path = try scratch.classifier("rm")
      let rows = try scratch.modelScores(["pairwise=\(path)", "model=\(path)"], set: "main", "--seed", "5")
      let drawn = BRPO.references(groups: try scratch.allRollouts().map(\.group), seed: 5)
      #expect(drawn.count == 8)
      for (group, reference) in drawn.enumerated() {
        let other = try #require(rows[reference].components[1])
        for row in rows[group * 4..<group * 4 + 4] {
          let own = try #require(row.components[1])
          #expect(row.components[0] == (own > other ? 1 : own < other ? -1 : 0))
        }
        #expect(rows[reference].components[0] == 0)
      }
      #expect(try scratch.modelScores(["pairwise:path=\(path),margin=1000"], set: "ties").allSatisfy { $0.reward == 0 })
      // BRPO learns the same of both.
      let json = try scratch.trained(0, ["--recipe", "brpo", "--seed", "5", "--evaluate"])
      let same = try scratch.modelScores(["model=\(path)"], set: "model")
      #expect(same.map(\.reward) == rows.map { $0.components[1] })
      let other = try scratch.trained(0, ["--recipe", "brpo", "--seed", "5", "--evaluate", "--scores", "model"])
      #expect(json["groups_kept"] != nil && json["groups_kept"] == other["groups_kept"])
    }
  }
}
