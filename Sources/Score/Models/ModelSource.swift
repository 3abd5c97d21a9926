internal import Formats
internal import Foundation
internal import Model
internal import Tokenizer

/// The files of a model that rewards ask, before any weights are read.
struct ModelSource {
  /// Where the head and the tokenizer are looked for.
  let root: String
  let path: String
  let config: JSON
  let configuration: ModelConfiguration
  let digest: String
  /// Nil for a critic, whose weights are a file beside the policy's.
  let files: ModelFiles?

  /// A language model, a reward model, or a policy with a head.
  /// - Throws: `missing` and `badInput` naming the file.
  init(opening path: String) throws {
    let files = try ModelFiles.open(path: path)
    self.init(
      path: path, config: files.config, configuration: try ModelConfiguration(files.config, place: path),
      digest: files.weightsDigest, files: files)
  }

  /// The critic beside the weights of a checkpoint.
  init(critic: Safetensors, of path: String) throws {
    let state = "\(path)/\(CheckpointWriter.trainerStateName)", own = "\(path)/config.json"
    let trainer = FileManager.default.fileExists(atPath: state) ? try JSON.parse(contentsOf: state) : JSON.null
    let config = try trainer["critic_config"] ?? JSON.parse(contentsOf: own)
    self.init(
      path: path, config: config, configuration: try ModelConfiguration(config, place: path),
      digest: try Digest.file(critic.path), files: nil)
  }

  private init(
    path: String, config: JSON, configuration: ModelConfiguration, digest: String, files: ModelFiles?
  ) {
    root = ModelFiles.averaged(path) ?? path
    (self.path, self.config, self.configuration) = (path, config, configuration)
    (self.digest, self.files) = (digest, files)
  }

  /// What its first architecture is called; "" where config.json does not say.
  var architecture: String { config["architectures"]?.array?.first?.string ?? "" }

  /// The score or the values that the files hold: averaged with the weights, in a file of their own, or among them.
  func head() throws -> ValueHead? {
    let own = "\(root)/\(CheckpointWriter.headName)"
    if root != path, let files, let head = try ValueHead(configuration, from: files.weights, path: path) { return head }
    if FileManager.default.fileExists(atPath: own) {
      return try ValueHead(configuration, from: try Safetensors(path: own), path: own)
    }
    if let files, let info = files.weights.info("score.weight"), info.shape != [1, configuration.hidden] {
      throw RollbookError.badInput(
        path, "score.weight has shape \(info.shape), expected [1, \(configuration.hidden)]",
        hint: info.shape.first.map { $0 > 1 } ?? false
          ? "a classifier with several labels is no reward model" : "config.json may be of another model")
    }
    return try files.flatMap { try ValueHead(configuration, from: $0.weights, path: path) }
  }

  /// Whether the head is in a file of its own, with the bias that Hugging Face's classifiers have not got.
  var hasOwnHead: Bool { FileManager.default.fileExists(atPath: "\(root)/\(CheckpointWriter.headName)") }

  /// Nil where there is none.
  /// - Throws: `badInput` for one that is damaged.
  func tokenizer() throws -> Tokenizer? {
    do {
      if let files { return try Tokenizer.load(files) }
      return try Tokenizer.load(folder: root)
    } catch let error as RollbookError where error.code == .missing { return nil }
  }
}
