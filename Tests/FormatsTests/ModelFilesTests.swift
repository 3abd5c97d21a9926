import Formats
import Foundation
import TestSupport
import Testing

@Suite struct ModelFilesTests {
  static let models = "\(Golden.folder)/models"
  static let folders = entries(models).filter { FileManager.default.fileExists(atPath: "\(models)/\($0)/config.json") }
  static let ggufs = GGUFTests.described.map { "\(GGUFTests.folder)/\($0)" }

  @Test func thereAreGoldens() {
    #expect(!Self.folders.isEmpty && !Self.ggufs.isEmpty)
  }

  @Test(arguments: folders.map { "\(models)/\($0)" } + ggufs)
  func everyTensorHasTheShapeOfTheConfig(path: String) throws {
    let files = try ModelFiles.open(path: path)
    #expect(files.path == path)
    #expect(!files.weights.tensors.isEmpty)
    for tensor in files.weights.tensors {
      #expect(tensor.shape == files.config.expectedShape(tensor.name), "\(tensor.name)")
      #expect(files.weights.info(tensor.name) == tensor)
      let values = try files.weights.read(tensor.name)
      #expect(values.count == tensor.elementCount && values.allSatisfy { $0.isFinite })
    }
    let layers = try #require(files.config["num_hidden_layers"]?.int)
    #expect(files.weights.info("model.layers.\(layers - 1).mlp.down_proj.weight") != nil)
    #expect(files.weights.info("model.layers.\(layers).mlp.down_proj.weight") == nil)
    #expect((files.weights.info("lm_head.weight") == nil) == files.config["tie_word_embeddings"]?.bool)
    let error = rollbookError({ _ = try files.weights.read("model.none") })
    #expect(error?.code == .missing && error?.message.contains("'model.none'") == true && error?.hint != nil)
  }

  @Test(arguments: folders)
  func digestsFollowTheRecipe(folder: String) throws {
    let root = "\(Self.models)/\(folder)"
    let files = try ModelFiles.open(path: root)
    let names = entries(root, suffix: ".safetensors").filter { $0.hasPrefix("model") }
    if names == ["model.safetensors"] {
      #expect(try files.weightsDigest == Digest.file("\(root)/model.safetensors"))
    } else {
      let lines = try names.map { "\(try Digest.file("\(root)/\($0)").dropFirst(9))  \($0)\n" }
      #expect(files.weightsDigest == Digest.xxh3(lines.joined()))
    }
    #expect(try ModelFiles.open(path: root + "/").weightsDigest == files.weightsDigest)
    #expect(files.gguf == nil)
    #expect(files.generationConfig?.object != nil)
  }

  @Test func whatIsMissingIsNamed() throws {
    let source = "\(Self.models)/\(try #require(Self.folders.first))"
    let folder = try ScratchFolder()
    func fails(_ code: RollbookError.Code, _ words: String..., path: String? = nil) {
      let error = rollbookError({ _ = try ModelFiles.open(path: path ?? folder.path) })
      #expect(error?.code == code && error?.hint != nil)
      for word in words { #expect(error?.description.contains(word) == true, "\(word)") }
    }
    fails(.missing, "/none", path: folder.path + "/none")
    fails(.missing, "config.json")
    _ = try folder.file("model.Q4_0.gguf", [])
    fails(.missing, "config.json", "model.Q4_0.gguf")
    try FileManager.default.removeItem(atPath: folder.path + "/model.Q4_0.gguf")
    _ = try folder.file("config.json", fileBytes(source + "/config.json"))
    fails(.missing, "model.safetensors")
    _ = try folder.file("pytorch_model.bin", [])
    fails(.missing, "model.safetensors", "pytorch_model.bin")
    fails(.badInput, "folder", path: source + "/golden.safetensors")
    _ = try folder.file("a.gguf", Array("what".utf8))
    fails(.badInput, "a.gguf", path: folder.path + "/a.gguf")
    _ = try folder.file("config.json", Array("[]".utf8))
    #expect(rollbookError({ _ = try ModelFiles.open(path: folder.path) })?.place.hasSuffix("config.json") == true)
  }
}

/// GGUF files against the Hugging Face folders they were made from.
@Suite struct GGUFModelTests {
  static let pairs: [(gguf: String, source: String)] = {
    let spec = (try? JSON.parse(contentsOf: "\(GGUFTests.folder)/spec.json"))?.array ?? []
    return spec.compactMap { entry in
      guard let file = entry["file"]?.string, let source = entry["source"]?.string else { return nil }
      return ("\(GGUFTests.folder)/\(file)", "\(ModelFilesTests.models)/\(source)")
    }
  }()

