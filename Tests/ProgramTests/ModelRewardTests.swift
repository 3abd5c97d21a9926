import Formats
import Foundation
import TestSupport
import Testing

extension ProgramTests {
  /// Rewards that models compute: reward models, log-probabilities, critics.
  @Suite struct ModelRewardTests {
    let scratch: Scratch

    init() throws {
      scratch = try Scratch(inMemory: true)
      try scratch.initialise()
    }

    // MARK: - Log-probabilities

    /// Of the policy that sampled: the stored log-probabilities, to the bit.
    @Test(arguments: [[], ["--temperature", "0.7"], ["--temperature", "0"], ["--precision", "f32"]])
    func ofTheSampler(flags: [String]) throws {
      try scratch.run("rollbook-generate", scratch.generateArguments(0, flags + ["--groups-per-shard", "3"])).expect()
      let found = try scratch.modelScores([
        "logprob=latest", "kl=step:0=0", "logprob:path=latest,per=token", "kl:path=latest,temperature=2",
      ])
      let expected = try scratch.allRollouts().map { ($0.logprobs ?? []).map { Double($0) } }
      #expect(found.count == 32)
      for (row, logprobs) in zip(found, expected) {
        let sum = logprobs.reduce(0, +)
        if try scratch.isBatchInvariant() {
          #expect(row.components[0] == sum && row.components[1] == 0)
          #expect(row.components[2] == sum / Double(logprobs.count))
        }
        #expect(abs((row.components[0] ?? .nan) - sum) < 0.3)
        #expect(row.components[3] != 0)
      }
    }

    /// Tokens that the policy did not say itself do not count; text without a prompt begins after its first token.
    @Test func masksAndTexts() throws {
      try scratch.generate(0).expect()
      let manifest = try scratch.manifest(scratch.rolloutShard(0).replacing(".arrow", with: ".json"))
      let precision = try #require(manifest.action.parameters["precision"])
      let export = scratch.folder + "/rows.jsonl"
      try scratch.run("rollbook", ["export", scratch.buffer, "jsonl", "--output", export]).expect()
      let whole = try scratch.allRollouts()
      let lines = try String(contentsOfFile: export, encoding: .utf8).split(separator: "\n").map {
        try JSON.parse(String($0))
      }
      let masked = lines.map { line -> JSON in
        let count = line["response_tokens"]?.array?.count ?? 0
        return line.with("response_mask", .array((0..<count).map { .bool($0 % 2 == 0) }))
      }
      scratch.buffer = scratch.folder + "/masked"
      try scratch.initialise()
      try scratch.imported("masked.jsonl", masked)
      for (rollout, row) in zip(whole, try scratch.modelScores(["logprob:path=latest,precision=\(precision)"])) {
        let counted = (rollout.logprobs ?? []).enumerated().filter { $0.offset % 2 == 0 }.map { Double($0.element) }
        #expect(abs((row.reward ?? .nan) - counted.reduce(0, +)) < 1e-4, "\(rollout.promptID)")
      }
    }

    // MARK: - Goldens

    /// Scores, values and log-probabilities of tiny models of every architecture, computed in float64 elsewhere.
    @Test(arguments: [
      "tiny-llama", "tiny-llama3", "tiny-qwen2", "tiny-qwen3", "tiny-mistral", "tiny-llama-bf16", "tiny-qwen2-sharded",
    ])
    func goldens(name: String) throws {
      let source = "\(Golden.folder)/models/\(name)", model = scratch.folder + "/model"
      let golden = try JSON.parse(contentsOf: source + "/golden.json")
      try FileManager.default.createDirectory(atPath: model, withIntermediateDirectories: true)
      for file in try FileManager.default.contentsOfDirectory(atPath: source) where file.hasPrefix("model") {
        try FileManager.default.copyItem(atPath: "\(source)/\(file)", toPath: "\(model)/\(file)")
      }
      let config = try JSON.parse(contentsOf: source + "/config.json")
      let head = try Safetensors(path: source + "/golden.safetensors")
      let writer = try SafetensorsWriter(
        path: model + "/value_head.safetensors",
        tensors: [
          .init(name: "value.weight", shape: [config["hidden_size"]?.int ?? 0]), .init(name: "value.bias", shape: [1]),
        ])
      for tensor in ["value.weight", "value.bias"] { try writer.append(tensor, head.read(tensor)) }
      try writer.finish()
      let sequences = try #require(golden["sequences"]?.array), values = golden["value"]?["sequences"]?.array ?? []
      let rows: [JSON] = sequences.enumerated().map { index, sequence in
        let ids = sequence["ids"]?.array ?? []
        return [
          "id": .string("0000000000000000000000000000000\(index)"), "step": 0, "group": .int(index), "sample": 0,
          "kind": "sample", "prompt_id": .string("\(index)"), "prompt_text": "", "response_text": "",
          "finish_reason": "stop", "policy": "", "seed": 0,
          "prompt_tokens": .array(Array(ids.prefix(3))), "response_tokens": .array(Array(ids.dropFirst(3))),
        ]
      }
      try scratch.imported("rows.jsonl", rows)
      func write(_ architecture: String) throws {
        try config.with("architectures", [.string(architecture)]).serialized()
          .write(toFile: model + "/config.json", atomically: false, encoding: .utf8)
      }
      let settings = "path=\(model),tokens=stored,precision=f32"
      try write("SomeForSequenceClassification")
      let scores = try scratch.modelScores(["model:\(settings)", "value:\(settings)", "value:\(settings),at=end"])
      try write("SomeForCausalLM")
      let logprobs = try scratch.modelScores(["logprob:\(settings)", "logprob:\(settings),per=token"], set: "logprobs")
      #expect(scores.count == sequences.count && values.count == sequences.count)
      for (index, (score, logprob)) in zip(scores, logprobs).enumerated() {
        let value = (values[index]["values"]?.array ?? []).compactMap(\.double)
        for (found, expected) in zip(score.components, [value[value.count - 1], value[2], value[value.count - 2]]) {
          #expect(abs((found ?? .nan) - expected) <= 5e-5)
        }
        let tokens = (sequences[index]["logprobs"]?.array ?? []).compactMap(\.double).dropFirst(2)
        let sum = tokens.reduce(0, +)
        #expect(abs((logprob.components[0] ?? .nan) - sum) <= 5e-5 * Double(tokens.count))
        #expect(abs((logprob.components[1] ?? .nan) - sum / Double(tokens.count)) <= 5e-5)
      }
    }

