import Foundation

extension Buffer {
  /// `step-000003`
  package static func stepName(_ step: Int) -> String {
    "step-" + padded(step, 6)
  }

  /// `step-000003-part-00000.arrow`, for score shards `SET-step-000003-part-00000.arrow`.
  package static func shardName(step: Int, part: Int, set: String? = nil) -> String {
    let name = "\(stepName(step))-part-\(padded(part, 5)).arrow"
    return set.map { "\($0)-\(name)" } ?? name
  }

  private static func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }

  /// A score set's name becomes part of file names: letters, digits, `_`, `.` and `-`, no dot first, 64 at most.
  ///
  /// - Throws: `RollbookError` `usage`.
  package static func validate(set: String) throws {
    let allowed = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-".utf8)
    guard !set.isEmpty, set.utf8.count <= 64, set.utf8.first != UInt8(ascii: "."), set.utf8.allSatisfy(allowed.contains)
    else {
      throw RollbookError.usage(
        "expected the name of a score set in letters, digits, '_', '.' and '-', found '\(set)'", hint: "try 'main'")
    }
  }

  /// Where shards of a kind, or checkpoints, are published.
  package func folder(_ kind: Manifest.Kind) -> String {
    switch kind {
    case .rollouts: rolloutsFolder
    case .scores: scoresFolder
    case .updates: updatesFolder
    case .checkpoint: checkpoints
    }
  }

  package func checkpointFolder(step: Int) -> String {
    "\(checkpoints)/\(Self.stepName(step))"
  }

  /// A path in the staging folder.
  package func stagingPath(_ name: String) -> String {
    "\(staging)/\(name)"
  }

  /// The staging file of a shard, the same at every attempt so that a killed one can be resumed.
  package func stagingPath(_ kind: Manifest.Kind, step: Int, part: Int, set: String? = nil) -> String {
    stagingPath("\(kind.rawValue)-\(Self.shardName(step: step, part: part, set: set))")
  }

  /// The published shard file or checkpoint folder that a manifest describes.
  package func path(of manifest: Manifest) -> String {
    "\(folder(manifest.kind))/\(manifest.name)"
  }

  /// The published shard of a manifest, its bytes compared with the digest there: Arrow's own metadata has no checksum.
  ///
  /// - Throws: `RollbookError` `badInput` for other bytes, `missing` for none.
  package func intactPath(of manifest: Manifest) throws -> String {
    let path = path(of: manifest)
    let found = try Digest.file(path)
    guard found == manifest.digest else {
      throw RollbookError.badInput(
        path, "expected \(manifest.digest), found \(found)",
        hint: "the file was changed or is damaged: restore it from a copy; see `rollbook verify`")
    }
    return path
  }

  /// Where a manifest itself lies.
  package func manifestPath(of manifest: Manifest) -> String {
    manifestPath(manifest.kind, name: manifest.name)
  }

  package func manifestPath(_ kind: Manifest.Kind, name: String) -> String {
    if kind == .checkpoint { return "\(checkpoints)/\(name)/manifest.json" }
    let stem = name.hasSuffix(".arrow") ? String(name.dropLast(6)) : name
    return "\(folder(kind))/\(stem).json"
  }

  /// A path inside the buffer, relative to it; any other as it is. This is how manifests name their inputs.
  package func relative(_ path: String) -> String {
    path.hasPrefix(root + "/") ? String(path.dropFirst(root.utf8.count + 1)) : path
  }
}

extension Buffer {
  /// The published manifests of a kind, by step, set and part: read from the files, without the index.
  ///
  /// - Parameters:
  ///   - step: Only of this step.
  ///   - set: Only of this score set.
  /// - Throws: `RollbookError` for a manifest that cannot be read.
  package func manifests(_ kind: Manifest.Kind, step: Int? = nil, set: String? = nil) throws -> [Manifest] {
    try manifestPaths(kind, step: step)
      .map { try Manifest.read($0) }
      .filter { (step == nil || $0.step == step) && (set == nil || $0.set == set) }
      .sorted { ($0.step, $0.set ?? "", $0.part, $0.name) < ($1.step, $1.set ?? "", $1.part, $1.name) }
  }

  /// Paths of all manifests of a kind, sorted. A folder that is not there yet holds none.
  ///
  /// - Parameter step: Only those whose name has this step.
  package func manifestPaths(_ kind: Manifest.Kind, step: Int? = nil) throws -> [String] {
    let folder = folder(kind)
    let marker = step.map { Self.stepName($0) }
    let names = try Self.entries(folder).filter { name in marker.map { name.contains($0) } ?? true }
    if kind == .checkpoint {
      return names.map { "\(folder)/\($0)/manifest.json" }.filter { FileManager.default.fileExists(atPath: $0) }
    }
    return names.filter { $0.hasSuffix(".json") && !$0.hasPrefix(".") }.map { "\(folder)/\($0)" }
  }

  /// The manifest of a checkpoint; nil when that step has none.
  package func checkpoint(step: Int) throws -> Manifest? {
    let path = manifestPath(.checkpoint, name: Self.stepName(step))
    return FileManager.default.fileExists(atPath: path) ? try Manifest.read(path) : nil
  }

  /// The checkpoint of the highest step.
  package func latestCheckpoint() throws -> Manifest? {
    try manifests(.checkpoint).last
  }

  /// Names of a folder's entries, sorted; none if there is no folder.
  static func entries(_ folder: String) throws -> [String] {
    guard FileManager.default.fileExists(atPath: folder) else { return [] }
    do { return try FileManager.default.contentsOfDirectory(atPath: folder).sorted() } catch {
      throw RollbookError(.io, place: folder, "cannot list the folder: \(error.localizedDescription)")
    }
  }
}
