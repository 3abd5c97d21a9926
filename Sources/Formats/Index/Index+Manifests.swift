import Foundation
import GRDB

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

// The manifests on disk, and what the index knows of them.

/// A manifest on disk as a listing shows it.
struct ManifestFile: Equatable {
  /// Relative to the buffer.
  var path: String
  var kind: Manifest.Kind
  var bytes: Int
  /// Nanoseconds since 1970.
  var modified: Int

  func isSame(_ other: ManifestFile) -> Bool { bytes == other.bytes && modified == other.modified }
}

extension Index {
  /// The manifests on disk, sorted by kind and path; with a step, the shards' of that step.
  func scan(step: Int? = nil) throws -> [ManifestFile] {
    var files: [ManifestFile] = []
    for kind in Manifest.Kind.allCases where step == nil || kind != .checkpoint {
      for path in try buffer.manifestPaths(kind, step: step) {
        var status = stat()
        guard stat(path, &status) == 0 else { continue }  // gone since it was listed
        let modified = Int(status.st_mtim.tv_sec) * 1_000_000_000 + Int(status.st_mtim.tv_nsec)
        files.append(
          ManifestFile(path: buffer.relative(path), kind: kind, bytes: Int(status.st_size), modified: modified))
      }
    }
    return files
  }

  /// The manifests in the index, by path.
  static func known(_ database: Database) throws -> [String: ManifestFile] {
    var files: [String: ManifestFile] = [:]
    let rows = try Row.fetchCursor(
      database, sql: "SELECT manifest, kind, manifest_bytes, manifest_modified FROM outputs")
    while let row = try rows.next() {
      let path: String = row[0]
      files[path] = ManifestFile(
        path: path, kind: Manifest.Kind(rawValue: row[1]) ?? .rollouts, bytes: row[2], modified: row[3])
    }
    return files
  }

  /// Reads a manifest and the summary columns of its shard into the tables.
  func store(_ file: ManifestFile, _ database: Database) throws {
    let place = "\(buffer.root)/\(file.path)"
    let manifest = try Manifest.read(place)
    guard manifest.kind == file.kind else {
      throw RollbookError.badInput(
        place, "expected a manifest of \(file.kind.rawValue) in this folder, found one of \(manifest.kind.rawValue)")
    }
    guard buffer.relative(buffer.manifestPath(of: manifest)) == file.path else {
      throw RollbookError.badInput(
        place, "expected the manifest of a shard of that name, found one of '\(manifest.name)'")
    }
    let output = Self.key(buffer.relative(buffer.path(of: manifest)))
    try checkSize(manifest)
    try storeOutput(manifest, output, file, try Digest.file(place), database)
    let shard = buffer.path(of: manifest)
    switch manifest.kind {
    case .rollouts: try storeRollouts(RolloutShardReader(path: shard), output, manifest, database)
    case .scores: try storeScores(ScoreShardReader(path: shard), output, manifest, database)
    case .updates: try storeUpdates(UpdateShardReader(path: shard), output, manifest, database)
    case .checkpoint: break
    }
  }

  /// A shard that is missing or of the wrong size is not taken in; its digest is for `verify`.
  private func checkSize(_ manifest: Manifest) throws {
    guard manifest.kind != .checkpoint else { return }
    let path = buffer.path(of: manifest)
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw RollbookError.missing(path, "its manifest is there, the shard is not", hint: "run 'rollbook verify'")
    }
    guard Int(status.st_size) == manifest.bytes else {
      throw RollbookError.badInput(
        path, "expected \(manifest.bytes) bytes as its manifest says, found \(status.st_size)",
        hint: "run 'rollbook verify'")
    }
  }
}
