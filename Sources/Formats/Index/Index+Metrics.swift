import Foundation
import GRDB

// metrics.jsonl in the index. The file only grows, except when a stage that ran again replaced its line.

extension Index {
  private var metricsPath: String { "\(buffer.metrics)/metrics.jsonl" }

  /// Whether the file is the same as when it was last taken in.
  func metricsAreUpToDate(_ database: Database) throws -> Bool {
    let row = try Row.fetchOne(database, sql: "SELECT bytes, digest FROM metrics_file")
    guard FileManager.default.fileExists(atPath: metricsPath) else { return row == nil }
    guard let row else { return false }
    let bytes = try MappedFile.contents(of: metricsPath)
    return row[0] == bytes.count && row[1] == Digest.xxh3(bytes)
  }

  /// Takes in the lines that were appended; all of them if what came before has changed.
  func ingestMetrics(_ database: Database, _ report: inout IngestReport) throws {
    guard FileManager.default.fileExists(atPath: metricsPath) else {
      try database.execute(sql: "DELETE FROM metrics; DELETE FROM metrics_file")
      return
    }
    let bytes = try MappedFile.contents(of: metricsPath)
    let row = try Row.fetchOne(database, sql: "SELECT bytes, digest FROM metrics_file")
    // A last line without its newline is still being written.
    let end = bytes.lastIndex(of: 0x0A).map { $0 + 1 } ?? 0
    var start = 0
    if let row {
      let taken: Int = row[0]
      let digest: String = row[1]
      if taken <= end, Digest.xxh3(Array(bytes[..<taken])) == digest { start = taken }
    }
    if start == 0 { try database.execute(sql: "DELETE FROM metrics") }
    var line = start
    while line < end {
      let next = bytes[line..<end].firstIndex(of: 0x0A) ?? end
      let text = Array(bytes[line..<next])
      if !text.isEmpty {
        do {
          try storeMetrics(JSON.parse(text, source: metricsPath), database)
        } catch let error as RollbookError {
          report.warnings.append("\(metricsPath) at byte \(line): \(error.message)")
        }
      }
      line = next + 1
    }
    try database.execute(
      sql:
        """
        INSERT INTO metrics_file VALUES (1, ?, ?)
        ON CONFLICT DO UPDATE SET bytes = excluded.bytes, digest = excluded.digest
        """,
      arguments: [end, Digest.xxh3(Array(bytes[..<end]))])
  }

  private func storeMetrics(_ line: JSON, _ database: Database) throws {
    guard let object = line.object, let step = object["step"]?.int, let stage = object["stage"]?.string else {
      throw RollbookError.badInput(metricsPath, "expected a line with \"step\" and \"stage\"")
    }
    let time = object["time"]?.string ?? ""
    let statement = try database.cachedStatement(sql: "INSERT OR REPLACE INTO metrics VALUES (?,?,?,?,?)")
    for member in object.members where !["step", "stage", "time"].contains(member.key) {
      guard member.value.isNull || member.value.double != nil else { continue }
      try statement.execute(arguments: [step, stage, member.key, member.value.double, time])
    }
  }
}
