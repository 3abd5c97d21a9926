// From rows to columns, and back.

extension ArrowColumn {
  package static func int64(_ rows: [Int]) -> ArrowColumn {
    ArrowColumn(.int64(rows.map { Int64($0) }))
  }

  package static func int64(_ rows: [Int?]) -> ArrowColumn {
    ArrowColumn(.int64(rows.map { Int64($0 ?? 0) }), validity: validity(of: rows))
  }

  package static func float64(_ rows: [Double?]) -> ArrowColumn {
    ArrowColumn(.float64(rows.map { $0 ?? 0 }), validity: validity(of: rows))
  }

  /// - Throws: `RollbookError` when the texts together pass 2 GiB, which 32-bit offsets cannot address.
  package static func utf8(_ rows: [String]) throws -> ArrowColumn {
    var bytes: [UInt8] = []
    var offsets: [Int32] = [0]
    offsets.reserveCapacity(rows.count + 1)
    for row in rows {
      bytes.append(contentsOf: row.utf8)
      offsets.append(try offset(bytes.count))
    }
    return ArrowColumn(.utf8(offsets: offsets, bytes: bytes))
  }

  package static func utf8(_ rows: [String?]) throws -> ArrowColumn {
    var column = try utf8(rows.map { $0 ?? "" })
    column.validity = validity(of: rows)
    return column
  }

  package static func list(_ rows: [[Int32]]) throws -> ArrowColumn {
    let (offsets, values) = try joined(rows)
    return ArrowColumn(.list(offsets: offsets, child: ArrowColumn(.int32(values))))
  }

  package static func list(_ rows: [[Int8]]) throws -> ArrowColumn {
    let (offsets, values) = try joined(rows)
    return ArrowColumn(.list(offsets: offsets, child: ArrowColumn(.int8(values))))
  }

  package static func list(_ rows: [[Float]]) throws -> ArrowColumn {
    let (offsets, values) = try joined(rows)
    return ArrowColumn(.list(offsets: offsets, child: ArrowColumn(.float32(values))))
  }

  package static func list(_ rows: [[Float]?]) throws -> ArrowColumn {
    var column = try list(rows.map { $0 ?? [] })
    column.validity = validity(of: rows)
    return column
  }

  package static func list(_ rows: [[Bool]?]) throws -> ArrowColumn {
    var bits = Bitmap()
    var offsets: [Int32] = [0]
    for row in rows {
      bits.append(contentsOf: row ?? [])
      offsets.append(try offset(bits.count))
    }
    let child = ArrowColumn(.bool(bits))
    return ArrowColumn(.list(offsets: offsets, child: child), validity: validity(of: rows))
  }

  /// nil when no row is nil.
  private static func validity<Row>(of rows: [Row?]) -> Bitmap? {
    rows.contains { $0 == nil } ? Bitmap(rows.map { $0 != nil }) : nil
  }

  private static func joined<Element>(_ rows: [[Element]]) throws -> (offsets: [Int32], values: [Element]) {
    var values: [Element] = []
    values.reserveCapacity(rows.reduce(0) { $0 + $1.count })
    var offsets: [Int32] = [0]
    offsets.reserveCapacity(rows.count + 1)
    for row in rows {
      values.append(contentsOf: row)
      offsets.append(try offset(values.count))
    }
    return (offsets, values)
  }

  private static func offset(_ position: Int) throws -> Int32 {
    guard let offset = Int32(exactly: position) else {
      throw RollbookError(
        .badInput, "expected at most 2147483647 values in one batch of a column, found \(position)",
        hint: "write fewer rows per batch")
    }
    return offset
  }
}

extension ArrowColumn {
  /// Signed integers of any width, widened; nil for another type.
  package var ints: [Int]? {
    switch values {
    case .int8(let values): values.map { Int($0) }
    case .int16(let values): values.map { Int($0) }
    case .int32(let values): values.map { Int($0) }
    case .int64(let values): values.map { Int($0) }
    default: nil
    }
  }

  /// The text of each row, "" where it is null; nil for another type or where the bytes are no UTF-8.
  package var strings: [String]? {
    guard case .utf8(let offsets, let bytes) = values else { return nil }
    return bytes.withUnsafeBufferPointer { bytes in
      var rows: [String] = []
      rows.reserveCapacity(count)
      for row in 0..<count {
        let range = Int(offsets[row])..<Int(offsets[row + 1])
        guard let text = String(validating: UnsafeBufferPointer(rebasing: bytes[range]), as: UTF8.self) else {
          return nil
        }
        rows.append(text)
      }
      return rows
    }
  }

  /// The rows of a list column given its child's values; an empty array where a row is null.
  package static func rows<Element>(_ offsets: [Int32], _ values: [Element]) -> [[Element]] {
    (0..<max(offsets.count - 1, 0)).map { Array(values[Int(offsets[$0])..<Int(offsets[$0 + 1])]) }
  }

  /// `rows` with nil where this column is null.
  package func nullable<Row>(_ rows: [Row]) -> [Row?] {
    guard let validity else { return rows }
    return rows.indices.map { validity[$0] ? rows[$0] : nil }
  }
}
