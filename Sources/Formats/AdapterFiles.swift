internal import Foundation

/// A low-rank adapter's folder as PEFT writes it, and the model that it belongs to. A checkpoint of `--lora` is one: it
/// holds what was trained and says by path and digest what that is added to.
package struct AdapterFiles: Sendable {
  package let configuration: AdapterConfiguration
  /// adapter_model.safetensors, or the average that lies beside it.
  package let weights: Safetensors
  package let basePath: String
  /// `weightsDigest` of the base.
  package let baseDigest: String
  /// The identity of base and adapter together: the file's own digest where it names base and scale, as ours do.
  package let digest: String

  private static let baseKey = "rollbook.base"
  private static let scaleKey = "rollbook.scale"

  /// What our adapter files say of themselves in the header, so that their digest is that of the policy.
  package static func metadata(_ configuration: AdapterConfiguration, baseDigest: String) -> [String: String] {
    ["format": "pt", baseKey: baseDigest, scaleKey: "\(configuration.scale)"]
  }

  /// - Parameters:
  ///   - root: the folder.
  ///   - name: of the weights' file.
  ///   - base: where the model is now; nil for where the folder says.
  ///   - digest: of a file of the folder, by its path.
  /// - Throws: `missing` without its base, `badInput` where another one lies there.
  static func open(
    _ root: String, name: String, base: String?, digest: (String) throws -> String
  ) throws -> (AdapterFiles, ModelFiles) {
    let place = "\(root)/\(AdapterConfiguration.configName)", path = "\(root)/\(name)"
    let configuration = try AdapterConfiguration(JSON.parse(contentsOf: place), place: place)
    let weights = try Safetensors(path: path)
    let basePath = try base ?? basePath(configuration, root, place)
    // Asked before it is opened: a folder may name itself.
    guard !ModelFiles.isAdapter(basePath) else {
      throw RollbookError.badInput(
        place, "its base \(basePath) is an adapter itself", hint: "merge that one first: `rollbook merge`")
    }
    let base = try ModelFiles.open(path: basePath)
    if let expected = weights.metadata[baseKey], expected != base.weightsDigest {
      throw RollbookError.badInput(
        base.path, "expected \(expected), the weights that \(path) belongs to, found \(base.weightsDigest)",
        hint: "put the model back that the adapter was trained on")
    }
    var identity = try digest(path)
    if weights.metadata[baseKey] == nil || weights.metadata[scaleKey] != "\(configuration.scale)" {
      identity = Digest.xxh3("\(base.weightsDigest)  base\n\(identity)  adapter\n\(configuration.scale)  scale\n")
    }
    let files = AdapterFiles(
      configuration: configuration, weights: weights, basePath: base.path, baseDigest: base.weightsDigest,
      digest: identity)
    return (files, base)
  }

  /// A relative path is one in the buffer whose checkpoint this is, or else as the process sees it.
  private static func basePath(
    _ configuration: AdapterConfiguration, _ root: String, _ place: String
  ) throws -> String {
    guard let stated = configuration.baseModel, !stated.isEmpty else {
      throw RollbookError.badInput(
        place, "'base_model_name_or_path' is missing", hint: "write the model's folder there")
    }
    let candidates = stated.hasPrefix("/") ? [stated] : ["\(root)/../../\(stated)", stated]
    func isThere(_ path: String) -> Bool {
      FileManager.default.fileExists(atPath: path) || ModelFiles.averaged(path) != nil
    }
    guard let found = candidates.first(where: isThere) else {
      throw RollbookError.missing(
        place, "expected the adapter's model at '\(stated)', found nothing",
        hint: "put it back there; `rollbook merge --base` takes it from elsewhere and writes a folder of its own")
    }
    return found
  }
}

/// A model's weights with its adapter added, made while they are read: W + alpha/rank · B A.
package struct MergedWeights: TensorSource {
  private let base: any TensorSource
  private let scale: Float
  /// By the name of the weight that they change.
  private let factors: [String: Factors]

  private struct Factors: Sendable {
    /// [rank, inputs], [outputs, rank]
    var a: [Float], b: [Float], rank: Int
  }

  /// - Throws: `badInput` or `missing` naming the tensor that does not fit.
  package init(_ base: any TensorSource, _ adapter: AdapterFiles) throws {
    self.base = base
    scale = adapter.configuration.scale
    let rank = adapter.configuration.rank, file = adapter.weights
    var factors: [String: Factors] = [:]
    for tensor in file.tensors where tensor.name.hasSuffix(".lora_A.weight") {
      let stem = String(tensor.name.dropLast(".lora_A.weight".count))
      let prefix = stem.hasPrefix("base_model.model.") ? "base_model.model.".count : 0
      let name = "\(stem.dropFirst(prefix)).weight"
      guard let weight = base.info(name), weight.shape.count == 2, tensor.shape == [rank, weight.shape[1]],
        file.info(stem + ".lora_B.weight")?.shape == [weight.shape[0], rank]
      else {
        throw RollbookError.badInput(
          file.path, "'\(tensor.name)' does not fit '\(name)' of the model", hint: "is it the adapter of another model?"
        )
      }
      factors[name] = Factors(a: try file.read(tensor.name), b: try file.read(stem + ".lora_B.weight"), rank: rank)
    }
    guard 2 * factors.count == file.tensors.count else {
      throw RollbookError.badInput(file.path, "expected pairs of lora_A and lora_B, found other tensors too")
    }
    self.factors = factors
  }

  package var tensors: [TensorInfo] { base.tensors }
  package func info(_ name: String) -> TensorInfo? { base.info(name) }

  package func read(_ name: String, rows: Range<Int>, into target: UnsafeMutableBufferPointer<Float>) throws {
    try base.read(name, rows: rows, into: target)
    guard let factors = factors[name] else { return }
    let inputs = factors.a.count / factors.rank
    for (index, row) in rows.enumerated() {
      let out = UnsafeMutableBufferPointer(rebasing: target[index * inputs..<(index + 1) * inputs])
      for j in 0..<factors.rank {
        let factor = scale * factors.b[row * factors.rank + j]
        factors.a.withUnsafeBufferPointer { a in
          for i in 0..<inputs { out[i] += factor * a[j * inputs + i] }
        }
      }
    }
  }
}
