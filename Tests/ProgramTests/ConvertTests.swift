import Formats
import Foundation
import TestSupport
import Testing

extension ProgramTests {
  @Suite struct ConvertTests {
    let scratch: Scratch

    init() throws { scratch = try Scratch(inMemory: true) }

    private func gguf(_ file: TinyGGUF, _ name: String = "model.gguf") throws -> String {
      var file = file
      let path = "\(scratch.folder)/\(name)"
      try Data(file.bytes()).write(to: URL(fileURLWithPath: path))
      return path
    }

    private func convert(_ arguments: String...) throws -> Outcome {
      try scratch.run("rollbook", ["convert"] + arguments)
    }

    private func left() throws -> [String] {
      try FileManager.default.contentsOfDirectory(atPath: scratch.folder).filter { $0.hasSuffix(".tmp") }
    }

    /// Sampling from the folder gives the tokens and log-probabilities of sampling from the file. (Not the ids of
    /// rollouts: they name the policy by the digest of its file.)
    @Test(arguments: ["llama", "qwen2"])
    func theFolderSamplesAsTheFile(architecture: String) throws {
      let model = try gguf(TinyGGUF(architecture: architecture)), folder = "\(scratch.folder)/out/model"
      let summary = try convert(model, folder, "--json").expect().json()
      #expect(summary["dtype"] == "float32" && summary["tokenizer"] == true)
      let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
      #expect(
        names == [
          "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
        ])
      let config = try JSON.parse(contentsOf: "\(folder)/tokenizer_config.json")
      #expect(config["chat_template"]?.string?.contains("<|im_start|>") == true)
      var found: [[String]] = []
      for (name, source) in [("file", model), ("folder", folder)] {
        scratch.buffer = "\(scratch.folder)/\(name)"
        try scratch.run(
          "rollbook-generate",
          [
            "--buffer", scratch.buffer, "--step", "0", "--model", source, "--prompts", Scratch.prompts,
            "--prompts-per-step", "4", "--group-size", "3", "--max-new-tokens", "12", "--seed", "3",
          ]
        ).expect()
        found.append(
          try scratch.rollouts(0).map {
            "\($0.promptTokens) \($0.responseTokens) \(($0.logprobs ?? []).map(\.bitPattern)) \($0.responseText)"
          })
      }
      #expect(found[0].count == 12)
      #expect(found[0] == found[1])
    }

    @Test(arguments: ["float32", "bfloat16", "float16"])
    func storedTypes(dtype: String) throws {
      let model = try gguf(TinyGGUF(architecture: "llama")), folder = "\(scratch.folder)/\(dtype)"
      try convert(model, folder, "--dtype", dtype).expect(naming: folder, dtype)
      let converted = try ModelFiles.open(path: folder), source = try ModelFiles.open(path: model)
      #expect(converted.config["dtype"]?.string == dtype && converted.config["torch_dtype"]?.string == dtype)
      let near: Float = dtype == "float32" ? 0 : dtype == "bfloat16" ? 0x1p-8 : 0x1p-11
      for tensor in source.weights.tensors {
        let a = try converted.weights.read(tensor.name), b = try source.weights.read(tensor.name)
        #expect(zip(a, b).allSatisfy { abs($0 - $1) <= near * abs($1) } && a.count == b.count, "\(tensor.name)")
      }
    }

    /// The golden files: what their folders hold is what the files hold, to the bit.
    @Test func goldenFiles() throws {
      let root = "\(Golden.folder)/gguf",
        names = try #require(JSON.parse(contentsOf: root + "/golden.json").object?.keys)
      for name in names {
        let folder = "\(scratch.folder)/\(name)"
        try convert("\(root)/\(name)", folder).expect(naming: "holds no tokenizer")
        let converted = try ModelFiles.open(path: folder), source = try ModelFiles.open(path: "\(root)/\(name)")
        #expect(converted.config == source.config && converted.generationConfig == source.generationConfig)
        #expect(Set(converted.weights.tensors.map(\.name)) == Set(source.weights.tensors.map(\.name)))
        for tensor in source.weights.tensors {
          #expect(converted.weights.info(tensor.name)?.shape == tensor.shape)
          let a = try converted.weights.read(tensor.name), b = try source.weights.read(tensor.name)
          #expect(a.map(\.bitPattern) == b.map(\.bitPattern), "\(name), \(tensor.name)")
        }
      }
    }

    @Test func whatIsThereIsNeverTouched() throws {
      let model = try gguf(TinyGGUF(architecture: "llama")), folder = "\(scratch.folder)/there"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
      try convert(model, folder).expect(64, naming: folder, "is there already")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).isEmpty)
      let file = try scratch.file("file", "text")
      try convert(model, file).expect(64, naming: file)
      #expect(try String(contentsOfFile: file, encoding: .utf8) == "text")
      try convert(model, folder + "/x/").expect()
      #expect(try left().isEmpty)
    }

    @Test func badInputLeavesNothing() throws {
      let target = "\(scratch.folder)/target"
      var strange = TinyGGUF(architecture: "llama")
      strange.addStranger("blk.0.attn_sinks\u{1B}[2J.weight")
      let outcome = try convert(try gguf(strange), target).expect(65, naming: "attn_sinks")
      #expect(!outcome.errors.contains("\u{1B}"))
      try convert(try gguf(TinyGGUF(architecture: "mamba")), target).expect(
        65, naming: "'mamba'", "llama, qwen2, qwen3")
      try convert("\(scratch.folder)/none.gguf", target).expect(69, naming: "none.gguf")
      try convert(Scratch.example, target).expect(69, naming: Scratch.example)
      var whole = TinyGGUF(architecture: "llama")
      let cut = "\(scratch.folder)/cut.gguf"
      try Data(whole.bytes().dropLast(1000)).write(to: URL(fileURLWithPath: cut))
      try convert(cut, target).expect(65, naming: "cut.gguf")
      try convert(cut, target, "--dtype", "int8").expect(64, naming: "int8")
      #expect(!FileManager.default.fileExists(atPath: target))
      #expect(try left().isEmpty)
    }
  }
}
