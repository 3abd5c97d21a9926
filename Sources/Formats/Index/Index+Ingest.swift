import Foundation
import GRDB

// Taking in what is published. The index then equals one made from nothing: `reindex` does just this on an empty one.

extension Index {
  /// Manifests in one transaction: each costs the disk several synchronisations.
  private static let manifestsPerTransaction = 64

  /// Brings the buffer's index up to date, making it if need be: takes in manifests that are new or changed, forgets
  /// those that are gone, and follows `metrics.jsonl`. Twice is the same as once. Waits for another process that is at
  /// it.
  ///
  /// - Returns: What was done; damaged manifests and shards are warnings there and stop nothing.
  @discardableResult
  package static func ingest(_ buffer: Buffer) throws -> IngestReport {
    let lock = try lock(buffer)
    defer { lock.release() }
    let path = buffer.indexPath
    return try guarding(path, buffer.root) {
      let queue = try writer(buffer)
      defer { try? queue.close() }
      let index = Index(buffer: buffer, queue: queue, isReadOnly: false, path: path)
      if try index.isUpToDate() { return IngestReport() }
      try unseal(buffer)
      try migrate(queue)
      var report = try index.takeInAll()
      try seal(buffer)
      if let kind = NetworkFileSystem.kind(of: buffer.indexFolder) {
        report.warnings.append(
          "\(path): is on a network file system (\(kind)), where SQLite's locks are not to be relied on; "
            + "--index-dir puts the index on a local disk")
      }
      return report
    }
  }

  /// A connection that writes, to be used under the lock.
  static func writer(_ buffer: Buffer) throws -> DatabaseQueue {
    let queue = try DatabaseQueue(path: buffer.indexPath, configuration: configuration(readOnly: false))
    try queue.read { try checkIdentity($0, buffer.indexPath) }
    return queue
  }

  /// Rebuilds the index from the files beside the old one, and renames it over. The old one may be damaged or missing.
  ///
  /// - Returns: What was taken in.
  @discardableResult
  package static func reindex(_ buffer: Buffer) throws -> IngestReport {
    let lock = try lock(buffer)
    defer { lock.release() }
    let staged = buffer.indexStagingPath
    defer { removeDatabase(staged) }
    let report = try build(buffer, at: staged)
    let system = LocalFileSystem()
    try system.syncFile(staged)
    try unseal(buffer)
    // A journal left by a killed writer belongs to the old file; beside the new one SQLite would play it back into it.
    try system.remove(buffer.indexPath + "-journal")
    try system.replace(buffer.indexPath, with: staged)
    try system.syncFolder(buffer.indexFolder)
    try seal(buffer)
    return report
  }

  /// Makes an index from nothing at `path`, without waiting for the disk.
  static func build(_ buffer: Buffer, at path: String) throws -> IngestReport {
    removeDatabase(path)
    return try guarding(path, buffer.root) {
      let queue = try DatabaseQueue(path: path, configuration: configuration(readOnly: false, durable: false))
      defer { try? queue.close() }
      try migrate(queue)
      return try Index(buffer: buffer, queue: queue, isReadOnly: false, path: path).takeInAll()
    }
  }

  static func removeDatabase(_ path: String) {
    for suffix in ["", "-journal"] { try? FileManager.default.removeItem(atPath: path + suffix) }
  }

  /// The lock of whoever writes the index.
  static func lock(_ buffer: Buffer) throws -> StagingLock {
    let path = buffer.indexLockPath
    try LocalFileSystem().createFolder(AtomicFile.parent(of: path))
    try LocalFileSystem().createFolder(buffer.indexFolder)
    return try StagingLock(path: path, wait: true)
  }

  /// Takes in everything that differs.
  ///
  /// - Parameters:
  ///   - step: Only what belongs to this step; nil for all.
  ///   - set: A score set to leave out.
  func takeInAll(step: Int? = nil, withoutSet set: String? = nil) throws -> IngestReport {
    var report = IngestReport()
    let left = set.map { buffer.relative("\(buffer.scoresFolder)/\($0)-step-") }
    let found = try scan(step: step).filter { file in left.map { !file.path.hasPrefix($0) } ?? true }
    try Self.guarding(path, buffer.root) {
      let known = try queue.read { try Self.known($0) }
      let paths = Set(found.map(\.path))
      let gone = known.keys.filter { !paths.contains($0) }
      let new = found.filter { !(known[$0.path]?.isSame($0) ?? false) }
      let outdated = gone + new.map(\.path).filter { known[$0] != nil }
      if !outdated.isEmpty { try queue.write { try Self.forget(outdated, $0) } }
      report.removed = gone.count
      for start in stride(from: 0, to: new.count, by: Self.manifestsPerTransaction) {
        let piece = new[start..<min(new.count, start + Self.manifestsPerTransaction)]
        try queue.write { database in
          for file in piece { try takeIn(file, database, &report) }
        }
      }
      try queue.write { database in
        try Self.renewSteps(database)
        if step == nil { try ingestMetrics(database, &report) }
      }
    }
    return report
  }

  /// One manifest, all or nothing.
  private func takeIn(_ file: ManifestFile, _ database: Database, _ report: inout IngestReport) throws {
    do {
      try database.inSavepoint {
        try store(file, database)
        return .commit
      }
      report.added += 1
    } catch let error as RollbookError {
      report.warnings.append(error.description)
    } catch let error as DatabaseError where error.resultCode == .SQLITE_CONSTRAINT {
      report.warnings.append("\(file.path): does not fit the rest of the buffer: \(error.message ?? "")")
    }
  }

  /// Removes what came from these manifests.
  private static func forget(_ manifests: [String], _ database: Database) throws {
    try database.execute(sql: "CREATE TEMP TABLE gone (id INTEGER PRIMARY KEY)")
    defer { try? database.execute(sql: "DROP TABLE temp.gone") }
    for path in manifests {
      try database.execute(sql: "INSERT INTO gone SELECT id FROM outputs WHERE manifest = ?", arguments: [path])
    }
    for table in ["rollout_rows", "score_rows", "update_rows"] {
      try database.execute(
        sql: """
          INSERT OR IGNORE INTO stale_steps SELECT DISTINCT step FROM \(table) WHERE shard IN (SELECT id FROM gone);
          DELETE FROM \(table) WHERE shard IN (SELECT id FROM gone);
          """)
    }
    try database.execute(
      sql: """
        DELETE FROM outputs WHERE id IN (SELECT id FROM gone);
        DELETE FROM texts WHERE id NOT IN (SELECT prompt FROM rollout_rows UNION SELECT policy FROM rollout_rows
          UNION SELECT task FROM rollout_rows WHERE task IS NOT NULL);
        """)
  }

  /// Whether there is nothing to take in or to forget. Looks at names, sizes and times only.
  func isUpToDate() throws -> Bool {
    let found = try scan()
    return try read { database in
      guard try Int.fetchOne(database, sql: "PRAGMA user_version") == Self.schemaVersion else { return false }
      let known = try Self.known(database)
      guard known.count == found.count, found.allSatisfy({ known[$0.path]?.isSame($0) ?? false }) else { return false }
      guard try Int.fetchOne(database, sql: "SELECT count(*) FROM stale_steps") == 0 else { return false }
      return try metricsAreUpToDate(database)
    }
  }
}
