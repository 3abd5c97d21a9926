internal import Formats
internal import Foundation
internal import Kernels
internal import Model
internal import Objectives
internal import Pipeline

/// The frozen model that a KL divergence is measured to.
enum Reference {
  case model(ModelFiles)
  /// The policy without its adapter, which costs no memory; the path and digest of its weights.
  case base(path: String, digest: String)

  /// - Parameter text: `start`, `base`, or as for a model.
  /// - Throws: `usage` for `base` without an adapter, `missing` or `badInput` for a start that is no longer there.
  static func find(_ text: String, _ buffer: Buffer, step: Int, _ policy: Policy) throws -> Reference {
    let basePath = policy.files.adapter?.basePath ?? policy.source.path
    if text == "base" {
      guard let digest = policy.base?.digest else {
        throw RollbookError.usage(
          "--reference base is the model without its adapter, and there is no adapter",
          hint: "train one with --lora, or give --reference start, step:N, a folder or a .gguf file")
      }
      return .base(path: basePath, digest: digest)
    }
    let files =
      try text == "start"
      ? start(policy, buffer) : ModelFiles.open(path: ModelReference.find(text, in: buffer, upTo: step).path)
    if let digest = policy.base?.digest, files.weightsDigest == digest { return .base(path: basePath, digest: digest) }
    return .model(files)
  }

  private static func start(_ policy: Policy, _ buffer: Buffer) throws -> ModelFiles {
    let origin = policy.origin, inside = "\(buffer.root)/\(origin.name)"
    let isThere = FileManager.default.fileExists(atPath: inside) || ModelFiles.averaged(inside) != nil
    let path = isThere && !origin.name.hasPrefix("/") ? inside : origin.name
    do {
      let files = try ModelFiles.open(path: path)
      guard files.weightsDigest == origin.digest else {
        throw RollbookError.badInput(
          path, "expected \(origin.digest), the weights that the run began with, found \(files.weightsDigest)",
          hint: "give their folder or file as --reference")
      }
      return files
    } catch let error as RollbookError where error.code == .missing {
      throw RollbookError.missing(
        path, "expected the weights that the run began with: \(error.message)",
        hint: "put them back, or give another --reference")
    }
  }

  var input: Manifest.Input {
    switch self {
    case .model(let files): Manifest.Input(role: "reference", name: files.path, digest: files.weightsDigest)
    case .base(let path, let digest): Manifest.Input(role: "reference", name: path, digest: digest)
    }
  }
}

extension Train {
  /// The frozen model; nil where nothing is compared with one.
  func findReference(_ buffer: Buffer, _ policy: Policy, _ recipe: Recipe) throws -> Reference? {
    if let reference { return try Reference.find(reference, buffer, step: stage.step, policy) }
    guard recipe.needs.contains(.reference) else { return nil }
    if let kl = recipe.policy?.kl, kl != 0 {
      throw RollbookError.usage(
        "the recipe's KL weight is \(kl), which needs a model to measure the divergence to",
        hint: "give --reference, such as 'start', the model the run began with, or --kl 0")
    }
    throw RollbookError.usage(
      "--recipe \(recipe.name) compares the policy with a frozen reference, and none is given",
      hint: "give --reference, such as 'start', the model the run began with")
  }
}
