import Foundation
import GRDB

// The digest of the index's bytes, in a file beside it. SQLite has no checksums: a flipped bit in a number is a number.

extension Index {
  /// Writes the digest of the index as it is. Hold the lock.
  static func seal(_ buffer: Buffer) throws {
    let digest = try Digest.file(buffer.indexPath)
    try AtomicFile.replace(
      buffer.indexDigestPath, digest + "\n", staging: AtomicFile.parent(of: buffer.indexStagingPath),
      LocalFileSystem())
  }

  /// Removes the digest before the index changes. Hold the lock.
  static func unseal(_ buffer: Buffer) throws {
    try LocalFileSystem().remove(buffer.indexDigestPath)
  }

  /// What is wrong with the index file; empty for none.
  ///
  /// Its bytes are compared with their digest, where an undisturbed ingestion left one, and SQLite checks its
  /// structure. `deep` makes a second index from the files and compares every row.
  ///
  /// - Throws: `RollbookError` `badInput` for a file that SQLite cannot read, `io`.
  package static func problems(_ buffer: Buffer, deep: Bool) throws -> [String] {
    let files = FileManager.default
    let lock = files.isWritableFile(atPath: buffer.indexFolder) ? try lock(buffer) : nil
    defer { lock?.release() }
    guard files.fileExists(atPath: buffer.indexPath) else { return [] }
    if files.fileExists(atPath: buffer.indexDigestPath) {
      let bytes = try MappedFile.contents(of: buffer.indexDigestPath)
      let found = try Digest.file(buffer.indexPath)
      guard String(decoding: bytes, as: UTF8.self) == found + "\n" else {
        return ["its bytes are not those that were written: expected another digest than \(found)"]
      }
    }
    let index = try open(buffer)
    let structure = try index.read { try String.fetchAll($0, sql: "PRAGMA integrity_check(10)") }
    guard structure == ["ok"] else { return structure }
    // An older schema, or one that is behind, is brought up to date by the next command that reads.
    guard deep, lock != nil, try index.isUpToDate() else { return [] }
    return try index.differences()
  }

  /// How the rows differ from those of an index made from nothing.
  private func differences() throws -> [String] {
    let fresh = buffer.indexStagingPath + "-check"
    defer { Self.removeDatabase(fresh) }
    _ = try Self.build(buffer, at: fresh)
    return try Self.guarding(path, buffer.root) {
      let queue = try DatabaseQueue(path: fresh, configuration: Self.configuration(readOnly: true))
      return try queue.inDatabase { database in
        try database.execute(sql: "ATTACH ? AS stored", arguments: [path])
        let tables = try String.fetchAll(
          database, sql: "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        return try tables.compactMap { table in
          func count(_ one: String, _ other: String) throws -> Int {
            try Int.fetchOne(
              database, sql: "SELECT count(*) FROM (SELECT * FROM \(one).\(table) EXCEPT SELECT * FROM \(other).\(table))"
            ) ?? 0
          }
          let (extra, missing) = (try count("stored", "main"), try count("main", "stored"))
          return extra + missing == 0 ? nil : "table \(table): \(extra) rows that the files do not give, \(missing) missing"
        }
      }
    }
  }
}
