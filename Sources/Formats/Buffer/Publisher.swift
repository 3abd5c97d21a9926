import Foundation

/// Makes finished files visible, in an order that leaves all or nothing behind a crash:
/// file to disk, rename, folder to disk, then the manifest the same way. The manifest is the commit record.
///
/// Nothing published is ever changed. Publishing the same bytes under the same name again does nothing and says so;
/// other bytes under that name are an error (65). A shard that was renamed before its writer died has no manifest;
/// publishing the same bytes again completes it.
package struct Publisher: Sendable {
  package let buffer: Buffer
  private let fileSystem: any FileSystem

  package init(buffer: Buffer, fileSystem: any FileSystem = LocalFileSystem()) {
    self.buffer = buffer
    self.fileSystem = fileSystem
  }

  /// What came of it, with the manifest as it stands on disk.
  package enum Outcome: Equatable, Sendable {
    case published(Manifest)
    /// The same bytes were published before; the manifest is the one of then.
    case alreadyThere(Manifest)

    package var manifest: Manifest {
      switch self {
      case .published(let manifest), .alreadyThere(let manifest): manifest
      }
    }
  }

  /// Publishes a finished shard file under `manifest.name` and removes it from staging.
  ///
  /// Size, rows, batches and columns of the manifest are taken from the file; inputs inside the buffer are named
  /// relative to it.
  ///
  /// - Parameter digest: What the writer knows of the bytes it meant to write (`ShardWriter.digest`), so that damage
  ///   on their way to the disk is found by `rollbook verify`; nil takes it from the file.
  /// - Throws: `RollbookError`: `io` (run again: nothing is lost), `badInput` for a file that is no shard of the
  ///   manifest's kind and for a name that holds other bytes.
  package func publishShard(staged: String, manifest: Manifest, digest: String? = nil) throws -> Outcome {
    var manifest = relative(manifest)
    try describe(&manifest, staged, digest: digest)
    let target = buffer.path(of: manifest)
    try fileSystem.syncFile(staged)
    do {
      if try !fileSystem.renameExclusively(staged, to: target) {
        try requireSame(manifest, target, found: try Digest.file(target))
      }
    } catch let error as RollbookError where error.code == .io {
      // Over a network, a rename that reports an error may have happened all the same: look before giving up.
      guard try FileManager.default.fileExists(atPath: target) && Digest.file(target) == manifest.digest else {
        throw error
      }
    }
    try fileSystem.syncFolder(AtomicFile.parent(of: target))
    let outcome = try commit(manifest)
    // Only a duplicate is still there.
    try fileSystem.remove(staged)
    return outcome
  }

  /// A run that is moved takes its inputs along.
  private func relative(_ manifest: Manifest) -> Manifest {
    var manifest = manifest
    for index in manifest.inputs.indices { manifest.inputs[index].name = buffer.relative(manifest.inputs[index].name) }
    return manifest
  }

  private func describe(_ manifest: inout Manifest, _ staged: String, digest: String?) throws {
    let reader = try ArrowFileReader(path: staged)
    let kind = reader.schema[ShardMetadata.kindKey]
    guard kind == manifest.kind.rawValue else {
      throw RollbookError.badInput(
        staged, "expected a shard of \(manifest.kind.rawValue), found \(kind ?? "no kind in its metadata")")
    }
    manifest.rows = reader.rowCount
    manifest.batches = reader.batchCount
    manifest.columns = reader.schema.fields.map(\.name)
    manifest.bytes = reader.byteCount
    manifest.digest = try digest ?? Digest.file(staged)
  }

  /// Writes the manifest unless one is there.
  private func commit(_ manifest: Manifest) throws -> Outcome {
    let path = buffer.manifestPath(of: manifest)
    if !FileManager.default.fileExists(atPath: path) {
      let text = try manifest.serialized()
      if try AtomicFile.create(path, text, staging: buffer.staging, fileSystem) { return .published(manifest) }
    }
    let existing = try Manifest.read(path)
    try requireSame(manifest, path, found: existing.digest)
    return .alreadyThere(existing)
  }

  private func requireSame(_ manifest: Manifest, _ path: String, found: String) throws {
    guard found != manifest.digest else { return }
    let committed = FileManager.default.fileExists(atPath: buffer.manifestPath(of: manifest))
    throw RollbookError.badInput(
      path, "expected what is published here to be \(manifest.digest), found \(found)",
      hint: committed
        ? "published files are never changed: use another step, part or score set, or another --buffer"
        : "it has no manifest, so a killed run left it: if nothing else is running, delete it and run again")
  }

  /// Publishes a folder of finished files, such as a checkpoint, as `manifest.name`, its manifest inside.
  ///
  /// One rename makes all of it visible. Digest, size and files of the manifest are taken from the folder; the digest
  /// is that of the lines `DIGEST  NAME` of its files, by name. On success the staged folder is gone.
  package func publishFolder(
    staged: String, manifest: Manifest, written: [String: SafetensorsWriter.Written] = [:]
  ) throws -> Outcome {
    var manifest = relative(manifest)
    let (files, folders) = try contents(staged, written)
    for file in files { try fileSystem.syncFile("\(staged)/\(file.name)") }
    manifest.files = files
    manifest.bytes = files.reduce(0) { $0 + $1.bytes }
    manifest.digest = Self.digest(of: files)
    try AtomicFile.writeThrough("\(staged)/manifest.json", manifest.serialized(), fileSystem)
    for folder in folders.reversed() { try fileSystem.syncFolder(folder.isEmpty ? staged : "\(staged)/\(folder)") }
    let target = buffer.path(of: manifest)
    let renamed: Bool
    do { renamed = try fileSystem.renameExclusively(staged, to: target) } catch let error as RollbookError {
      // As above: it may have happened.
      guard !FileManager.default.fileExists(atPath: staged),
        try Manifest.read(buffer.manifestPath(of: manifest)) == manifest
      else { throw error }
      renamed = true
    }
    try fileSystem.syncFolder(AtomicFile.parent(of: target))
    if renamed { return .published(manifest) }
    let path = buffer.manifestPath(of: manifest)
    guard FileManager.default.fileExists(atPath: path) else {
      throw RollbookError.badInput(
        target, "expected nothing or a checkpoint here, found something without a manifest.json",
        hint: "Rollbook did not publish it: move it away and run again")
    }
    let existing = try Manifest.read(path)
    try requireSame(manifest, target, found: existing.digest)
    // A duplicate in staging does no harm if it cannot be removed.
    try? FileManager.default.removeItem(atPath: staged)
    return .alreadyThere(existing)
  }

  /// The digest of a folder, from its files' digests.
  package static func digest(of files: [Manifest.File]) -> String {
    Digest.xxh3(files.map { "\($0.digest)  \($0.name)\n" }.joined())
  }

  /// Files by name, without the manifest, and folders (the top as ""), parents first.
  private func contents(
    _ root: String, _ written: [String: SafetensorsWriter.Written]
  ) throws -> (files: [Manifest.File], folders: [String]) {
    var files: [Manifest.File] = []
    var folders = [""]
    var next = 0
    while next < folders.count {
      let folder = folders[next]
      next += 1
      for entry in try Buffer.entries(folder.isEmpty ? root : "\(root)/\(folder)") {
        let name = folder.isEmpty ? entry : "\(folder)/\(entry)"
        var isFolder: ObjCBool = false
        _ = FileManager.default.fileExists(atPath: "\(root)/\(name)", isDirectory: &isFolder)
        if isFolder.boolValue {
          folders.append(name)
        } else if name != "manifest.json" {
          let path = "\(root)/\(name)", size = try fileSize(path), known = written[name]
          let digest = known?.byteCount == size ? known?.digest : nil
          files.append(Manifest.File(name: name, bytes: size, digest: try digest ?? Digest.file(path)))
        }
      }
    }
    guard !files.isEmpty else { throw RollbookError.badInput(root, "expected files to publish, found none") }
    return (files.sorted { $0.name < $1.name }, folders)
  }

  private func fileSize(_ path: String) throws -> Int {
    try MappedFile(path: path).bytes.count
  }
}
