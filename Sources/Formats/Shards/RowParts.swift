/// Rows in pieces of several arrays, taken as one sequence: whole groups are encoded where they lie, since copying a
/// row takes and gives back a reference for each of its texts and lists.
package struct RowParts<Row> {
  private var parts: [ArraySlice<Row>] = []
  package private(set) var count = 0

  package init(_ rows: [Row] = []) {
    append(rows[...])
  }

  package var isEmpty: Bool { count == 0 }

  package mutating func append(_ rows: ArraySlice<Row>) {
    guard !rows.isEmpty else { return }
    parts.append(rows)
    count += rows.count
  }

  package mutating func removeAll() {
    parts.removeAll(keepingCapacity: true)
    count = 0
  }

  /// Hands every row to `body`, with its number, where it lies: `row.pointee.field` takes a reference to that field
  /// alone, where a row passed by value takes one to each.
  @inline(__always)
  func forEach(_ body: (_ number: Int, _ row: UnsafePointer<Row>) throws -> Void) rethrows {
    var number = 0
    for part in parts {
      try part.withUnsafeBufferPointer { rows in
        guard let first = rows.baseAddress else { return }
        for index in 0..<rows.count {
          try body(number, first + index)
          number += 1
        }
      }
    }
  }

  /// One value a row.
  @inline(__always)
  func map<Value>(_ value: (UnsafePointer<Row>) throws -> Value) rethrows -> [Value] {
    var values: [Value] = []
    values.reserveCapacity(count)
    try forEach { values.append(try value($1)) }
    return values
  }
}
