import Formats
import Foundation
import TestSupport
import Testing

@Suite struct CheckpointTests {
  static let step = 12

  static func manifest() -> Manifest {
    var manifest = sampleManifest(.checkpoint, step: step)
    manifest.name = ""
    return manifest
  }

  /// Writes a whole checkpoint of a golden model, without publishing it.
  static func stage(
    _ buffer: Buffer, _ fileSystem: any FileSystem = LocalFileSystem(), from source: ModelFiles, type: TensorType = .f32
  ) throws -> CheckpointWriter {
    let writer = try CheckpointWriter(buffer: buffer, step: step, fileSystem: fileSystem)
    try writer.writeConfig(source.config, generationConfig: source.generationConfig, type: type)
    try writer.writeFile("tokenizer.json", Array("{}".utf8))
    let parameters = source.weights.tensors.map {
      SafetensorsWriter.Tensor(name: $0.name, shape: $0.shape, type: type)
    }
    let weights = try writer.tensorFile(CheckpointWriter.weightsName, parameters)
    for tensor in parameters { try weights.append(tensor.name, source.weights.read(tensor.name)) }
    _ = try weights.finish()
    let moments = ["m", "v"].flatMap { moment in
      parameters.map { SafetensorsWriter.Tensor(name: "\(moment).\($0.name)", shape: $0.shape) }
    }
    let optimizer = try writer.tensorFile(CheckpointWriter.optimizerName, moments)
    for (index, tensor) in moments.enumerated() {
      try optimizer.append(
        tensor.name, [Float](repeating: Float(index), count: tensor.shape.reduce(1, *)))
    }
    _ = try optimizer.finish()
    try writer.writeTrainerState(["step": .int(step), "adam_step": 3])
    return writer
  }

  private static func smallest() throws -> ModelFiles {
    let folder = try #require(ModelFilesTests.folders.first)
    return try ModelFiles.open(path: "\(ModelFilesTests.models)/\(folder)")
  }

  @Test(arguments: ModelFilesTests.folders.map { "\(ModelFilesTests.models)/\($0)" } + ModelFilesTests.ggufs)
  func everyGoldenModelSurvives(path: String) throws {
    let scratch = try ScratchFolder()
    let buffer = try Buffer.open(path: scratch.path + "/run", create: true)
    let source = try ModelFiles.open(path: path)
    let outcome = try Self.stage(buffer, from: source).publish(Self.manifest())
    let manifest = outcome.manifest
    #expect(outcome == .published(manifest) && manifest.name == "step-000012")
    #expect(
      manifest.files?.map(\.name) == [
        "config.json", "generation_config.json", "model.safetensors", "optimizer.safetensors", "tokenizer.json",
        "trainer_state.json",
      ])
    #expect(entries(buffer.staging).filter { !$0.hasSuffix(".lock") }.isEmpty)

