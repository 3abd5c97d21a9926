internal import Formats
internal import Foundation
internal import Kernels
internal import Model
internal import Objectives
internal import Pipeline
internal import Tokenizer

/// The model that a step trains, as it is found: files, where they are from, and what is trained of them.
struct Policy {
  let source: ModelReference
  let files: ModelFiles
  let tokenizer: Tokenizer
  let configuration: ModelConfiguration
  /// Where it is one of the buffer's.
  let checkpoint: Checkpoint?
  /// The adapter to train; nil for the weights themselves.
  let adapter: AdapterConfiguration?
  /// The weights that the run began with: path, relative to the buffer where inside, and digest.
  let origin: Manifest.Input

  init(_ model: String, _ buffer: Buffer, step: Int, adapter options: AdapterOptions) throws {
    source = try ModelReference.find(model, in: buffer, upTo: step)
    files = try ModelFiles.open(path: source.path)
    tokenizer = try Tokenizer.load(files)
    configuration = try ModelConfiguration(files.config, place: source.path)
    checkpoint = try source.step.map { try Checkpoint.open(buffer.checkpointFolder(step: $0)) }
    let path = Self.lasting(source, buffer)
    adapter = try options.configuration(continuing: files.adapter?.configuration, base: path)
    origin =
      try Self.origin(checkpoint, buffer) ?? Manifest.Input(role: "start", name: path, digest: files.weightsDigest)
  }

  /// A path that means the same from everywhere: relative to the buffer where inside, else absolute.
  private static func lasting(_ source: ModelReference, _ buffer: Buffer) -> String {
    let isAverage = source.path.hasSuffix("/ema") && ModelFiles.averaged(source.path) != nil
    if let step = source.step {
      return buffer.relative(buffer.checkpointFolder(step: step)) + (isAverage ? "/ema" : "")
    }
    return URL(fileURLWithPath: source.path).standardized.path
  }

  /// What the checkpoint says of its run's start; for one that says nothing, what its forebears lead back to.
  private static func origin(_ checkpoint: Checkpoint?, _ buffer: Buffer) throws -> Manifest.Input? {
    guard var manifest = checkpoint?.manifest else { return nil }
    if let start = try checkpoint?.trainerState()?["start"], let name = start["name"]?.string,
      let digest = start["digest"]?.string
    {
      return Manifest.Input(role: "start", name: name, digest: digest)
    }
    var found: Manifest.Input?
    while manifest.action.stage == "train", let policy = manifest.inputs.first(where: { $0.role == "policy" }) {
      found = Manifest.Input(role: "start", name: policy.name, digest: policy.digest)
      let earlier = try buffer.manifests(.checkpoint).first { buffer.relative(buffer.path(of: $0)) == policy.name }
      guard let earlier, earlier.step < manifest.step else { break }
      manifest = earlier
    }
    return found
  }

  /// Whether a new adapter begins: the optimizer then begins, too.
  var isFreshAdapter: Bool { adapter != nil && files.adapter == nil }
  /// What the adapter is trained on.
  var base: Manifest.Input? {
    guard let adapter else { return nil }
    return Manifest.Input(
      role: "base", name: adapter.baseModel ?? source.path, digest: files.adapter?.baseDigest ?? files.weightsDigest)
  }

  /// What was left to go on with.
  func state(fresh: Bool) throws -> TrainingState {
    guard let checkpoint, !fresh, !isFreshAdapter else { return TrainingState() }
    return TrainingState(
      updates: try checkpoint.updates(), optimizer: try checkpoint.optimizer(),
      average: try checkpoint.tensors(CheckpointWriter.averageName))
  }

  /// Reads what is trained into memory.
  func trainable(
    heads: [ValueHead] = [], frozen: [ParameterPattern], seed: Int, pool: ThreadPool
  ) throws -> Trainable {
    let weights = try Parameters(configuration, from: files, pool: pool)
    let adapter = try adapter.map { settings in
      try files.adapter.map { try Adapter($0, settings: settings, for: configuration, pool: pool) }
        ?? Adapter.fresh(configuration, settings, seed: UInt64(seed))
    }
    return try Trainable(weights, adapter: adapter, heads: heads, frozen: frozen)
  }
}

extension Policy {
  /// Refuses a reward model for a recipe that learns what to say.
  func check(_ recipe: Recipe) throws {
    if !recipe.needs.contains(.scores) { try files.checkSpeaks("recipe \(recipe.name)") }
  }
}

extension Checkpoint {
  /// Optimizer updates that led to it.
  func updates() throws -> Int { try trainerState()?["updates"]?.int ?? 0 }
}
