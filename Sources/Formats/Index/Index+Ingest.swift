import Foundation
import GRDB

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

// Taking in what is published. The index then equals one made from nothing: `reindex` does just this on an empty one.

extension Index {
  /// Manifests in one transaction: each costs the disk several synchronisations.
  private static let manifestsPerTransaction = 64

  /// Takes in manifests that are new or changed, forgets those that are gone, and follows `metrics.jsonl`. Twice is the
  /// same as once. Waits for another process that is at it.
  ///
  /// - Returns: What was done; damaged manifests and shards are warnings there and stop nothing.
  @discardableResult
  package func ingest() throws -> IngestReport {
    if try isUpToDate() { return IngestReport() }
    let lock = try Self.lock(buffer)
    defer { lock.release() }
    return try ingestUnlocked()
  }

  /// Rebuilds the index from the files beside the old one, and renames it over. The old one may be damaged or missing.
  ///
  /// - Returns: What was taken in.
  @discardableResult
  package static func reindex(_ buffer: Buffer) throws -> IngestReport {
    let lock = try lock(buffer)
    defer { lock.release() }
    let staged = buffer.stagingPath("index.sqlite")
    for suffix in ["", "-journal"] { try? FileManager.default.removeItem(atPath: staged + suffix) }
    defer { try? FileManager.default.removeItem(atPath: staged) }
    let report = try guarding(staged, buffer.root) {
      let queue = try DatabaseQueue(path: staged, configuration: configuration(readOnly: false, durable: false))
      try migrate(queue)
      let index = Index(buffer: buffer, queue: queue, isReadOnly: false, path: staged)
      let report = try index.ingestUnlocked()
      try queue.close()
      return report
    }
    let system = LocalFileSystem()
    try system.syncFile(staged)
    // A journal left by a killed writer belongs to the old file; beside the new one SQLite would play it back into it.
    try system.remove(buffer.indexPath + "-journal")
    try system.replace(buffer.indexPath, with: staged)
    try system.syncFolder(buffer.root)
    return report
  }

  /// The lock of whoever writes the index.
  private static func lock(_ buffer: Buffer) throws -> StagingLock {
    try LocalFileSystem().createFolder(buffer.staging)
    return try StagingLock(path: buffer.stagingPath("index.lock"), wait: true)
  }

  /// Whether there is nothing to take in or to forget. Looks at names, sizes and times only.
  func isUpToDate() throws -> Bool {
    let found = try scan()
    return try read { database in
      let known = try Self.known(database)
      guard known.count == found.count, found.allSatisfy({ known[$0.path]?.isSame($0) ?? false }) else { return false }
      return try metricsAreUpToDate(database)
    }
  }

  func ingestUnlocked() throws -> IngestReport {
    var report = IngestReport()
    let found = try scan()
    try Self.guarding(path, buffer.root) {
      let known = try queue.read { try Self.known($0) }
      let paths = Set(found.map(\.path))
      let gone = known.keys.filter { !paths.contains($0) }.sorted()
      let new = found.filter { !(known[$0.path]?.isSame($0) ?? false) }
      if !gone.isEmpty {
        try queue.write { database in
          for path in gone { try database.execute(sql: "DELETE FROM outputs WHERE manifest = ?", arguments: [path]) }
        }
        report.removed = gone.count
      }
      for start in stride(from: 0, to: new.count, by: Self.manifestsPerTransaction) {
        let piece = new[start..<min(new.count, start + Self.manifestsPerTransaction)]
        try queue.write { database in
          for file in piece { try takeIn(file, database, &report) }
        }
      }
      try queue.write { try ingestMetrics($0, &report) }
    }
    return report
  }

  /// One manifest, all or nothing.
  private func takeIn(_ file: ManifestFile, _ database: Database, _ report: inout IngestReport) throws {
    do {
      try database.inSavepoint {
        try database.execute(sql: "DELETE FROM outputs WHERE manifest = ?", arguments: [file.path])
        try store(file, database)
        return .commit
      }
      report.added += 1
    } catch let error as RollbookError {
      // What could not be read is not known any longer, even if an earlier state of it was.
      try database.execute(sql: "DELETE FROM outputs WHERE manifest = ?", arguments: [file.path])
      report.warnings.append(error.description)
    } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
      report.warnings.append("\(file.path): does not fit the rest of the buffer: \(error.message ?? "")")
    }
  }
}

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
  /// The manifests on disk, sorted by kind and path.
  func scan() throws -> [ManifestFile] {
    var files: [ManifestFile] = []
    for kind in Manifest.Kind.allCases {
      for path in try buffer.manifestPaths(kind) {
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
  private static func known(_ database: Database) throws -> [String: ManifestFile] {
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
  private func store(_ file: ManifestFile, _ database: Database) throws {
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
    let output = Self.outputID(buffer.relative(buffer.path(of: manifest)))
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