    // MARK: - Values

    /// A critic that nothing has trained says 0; a trained one differs along the response.
    @Test(arguments: [["--critic", "policy"], ["--critic", "shared"]])
    func values(flags: [String]) throws {
      try scratch.generate(0).expect()
      try scratch.score(0).expect()
      _ = try scratch.trained(0, ["--recipe", "ppo", "--critic-lr", "1e-2"] + flags)
      let rows = try scratch.modelScores(
        ["value=step:1", "value:path=step:1,at=end", "value:path=step:1,at=mean"], set: "values")
      // All responses of a group have the same prompt.
      #expect(Set(rows.map { $0.components[0] }).count == Set(rows.map(\.promptID)).count)
      let ends = rows.map { $0.components[1] }
      #expect(Set(ends).count > 8 && ends != rows.map { $0.components[2] })
      try scratch.refuseReward(65, "value=step:0", ["critic", "step-000000"])
    }

    // MARK: - What is not a reward model

    @Test func wrongModels() throws {
      try scratch.generate(0).expect()
      let path = try scratch.classifier("rm")
      try scratch.refuseReward(65, "model=step:0", ["reward model", "LlamaForCausalLM", "logprob="])
      try scratch.refuseReward(65, "logprob=\(path)", ["language model", "LlamaForSequenceClassification"])
      try scratch.refuseReward(69, "model=/nowhere", ["/nowhere"])
      try scratch.refuseReward(69, "kl=step:7", ["step-000007"])
      try scratch.refuseReward(64, "model", ["model="])
      try scratch.refuseReward(64, "model:path=\(path),tokens=mine", ["stored", "template"])
      try scratch.refuseReward(64, "model:path=\(path),std=0", ["std"])
      try scratch.refuseReward(64, "model:path=\(path),precision=f16", ["precision", "f32"])
      try scratch.refuseReward(64, "model:path=\(path),batch-tokens=0", ["batch-tokens"])
      try scratch.refuseReward(64, "logprob:path=latest,temperature=-1", ["temperature"])
      try scratch.refuseReward(64, "value:path=latest,at=start", ["at=start", "prompt"])
      try scratch.refuseReward(65, "model:path=\(path),mean=config", ["config.json", "mean"])
      try scratch.refuseReward(65, "model=\(try scratch.classifier("labels", labels: 3))", ["several labels"])
      let small = try scratch.classifier("small") { $0.with("vocab_size", 32) }
      try scratch.refuseReward(65, "model=\(small)", ["vocabulary of 32", "small"])
      let bare = try scratch.classifier("bare")
      try FileManager.default.removeItem(atPath: bare + "/tokenizer.json")
      try scratch.refuseReward(69, "model=\(bare)", ["tokenizer.json", "tokens=stored"])
      let stored = try scratch.modelScores(["model:path=\(bare),tokens=stored"], set: "bare")
      #expect(stored.allSatisfy { $0.reward != nil })
      let weights = path + "/model.safetensors"
      let file = try FileHandle(forUpdating: URL(fileURLWithPath: weights))
      try file.truncate(atOffset: 5000)
      try file.close()
      try scratch.refuseReward(65, "model=\(path)", ["model.safetensors"])
    }
  }
}
