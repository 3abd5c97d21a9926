import Formats
import Pipeline

/// Where two shards of one kind part.
struct ShardDifference {
  struct Column {
    let name: String
    var rows = 0
    /// The largest difference between two numbers.
    var distance = 0.0
    /// The first row that differs, its address, the place in its list, both values.
    var first: (row: Int, address: String, element: Int?, stored: String, found: String)?
  }

  private(set) var rows: (stored: Int, found: Int)
  /// Those that differ; the first difference first, what follows from others (ids, the policy's digest) last.
  private(set) var columns: [Column] = []
  /// Of the schema or its metadata.
  private(set) var other: [RerunCause] = []

  private static let derived: Set<String> = ["id", "rollout", "policy", "policy_step", "seed"]

  init(stored: String, found: String) throws {
    let (a, b) = (try ArrowFileReader(path: stored), try ArrowFileReader(path: found))
    rows = (a.rowCount, b.rowCount)
    func names(_ file: ArrowFileReader) -> String { file.schema.fields.map(\.name).joined(separator: ", ") }
    if a.schema.fields != b.schema.fields {
      other.append(RerunCause(what: "columns", stored: names(a), found: names(b)))
    }
    for key in Set(a.metadata.keys).union(b.metadata.keys).sorted() where a.metadata[key] != b.metadata[key] {
      other.append(RerunCause(what: key, stored: a.metadata[key] ?? "none", found: b.metadata[key] ?? "none"))
    }
    try compare(a, b)
  }

  /// Row by row as far as both go, whatever batches they are cut into.
  private mutating func compare(_ a: ArrowFileReader, _ b: ArrowFileReader) throws {
    let shared = a.schema.fields.filter { field in b.schema.fields.contains { $0.name == field.name } }.map(\.name)
    var found = Dictionary(uniqueKeysWithValues: Set(shared).map { ($0, Column(name: $0)) })
    var (mine, other) = (Cursor(a), Cursor(b))
    while let x = try mine.batch(), let y = try other.batch() {
      let count = min(x.rowCount - mine.row, y.rowCount - other.row)
      let isAligned = mine.row == 0 && other.row == 0 && x.rowCount == y.rowCount
      for name in shared {
        guard let p = x[name], let q = y[name], !(isAligned && p == q) else { continue }
        for offset in 0..<count {
          let (u, v) = (ArrowCell(p, mine.row + offset), ArrowCell(q, other.row + offset))
          guard u != v else { continue }
          found[name]?.add(u, v, row: mine.passed + offset, address: Self.address(x, mine.row + offset))
        }
      }
      mine.advance(count)
      other.advance(count)
    }
    columns = shared.compactMap { found.removeValue(forKey: $0) }.filter { $0.rows > 0 }
    columns.sort { (Self.derived.contains($0.name) ? 1 : 0) < (Self.derived.contains($1.name) ? 1 : 0) }
  }

  /// STEP/PROMPT/SAMPLE of a row, as far as the shard has them.
  private static func address(_ batch: RecordBatch, _ row: Int) -> String {
    ["step", "prompt_id", "sample"].compactMap { name -> String? in
      guard let column = batch[name], row < column.count else { return nil }
      if case .text(let text) = ArrowCell(column, row) { return text }
      return ArrowCell(column, row).text
    }.joined(separator: "/")
  }

  /// A place in a file of batches.
  private struct Cursor {
    let file: ArrowFileReader
    private var index = 0
    private var loaded: RecordBatch?
    /// In the batch, and over all.
    private(set) var row = 0
    private(set) var passed = 0

    init(_ file: ArrowFileReader) { self.file = file }

    /// The batch at this place; nil at the end.
    mutating func batch() throws -> RecordBatch? {
      while index < file.batchCount {
        let batch = try loaded ?? file.batch(index)
        loaded = batch
        if row < batch.rowCount { return batch }
        (index, row, loaded) = (index + 1, 0, nil)
      }
      return nil
    }

    mutating func advance(_ count: Int) {
      row += count
      passed += count
    }
  }
}

extension ShardDifference.Column {
  fileprivate mutating func add(_ stored: ArrowCell, _ found: ArrowCell, row: Int, address: String) {
    rows += 1
    distance = max(distance, stored.distance(found))
    guard first == nil else { return }
    let parting = stored.parting(found)
    first = (row, address, parting.element, parting.mine.text, parting.other.text)
  }
}

extension ShardDifference {
  /// The first difference, then how far it goes.
  var lines: [String] {
    var lines: [String] = []
    if rows.stored != rows.found { lines.append("rows: stored \(rows.stored), rerun \(rows.found)") }
    if let column = columns.first, let first = column.first {
      let place = "\(first.row) (\(first.address))" + (first.element.map { ", element \($0)" } ?? "")
      lines.append("first: column \(column.name), row \(place): stored \(first.stored), rerun \(first.found)")
      lines.append("columns that differ: " + columns.map(Self.summary).joined(separator: ", "))
    } else if rows.stored == rows.found, !other.contains(where: { $0.what == "columns" }) {
      lines.append("the rows are the same" + (other.isEmpty ? ", their compressed bytes are not" : ""))
    }
    return lines + other.map { "\($0.what): stored \($0.stored), rerun \($0.found)" }
  }

  private static func summary(_ column: Column) -> String {
    let most = column.distance > 0 ? ", at most \(column.distance)" : ""
    return "\(column.name) (\(column.rows) row\(column.rows == 1 ? "" : "s")\(most))"
  }

  var json: JSON {
    [
      "rows": ["stored": .int(rows.stored), "rerun": .int(rows.found)],
      "columns": .array(
        columns.map { column in
          var object: JSONObject = ["name": .string(column.name), "rows": .int(column.rows)]
          object["largest"] = JSON.finite(column.distance)
          if let first = column.first {
            object["row"] = .int(first.row)
            object["address"] = .string(first.address)
            object["element"] = first.element.map { .int($0) } ?? .null
            object["stored"] = .string(first.stored)
            object["rerun"] = .string(first.found)
          }
          return .object(object)
        }),
      "metadata": .array(other.map(\.json)),
    ]
  }
}
