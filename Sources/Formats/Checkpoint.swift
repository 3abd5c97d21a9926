import Foundation

/// A published checkpoint: a model folder whose manifest states the size and the digest of every file.
package struct Checkpoint: Sendable {
  package let folder: String
  package let manifest: Manifest

  package var step: Int { manifest.step }

  /// Opens a folder and checks that its manifest is there and every file has the size it states.
  ///
  /// - Throws: `RollbookError` `missing` for a folder without a manifest (a checkpoint that was never completed) or a
  ///   file that is gone, `badInput` for a size that differs.
  package static func open(_ folder: String) throws -> Checkpoint {
    var root = folder
    while root.utf8.count > 1, root.hasSuffix("/") { root.removeLast() }
    let path = "\(root)/manifest.json"
    guard FileManager.default.fileExists(atPath: path) else {
      throw RollbookError.missing(
        folder, "expected a checkpoint, which has a manifest.json, found none",
        hint: "give a folder checkpoints/step-N that a training step published")
    }
    let manifest = try Manifest.read(path)
    guard manifest.kind == .checkpoint, let files = manifest.files, !files.isEmpty else {
      throw RollbookError.badInput(path, "expected the manifest of a checkpoint, found one of \(manifest.kind)")
    }
    let checkpoint = Checkpoint(folder: root, manifest: manifest)
    for file in files {
      let size = try checkpoint.size(of: file)
      guard size == file.bytes else {
        throw RollbookError.badInput(
          "\(root)/\(file.name)", "expected \(file.bytes) bytes, as manifest.json says, found \(size)",
          hint: "the file was changed or cut short after it was published: restore it, or train the step again")
      }
    }
    return checkpoint
  }

  /// Reads every file and compares its digest with the manifest's.
  ///
  /// - Throws: `RollbookError` `badInput` naming the first file that differs.
  package func verify() throws {
    let files = manifest.files ?? []
    for file in files {
      let found = try Digest.file("\(folder)/\(file.name)")
      guard found == file.digest else {
        throw RollbookError.badInput(
          "\(folder)/\(file.name)", "expected \(file.digest), as manifest.json says, found \(found)",
          hint: "the file was changed after it was published: restore it, or train the step again")
      }
    }
    guard Publisher.digest(of: files) == manifest.digest else {
      throw RollbookError.badInput(
        "\(folder)/manifest.json",
        "expected the digest of the files listed, \(Publisher.digest(of: files)), "
          + "found \(manifest.digest)", hint: "the manifest was edited or damaged")
    }
  }

  /// The digest of its weights, or of its adapter: what rollouts sampled from it name as their policy.
  package var weightsDigest: String? {
    manifest.files?.first {
      $0.name == CheckpointWriter.weightsName || $0.name == AdapterConfiguration.weightsName
    }?.digest
  }

  /// The policy.
  package func model() throws -> ModelFiles { try ModelFiles.open(path: folder) }

  /// The optimizer's state; nil for a checkpoint without it.
  package func optimizer() throws -> Safetensors? { try tensors(CheckpointWriter.optimizerName) }

  /// A file of tensors of the checkpoint; nil if it has none of that name.
  package func tensors(_ name: String) throws -> Safetensors? {
    try holds(name) ? Safetensors(path: "\(folder)/\(name)") : nil
  }

  /// What the trainer wrote to go on later; nil for a checkpoint without it.
  package func trainerState() throws -> JSON? {
    try holds(CheckpointWriter.trainerStateName)
      ? JSON.parse(contentsOf: "\(folder)/\(CheckpointWriter.trainerStateName)") : nil
  }

  private func holds(_ name: String) -> Bool {
    manifest.files?.contains { $0.name == name } ?? false
  }

  private func size(of file: Manifest.File) throws -> Int {
    let parts = file.name.split(separator: "/", omittingEmptySubsequences: false)
    guard !parts.contains(where: { $0.isEmpty || $0 == "." || $0 == ".." }) else {
      throw RollbookError.badInput("\(folder)/manifest.json", "expected a file of the folder, found '\(file.name)'")
    }
    return try MappedFile(path: "\(folder)/\(file.name)").bytes.count
  }
}