  @Test func thereArePairs() {
    #expect(!Self.pairs.isEmpty)
  }

  @Test(arguments: pairs)
  func configSaysTheSame(gguf: String, source: String) throws {
    let found = try ModelFiles.open(path: gguf)
    let expected = try ModelFiles.open(path: source).config
    for key in [
      "hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads", "num_hidden_layers",
      "vocab_size", "max_position_embeddings", "rms_norm_eps", "tie_word_embeddings", "head_dim", "hidden_act",
    ] {
      guard let value = expected[key] else { continue }
      #expect(found.config[key] == value, "\(key)")
    }
    #expect(found.config["rope_parameters"] == expected["rope_parameters"])
    #expect(found.config["rope_theta"] == expected["rope_parameters"]?["rope_theta"])
    if expected["model_type"] != "mistral" {
      #expect(found.config["model_type"] == expected["model_type"])
      #expect(found.config["architectures"] == expected["architectures"])
      if let bias = expected["attention_bias"] { #expect(found.config["attention_bias"] == bias) }
    }
    #expect(found.config["dtype"] == "float32")
    #expect(try found.weightsDigest == Digest.file(gguf))
  }

  @Test(arguments: pairs)
  func tensorsAreTheSame(gguf: String, source: String) throws {
    let found = try ModelFiles.open(path: gguf).weights
    let expected = try ModelFiles.open(path: source).weights
    #expect(Set(found.tensors.map(\.name)) == Set(expected.tensors.map(\.name)))
    for tensor in found.tensors {
      #expect(tensor.shape == expected.info(tensor.name)?.shape)
      let values = try found.read(tensor.name)
      let original = try expected.read(tensor.name)
      switch tensor.type {
      case .f32: #expect(values == original, "\(tensor.name)")
      case .f16: #expect(values == original.map { Float(Float16($0)) }, "\(tensor.name)")
      case .bf16: #expect(values == original.map { SafetensorsWriterTests.nearestBF16($0) }, "\(tensor.name)")
      default:
        // Rows in another order would be off by more than their own length.
        let error = zip(values, original).reduce(Float(0)) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        let norm = original.reduce(Float(0)) { $0 + $1 * $1 }
        #expect(error < 0.0225 * norm, "\(tensor.name)")
      }
    }
  }

  @Test(arguments: pairs)
  func rowsReadAloneAreTheSame(gguf: String, source: String) throws {
    let weights = try ModelFiles.open(path: gguf).weights
    for tensor in weights.tensors where tensor.name.contains("layers.0.self_attn") {
      let whole = try weights.read(tensor.name)
      for rows in [0..<1, 1..<4, tensor.rowCount / 2 - 1..<tensor.rowCount, 2..<2] {
        var part = [Float](repeating: .nan, count: rows.count * tensor.rowElements)
        try part.withUnsafeMutableBufferPointer { try weights.read(tensor.name, rows: rows, into: $0) }
        #expect(part[...] == whole[rows.lowerBound * tensor.rowElements..<rows.upperBound * tensor.rowElements])
      }
      var none: [Float] = []
      none.withUnsafeMutableBufferPointer { none in
        let beyond = tensor.rowCount..<tensor.rowCount + 1
        #expect(rollbookError({ try weights.read(tensor.name, rows: beyond, into: none) })?.code == .badInput)
        #expect(rollbookError({ try weights.read(tensor.name, rows: 0..<2, into: none) })?.code == .badInput)
      }
    }
  }
}
