import Foundation
import GRDB

/// The SQLite index over a buffer's manifests and rollouts: a cache that `reindex` rebuilds from the files.
///
/// One writer at a time, under a lock file; rollback journal (WAL does not work on network file systems), synchronous
/// FULL, 30 s of patience with other processes. Array workers only write shards and never open it for writing. Beside
/// it lies the digest of its bytes (`Buffer.indexDigestPath`), absent while it is written.
package final class Index {
  /// `PRAGMA application_id`: "Roll" in ASCII, as `file` shows it.
  package static let applicationID = 0x526F_6C6C
  /// Seconds to wait for another process's transaction.
  static let patience = 30.0

  let buffer: Buffer
  let queue: DatabaseQueue
  /// True when rows cannot be stored through this object.
  package let isReadOnly: Bool
  /// Where the database is, for messages.
  let path: String

  init(buffer: Buffer, queue: DatabaseQueue, isReadOnly: Bool, path: String) {
    self.buffer = buffer
    self.queue = queue
    self.isReadOnly = isReadOnly
    self.path = path
  }

  /// Opens the buffer's index as it is on disk, to read.
  ///
  /// - Throws: `RollbookError`: `badInput` for a damaged index or one of a newer Rollbook, `missing` when there is
  ///   none, `io`.
  package static func open(_ buffer: Buffer) throws -> Index {
    let path = buffer.indexPath
    if !FileManager.default.fileExists(atPath: path) {
      throw RollbookError.missing(path, "there is no index", hint: "run 'rollbook reindex \(buffer.root)'")
    }
    return try guarding(path, buffer.root) {
      let queue = try DatabaseQueue(path: path, configuration: configuration(readOnly: true))
      try queue.read { try checkIdentity($0, path) }
      return Index(buffer: buffer, queue: queue, isReadOnly: true, path: path)
    }
  }

  /// An index that holds everything published by now: what every command that reads starts with.
  ///
  /// One that is up to date is opened to read. Otherwise new manifests are taken in where the folder can be written;
  /// where it cannot, into an index in memory that dies with this process.
  ///
  /// - Parameter writable: Whether the index may be written; nil to find out.
  /// - Returns: The index, and what was taken in with what was found wrong.
  package static func current(
    _ buffer: Buffer, writable: Bool? = nil
  ) throws -> (index: Index, report: IngestReport) {
    if let index = try upToDate(buffer) { return (index, IngestReport()) }
    let files = FileManager.default
    // Elsewhere than in the buffer it may not be there yet; whether it can be made shows below.
    try? LocalFileSystem().createFolder(buffer.indexFolder)
    let place = files.fileExists(atPath: buffer.indexPath) ? buffer.indexPath : buffer.indexFolder
    guard writable ?? (files.isWritableFile(atPath: buffer.indexFolder) && files.isWritableFile(atPath: place)) else {
      return try inMemory(buffer)
    }
    let report = try ingest(buffer)
    return (try open(buffer), report)
  }

  /// The index on disk if there is nothing to take in.
  private static func upToDate(_ buffer: Buffer) throws -> Index? {
    let files = FileManager.default
    // A journal is what a killed writer left: only a writer can play it back.
    guard files.fileExists(atPath: buffer.indexPath), !files.fileExists(atPath: buffer.indexPath + "-journal") else {
      return nil
    }
    let index = try open(buffer)
    return try index.isUpToDate() ? index : nil
  }

  /// An index in memory.
  ///
  /// - Parameters:
  ///   - step: Only of what belongs to this step, nil for all: what a stage asks of its own step, without touching the
  ///     index that others share.
  ///   - set: A score set to leave out.
  package static func inMemory(
    _ buffer: Buffer, step: Int? = nil, withoutSet set: String? = nil
  ) throws -> (index: Index, report: IngestReport) {
    let index = try guarding(":memory:", buffer.root) {
      let queue = try DatabaseQueue(configuration: configuration(readOnly: false, durable: false))
      try migrate(queue)
      return Index(buffer: buffer, queue: queue, isReadOnly: false, path: ":memory:")
    }
    return (index, try index.takeInAll(step: step, withoutSet: set))
  }

  /// How every connection is set up.
  static func configuration(readOnly: Bool, durable: Bool = true) -> Configuration {
    var configuration = Configuration()
    configuration.label = "rollbook"
    configuration.readonly = readOnly
    configuration.busyMode = .timeout(patience)
    configuration.foreignKeysEnabled = true
    configuration.prepareDatabase { database in
      guard !readOnly else { return }
      try database.execute(sql: "PRAGMA journal_mode = \(durable ? "DELETE" : "MEMORY")")
      try database.execute(sql: "PRAGMA synchronous = \(durable ? "FULL" : "OFF")")
      // KiB: room for the pages that rows of random ids are inserted into.
      try database.execute(sql: "PRAGMA cache_size = -65536")
    }
    return configuration
  }

  /// Refuses databases of other programs and of newer versions of this one.
  static func checkIdentity(_ database: Database, _ path: String) throws {
    let application = try Int.fetchOne(database, sql: "PRAGMA application_id") ?? 0
    let version = try Int.fetchOne(database, sql: "PRAGMA user_version") ?? 0
    let tables = try Int.fetchOne(database, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
    if application == 0 && version == 0 && tables == 0 { return }
    guard application == applicationID else {
      throw RollbookError.badInput(
        path, "expected an index of Rollbook (application id \(applicationID)), found application id \(application)",
        hint: "move that file away")
    }
    guard version <= schemaVersion else {
      throw RollbookError.badInput(
        path, "expected an index of version \(schemaVersion) or older, found version \(version)",
        hint: "a newer Rollbook wrote it: use that one, or run 'rollbook reindex' to make one for this version")
    }
  }

  /// Reads in one transaction; errors of SQLite become ours.
  func read<Result>(_ body: (Database) throws -> Result) throws -> Result {
    try Self.guarding(path, buffer.root) { try queue.read(body) }
  }
}

extension Index {
  /// Runs `body` and gives errors of SQLite a place, words and an exit code.
  static func guarding<Result>(_ path: String, _ root: String, _ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as DatabaseError {
      throw translated(error, path, root)
    }
  }

  private static func translated(_ error: DatabaseError, _ path: String, _ root: String) -> RollbookError {
    let words = error.message ?? "SQLite error \(error.extendedResultCode.rawValue)"
    // A table or column that this version's schema has and the file has not.
    let isIncomplete = error.resultCode == .SQLITE_ERROR && words.hasPrefix("no such ")
    switch isIncomplete ? .SQLITE_CORRUPT : error.resultCode {
    case .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_FORMAT, .SQLITE_MISMATCH, .SQLITE_CONSTRAINT, .SQLITE_SCHEMA:
      return RollbookError.badInput(
        path, "the index is damaged: \(words)",
        hint: "run 'rollbook reindex \(root)': it is rebuilt from the shards and nothing is lost")
    case .SQLITE_BUSY, .SQLITE_LOCKED:
      return RollbookError(
        .io, place: path, "another process kept the index locked for \(Int(patience)) s", hint: "run the command again")
    case .SQLITE_FULL:
      return RollbookError(.io, place: path, "the disk is full", hint: "free some space, then run the command again")
    case .SQLITE_READONLY, .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_AUTH:
      return RollbookError(
        .io, place: path, "cannot open the index: \(words)",
        hint: "check the owner and the mode of the file and its folder")
    case .SQLITE_IOERR:
      return RollbookError(.io, place: path, "cannot read or write the index: \(words)")
    default:
      return RollbookError(.bug, place: path, words, hint: "this is a fault in Rollbook: please report it")
    }
  }
}
