import Foundation

/// A policy as Generate and Train open it: a Hugging Face folder, a published checkpoint, or a GGUF file.
package struct ModelFiles: Sendable {
  /// As given.
  package let path: String
  /// config.json; for a GGUF file the same facts, made from its metadata.
  package let config: JSON
  /// generation_config.json, if there is one; for a GGUF file its special tokens.
  package let generationConfig: JSON?
  /// The parameters under Hugging Face names, rows in Hugging Face's order.
  package let weights: any TensorSource
  /// The GGUF file, which also holds the tokenizer and its template; nil for a folder, where files do.
  package let gguf: GGUF?
  /// The identity of the policy: see `digest(ofWeights:)`; with an adapter, the adapter's.
  package let weightsDigest: String
  /// What is to be added to `weights`; `Transformer.packed` and `MergedWeights` do it.
  package var adapter: AdapterFiles?

  /// Refuses a reward model where a language model is wanted.
  /// - Parameter user: what wants one.
  /// - Throws: `badInput`.
  package func checkSpeaks(_ user: String) throws {
    guard let name = config["architectures"]?.array?.first?.string, name.hasSuffix("ForSequenceClassification") else { return }
    throw RollbookError.badInput(
      path, "\(user) needs a language model, found a reward model, \(name)",
      hint: "give the policy as --model, such as 'step:N'; a reward model can be what ppo's --critic begins as")
  }

  /// Opens and checks headers; weights are read on demand.
  ///
  /// - Parameters:
  ///   - path: A folder with config.json and model.safetensors (or model.safetensors.index.json and its files), a
  ///     folder with an adapter, `FOLDER/ema` for the averaged weights of a checkpoint, or a `.gguf` file.
  ///   - base: where the model of an adapter is now; nil for where the adapter says.
  /// - Throws: `RollbookError` `missing` naming what is not there; `badInput` for damaged or unsupported files.
  package static func open(path: String, base: String? = nil) throws -> ModelFiles {
    var isFolder: ObjCBool = false
    if let folder = averaged(path) { return try self.folder(folder, name: CheckpointWriter.averageName, base: base) }
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw RollbookError.missing(
        path, "expected a model folder or a .gguf file, found nothing", hint: "check the path of the model")
    }
    return isFolder.boolValue ? try folder(path, base: base) : try file(path)
  }

  /// The same model with its adapter added to the weights.
  package func merged() throws -> ModelFiles {
    guard let adapter else { return self }
    return ModelFiles(
      path: path, config: config, generationConfig: generationConfig, weights: try MergedWeights(weights, adapter),
      gguf: gguf, weightsDigest: weightsDigest)
  }

  private static func file(_ path: String) throws -> ModelFiles {
    if path.hasSuffix(".safetensors") {
      throw RollbookError.badInput(
        path, "expected a model folder or a .gguf file, found a file of weights",
        hint: "give the folder that holds it with its config.json and tokenizer")
    }
    let gguf = try GGUF(path: path)
    let configuration = try GGUFConfiguration(gguf)
    return ModelFiles(
      path: path, config: .object(configuration.config), generationConfig: .object(configuration.generationConfig),
      weights: try GGUFModelSource(
        gguf, interleaved: configuration.interleaved, headDimension: configuration.headDimension),
      gguf: gguf, weightsDigest: try Digest.file(path))
  }

  /// The folder whose averaged weights a path means; nil for any other path.
  package static func averaged(_ path: String) -> String? {
    guard path.hasSuffix("/ema"), !FileManager.default.fileExists(atPath: path) else { return nil }
    let folder = String(path.dropLast(4))
    return FileManager.default.fileExists(atPath: "\(folder)/\(CheckpointWriter.averageName)") ? folder : nil
  }

  /// Whether a path is a folder with an adapter and no weights of its own, or the average of such a one.
  static func isAdapter(_ path: String) -> Bool {
    let root = averaged(path) ?? path
    func isThere(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(root)/\(name)") }
    return isThere(AdapterConfiguration.configName) && !isThere("model.safetensors")
      && !isThere("model.safetensors.index.json")
  }

  /// - Parameter name: of the file of weights, where it is not the usual one.
  private static func folder(_ path: String, name: String? = nil, base: String?) throws -> ModelFiles {
    let root = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    func isThere(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(root)/\(name)") }
    if isAdapter(root) {
      return try adapted(root, name: name ?? AdapterConfiguration.weightsName, base: base)
    }
    let configPath = "\(root)/config.json"
    guard isThere("config.json") else {
      throw RollbookError.missing(
        path, "expected config.json in the model folder, found none", hint: hintForFolder(root))
    }
    let config = try object(configPath)
    let (weights, files) =
      try name.map { (try Safetensors(path: "\(root)/\($0)"), ["\(root)/\($0)"]) }
      ?? weights(in: root)
    return ModelFiles(
      path: path, config: config,
      generationConfig: isThere(generationName) ? try JSON.parse(contentsOf: "\(root)/\(generationName)") : nil,
      weights: weights, gguf: nil, weightsDigest: try digest(ofWeights: files, in: root))
  }

  private static let generationName = "generation_config.json"

  private static func object(_ path: String) throws -> JSON {
    let config = try JSON.parse(contentsOf: path)
    guard config.object != nil else { throw RollbookError.badInput(path, "expected an object, found \(config.kind)") }
    return config
  }

  /// A folder with an adapter: what is not in it (PEFT writes no config.json) is the base's.
  private static func adapted(_ root: String, name: String, base: String?) throws -> ModelFiles {
    func isThere(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(root)/\(name)") }
    let (adapter, base) = try AdapterFiles.open(root, name: name, base: base) { try digest(ofWeights: [$0], in: root) }
    let hasTokenizer = isThere("tokenizer.json")
    return ModelFiles(
      path: hasTokenizer ? root : base.path,
      config: isThere("config.json") ? try object("\(root)/config.json") : base.config,
      generationConfig: isThere(generationName)
        ? try JSON.parse(contentsOf: "\(root)/\(generationName)") : base.generationConfig,
      weights: base.weights, gguf: hasTokenizer ? nil : base.gguf, weightsDigest: adapter.digest, adapter: adapter)
  }

  /// The weights of a folder and the paths of their files; `model.safetensors` goes first, as in transformers.
  private static func weights(in root: String) throws -> (any TensorSource, [String]) {
    let single = "\(root)/model.safetensors"
    if FileManager.default.fileExists(atPath: single) { return (try Safetensors(path: single), [single]) }
    let index = "\(root)/model.safetensors.index.json"
    if FileManager.default.fileExists(atPath: index) {
      let sharded = try ShardedSafetensors(index: index)
      return (sharded, sharded.files)
    }
    throw RollbookError.missing(
      root, "expected model.safetensors or model.safetensors.index.json, found neither", hint: hintForFolder(root))
  }

  private static func hintForFolder(_ root: String) -> String {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: root))?.sorted() ?? []
    if let gguf = names.first(where: { $0.hasSuffix(".gguf") }) { return "for the GGUF file, give \(root)/\(gguf)" }
    if let old = names.first(where: { $0.hasPrefix("pytorch_model") && $0.hasSuffix(".bin") }) {
      return "\(old) is in PyTorch's own format: save the model again as safetensors"
    }
    return "give the folder that save_pretrained or a training step wrote"
  }
}

