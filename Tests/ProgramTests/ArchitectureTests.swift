import Formats
import Foundation
import Testing

extension ProgramTests {
  /// The loop with models that are no plain Llama, begun from changed copies of the example's config.json.
  @Suite struct ArchitectureTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch(inMemory: true) }

    /// The example with other members in its config.json; its path.
    private func example(_ changes: JSONObject) throws -> String {
      let folder = "\(scratch.folder)/example"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
      for name in ["tokenizer.json", "tokenizer_config.json"] {
        try FileManager.default.copyItem(atPath: "\(Scratch.example)/\(name)", toPath: "\(folder)/\(name)")
      }
      var config = try #require(JSON.parse(contentsOf: "\(Scratch.example)/config.json").object)
      for member in changes.members { config[member.key] = member.value }
      config["architectures"] = nil
      try Data(JSON.object(config).bytes()).write(to: URL(fileURLWithPath: "\(folder)/config.json"))
      return "\(folder)/config.json"
    }

    static let cases: [(JSONObject, tensors: Int)] = [
      (["model_type": "mistral", "sliding_window": .null, "tie_word_embeddings": false], 29 + 1),
      (["model_type": "qwen2", "use_sliding_window": false, "sliding_window": 64], 29 + 9),
      (["model_type": "qwen3", "head_dim": 24], 29 + 6),
      (
        [
          "model_type": "llama", "rope_theta": 500.0,
          "rope_scaling": [
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 16,
          ],
        ], 29
      ),
    ]

    @Test(arguments: cases.indices)
    func theLoop(index: Int) throws {
      let (changes, tensors) = Self.cases[index], config = try example(changes)
      try scratch.run("rollbook-train", ["--buffer", scratch.buffer, "--step", "0", "--init", config]).expect()
      for step in 0..<2 {
        try scratch.generate(step).expect()
        try scratch.score(step).expect()
        let summary = try scratch.train(step, "--on-policy", "--json").expect().json()
        let difference = try #require(summary["rollout_logp_diff_max"]?.double)
        #expect(try scratch.isBatchInvariant() ? difference == 0 : difference < 1e-4)
      }
      let given = try #require(JSON.parse(contentsOf: config).object)
      let models = try (0...2).map { try ModelFiles.open(path: scratch.path("checkpoints/\(Buffer.stepName($0))")) }
      for model in models {
        #expect(model.weights.tensors.count == tensors)
        for member in given.members where member.key != "torch_dtype" {
          #expect(model.config[member.key] == member.value, "\(member.key)")
        }
        let name = (given["model_type"]?.string ?? "").capitalized + "ForCausalLM"
        #expect(model.config["architectures"] == [.string(name)])
      }
      // What begins as zeros or ones is trained as well.
      for tensor in models[0].weights.tensors where tensor.shape.count == 1 {
        let before = try models[0].weights.read(tensor.name), after = try models[2].weights.read(tensor.name)
        #expect(before.allSatisfy { $0 == (tensor.name.hasSuffix(".bias") ? 0 : 1) })
        #expect(after != before && after.allSatisfy { $0.isFinite }, "\(tensor.name)")
      }
    }

    @Test func unsupportedModelsAreRefusedByName() throws {
      let config = try example(["model_type": "mistral", "sliding_window": 16])
      try scratch.run("rollbook-train", ["--buffer", scratch.buffer, "--step", "0", "--init", config])
        .expect(65, naming: config, "'sliding_window' is 16", "max_position_embeddings 128")
      #expect(!FileManager.default.fileExists(atPath: scratch.path("checkpoints/step-000000")))
    }
  }
}