    let checkpoint = try Checkpoint.open(buffer.checkpointFolder(step: Self.step))
    try checkpoint.verify()
    #expect(checkpoint.manifest == manifest && checkpoint.step == Self.step)
    #expect(try buffer.latestCheckpoint() == manifest)
    let model = try checkpoint.model()
    #expect(model.weights.tensors.map(\.name) == source.weights.tensors.map(\.name))
    for tensor in source.weights.tensors {
      #expect(try model.weights.read(tensor.name) == source.weights.read(tensor.name))
    }
    #expect(try model.weightsDigest == Digest.file(checkpoint.folder + "/model.safetensors"))
    #expect(model.weightsDigest == checkpoint.weightsDigest)
    #expect(model.config["dtype"] == "float32" && model.config["torch_dtype"] == "float32")
    for member in source.config.object?.members ?? [] where !member.key.hasSuffix("dtype") {
      #expect(model.config[member.key] == member.value)
    }
    let optimizer = try #require(try checkpoint.optimizer())
    let names = source.weights.tensors.map(\.name)
    #expect(optimizer.tensors.map(\.name) == names.map { "m.\($0)" } + names.map { "v.\($0)" })
    #expect(try optimizer.read("v.\(names[0])").first == Float(names.count))
    #expect(try checkpoint.trainerState() == ["step": .int(Self.step), "adam_step": 3])
  }

  @Test func publishingAgainIsANoOp() throws {
    let scratch = try ScratchFolder()
    let buffer = try Buffer.open(path: scratch.path, create: true)
    let source = try Self.smallest()
    let first = try Self.stage(buffer, from: source).publish(Self.manifest()).manifest
    #expect(try Self.stage(buffer, from: source).publish(Self.manifest()) == .alreadyThere(first))
    let other = try Self.stage(buffer, from: source)
    try other.writeTrainerState(["step": 13])
    #expect(rollbookError({ _ = try other.publish(Self.manifest()) })?.code == .badInput)
    try Checkpoint.open(buffer.checkpointFolder(step: Self.step)).verify()
  }

  /// Whatever operation fails, and whether it took effect or not: all of the checkpoint is there, or nothing is, and
  /// doing it again gives the same.
  @Test(arguments: FailingFileSystem.Failure.allCases)
  func aFailureAtAnyOperationLeavesAllOrNothing(failure: FailingFileSystem.Failure) throws {
    let source = try Self.smallest()
    let whole = try ScratchFolder()
    let expected = try Self.stage(Buffer.open(path: whole.path, create: true), from: source).publish(Self.manifest())
    var failing = 0
    var done = false
    while !done {
      let scratch = try ScratchFolder()
      let buffer = try Buffer.open(path: scratch.path, create: true)
      let fileSystem = FailingFileSystem(failing: failing, failure)
      let succeeded = try succeeds {
        _ = try Self.stage(buffer, fileSystem, from: source).publish(Self.manifest())
      }
      done = fileSystem.operations.count <= failing
      #expect(succeeded || !done, "\(fileSystem.operations.last ?? "")")
      #expect(!succeeded || exists(buffer.checkpointFolder(step: Self.step)))
      for name in entries(buffer.checkpoints) {
        try Checkpoint.open("\(buffer.checkpoints)/\(name)").verify()
      }
      let manifest = try Self.stage(buffer, from: source).publish(Self.manifest()).manifest
      #expect(manifest.digest == expected.manifest.digest)
      try Checkpoint.open(buffer.checkpointFolder(step: Self.step)).verify()
      failing += 1
    }
    #expect(failing > 20)
  }

  @Test func aWriterThatStopsLeavesOnlyStaging() throws {
    let scratch = try ScratchFolder()
    let buffer = try Buffer.open(path: scratch.path, create: true)
    let writer = try CheckpointWriter(buffer: buffer, step: Self.step)
    #expect(rollbookError({ _ = try CheckpointWriter(buffer: buffer, step: Self.step) })?.code == .io)
    try writer.writeFile("stale.txt", [1])
    #expect(rollbookError({ _ = try writer.publish(Self.manifest()) })?.message.contains("config.json") == true)
    try writer.writeConfig(["model_type": "llama"], generationConfig: nil)
    let weights = try writer.tensorFile(CheckpointWriter.weightsName, [.init(name: "a", shape: [3])])
    try weights.append("a", [1])
    #expect(rollbookError({ _ = try writer.publish(Self.manifest()) }) != nil)
    for name in ["", ".", "..", "a/b", "manifest.json", "a\0"] {
      #expect(rollbookError({ try writer.writeFile(name, []) })?.code == .bug)
    }
    #expect(rollbookError({ _ = try writer.publish(sampleManifest(.rollouts)) })?.code == .bug)
    #expect(entries(buffer.checkpoints).isEmpty && exists(writer.folder))
  }

  @Test func whatAnEarlierWriterLeftIsNotPublished() throws {
    let scratch = try ScratchFolder()
    let buffer = try Buffer.open(path: scratch.path, create: true)
    do { try CheckpointWriter(buffer: buffer, step: Self.step).writeFile("stale.txt", [1]) }
    let manifest = try Self.stage(buffer, from: Self.smallest()).publish(Self.manifest()).manifest
    #expect(manifest.files?.contains { $0.name == "stale.txt" } == false)
  }

  @Test func configsKeepTheirKeys() throws {
    let scratch = try ScratchFolder()
    let buffer = try Buffer.open(path: scratch.path, create: true)
    let writer = try CheckpointWriter(buffer: buffer, step: 1)
    let config: JSON = [
      "model_type": "qwen2", "torch_dtype": "float16", "quantization_config": ["bits": 4], "rope_scaling": .null,
      "own": [1.0, 2],
    ]
    try writer.writeConfig(config, generationConfig: nil, type: .bf16)
    let expected = #"""
      {
        "model_type": "qwen2",
        "torch_dtype": "bfloat16",
        "rope_scaling": null,
        "own": [
          1.0,
          2
        ],
        "dtype": "bfloat16",
        "architectures": [
          "Qwen2ForCausalLM"
        ]
      }

      """#
    #expect(String(decoding: try fileBytes(writer.folder + "/config.json"), as: UTF8.self) == expected)
    #expect(!exists(writer.folder + "/generation_config.json"))
    #expect(rollbookError({ try writer.writeConfig([], generationConfig: nil) })?.code == .bug)
  }

  @Test func damageIsFoundAndNamed() throws {
    let scratch = try ScratchFolder()
    let buffer = try Buffer.open(path: scratch.path, create: true)
    _ = try Self.stage(buffer, from: Self.smallest()).publish(Self.manifest())
    let folder = buffer.checkpointFolder(step: Self.step)
    func damaged(
      _ name: String, _ change: (inout [UInt8]) -> Void, _ body: () throws -> Void
    ) throws -> RollbookError? {
      let sound = try fileBytes("\(folder)/\(name)")
      var bytes = sound
      change(&bytes)
      try overwrite("\(folder)/\(name)", bytes)
      defer { try? overwrite("\(folder)/\(name)", sound) }
      return rollbookError(body)
    }
    for name in ["model.safetensors", "optimizer.safetensors", "config.json"] {
      let short = try damaged(name, { $0.removeLast() }, { _ = try Checkpoint.open(folder) })
      #expect(short?.code == .badInput && short?.place == "\(folder)/\(name)")
      let flipped = try damaged(name, { $0[$0.count / 2] ^= 1 }, { try Checkpoint.open(folder).verify() })
      #expect(flipped?.code == .badInput && flipped?.place == "\(folder)/\(name)")
    }
    // A changed file of another size is read again, not taken at the manifest's word.
    let stated = try ModelFiles.open(path: folder).weightsDigest
    let path = "\(folder)/model.safetensors"
    let sound = try fileBytes(path)
    let writer = try SafetensorsWriter(path: path, tensors: [])
    let other = try writer.finish().digest
    #expect(try ModelFiles.open(path: folder).weightsDigest == other && other != stated)
    try overwrite(path, sound)
    try Checkpoint.open(folder).verify()

    try FileManager.default.removeItem(atPath: path)
    let gone = rollbookError({ _ = try Checkpoint.open(folder) })
    #expect(gone?.code == .missing && gone?.place == path)
    try FileManager.default.removeItem(atPath: folder + "/manifest.json")
    #expect(rollbookError({ _ = try Checkpoint.open(folder + "/") })?.code == .missing)
  }

  @Test(arguments: ["../x", "/etc/passwd", "a//b", "."])
  func filesOutsideTheFolderAreRefused(name: String) throws {
    let scratch = try ScratchFolder()
    var manifest = Self.manifest()
    manifest.name = "step-000012"
    manifest.files = [.init(name: name, bytes: 0, digest: "")]
    _ = try scratch.file("manifest.json", Array(manifest.serialized().utf8))
    #expect(rollbookError({ _ = try Checkpoint.open(scratch.path) })?.code == .badInput)
  }
}
