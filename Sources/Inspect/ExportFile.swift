import Formats
import Foundation

/// A file that appears under its name when it is complete, and not before.
struct ExportFile {
  private let system = LocalFileSystem()
  private let file: OpenFile

  /// Writes a file through a temporary one beside it, which goes away when `body` throws.
  static func write<Result>(_ path: String, _ body: (ExportFile) throws -> Result) throws -> Result {
    try replacing(path) { staged in
      let file = ExportFile(file: try LocalFileSystem().open(staged, keeping: 0))
      let result: Result
      do {
        result = try body(file)
        try file.system.sync(file.file)
      } catch {
        try? file.system.close(file.file)
        throw error
      }
      try file.system.close(file.file)
      return result
    }
  }

  func write(_ text: String) throws {
    var text = text
    try text.withUTF8 { try system.write(UnsafeRawBufferPointer($0), to: file) }
  }

  func write(_ bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes { try system.write($0, to: file) }
  }

  /// Lets `body` write to a temporary name beside `path`, then renames.
  static func replacing<Result>(_ path: String, _ body: (String) throws -> Result) throws -> Result {
    let system = LocalFileSystem()
    let staged = "\(path).\(String(UInt64.random(in: 0...UInt64.max), radix: 16)).tmp"
    do {
      let result = try body(staged)
      try system.replace(path, with: staged)
      try system.syncFolder(URL(fileURLWithPath: path).deletingLastPathComponent().path)
      return result
    } catch {
      try? system.remove(staged)
      throw error
    }
  }
}

/// The Arrow file of an export.
struct ExportArrow {
  private let rows: ExportRows
  private let exchange: ArrowExchange

  init(_ rows: ExportRows, set: String?) throws {
    self.rows = rows
    exchange = ArrowExchange(
      set: set, components: try set.map { try rows.components(of: $0) } ?? [], tokenizer: rows.tokenizer)
  }

  /// Batches as in a rollout shard: whole groups, at most 64 rows unless one group is larger.
  func write(_ path: String) throws -> Int {
    try ExportFile.replacing(path) { staged in
      let writer = try ArrowFileWriter(path: staged, schema: exchange.schema)
      var batch: [StoredRow] = []
      var group: [StoredRow] = []
      func flush() throws {
        try writer.append(try exchange.columns(batch))
        batch.removeAll(keepingCapacity: true)
      }
      func endGroup() throws {
        if !batch.isEmpty, batch.count + group.count > RolloutShardWriter.rowsPerBatch { try flush() }
        batch += group
        group.removeAll(keepingCapacity: true)
        if batch.count >= RolloutShardWriter.rowsPerBatch { try flush() }
      }
      let count = try rows.forEach(allSets: false) { row in
        if let last = group.last?.rollout, last.step != row.rollout.step || last.group != row.rollout.group {
          try endGroup()
        }
        group.append(row)
      }
      try endGroup()
      if !batch.isEmpty { try flush() }
      try writer.finish()
      return count
    }
  }
}