extension ModelFiles {
  /// The digest of a policy's weights.
  ///
  /// - One file (`model.safetensors`, or a GGUF file): the file's own digest.
  /// - Several: the digest of the text that `xxh128sum` prints for the files sorted by name: a line of 32 hex digits,
  ///   two spaces and the name for each. In the folder, `LC_ALL=C xxh128sum model-*.safetensors | xxh128sum` says it.
  ///
  /// Where a checkpoint's manifest.json states the digest of `model.safetensors` and its size is the file's, the
  /// statement is taken without reading the file again; `Checkpoint.verify()` is what checks it.
  static func digest(ofWeights files: [String], in root: String) throws -> String {
    if files.count == 1 {
      return try statedDigest(of: files[0], in: root) ?? Digest.file(files[0])
    }
    var lines = ""
    for file in files {
      let name = file.split(separator: "/").last ?? ""
      lines += "\(try Digest.file(file).dropFirst(Digest.prefix.utf8.count))  \(name)\n"
    }
    return Digest.xxh3(lines)
  }

  private static func statedDigest(of file: String, in root: String) throws -> String? {
    let path = "\(root)/manifest.json"
    guard FileManager.default.fileExists(atPath: path), let manifest = try? Manifest.read(path),
      manifest.kind == .checkpoint, let stated = manifest.files?.first(where: { "\(root)/\($0.name)" == file })
    else { return nil }
    return try MappedFile(path: file).bytes.count == stated.bytes ? stated.digest : nil
  }
}
