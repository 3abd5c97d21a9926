// From rows to columns: one pass for the size, one that copies. `value` gives a row's part.

extension ArrowColumn {
  static func int64<Row>(_ rows: RowParts<Row>, _ value: (UnsafePointer<Row>) -> Int) -> ArrowColumn {
    ArrowColumn(.int64(rows.map { Int64(value($0)) }))
  }

  static func int64<Row>(_ rows: RowParts<Row>, nullable value: (UnsafePointer<Row>) -> Int?) -> ArrowColumn {
    ArrowColumn(.int64(rows.map { Int64(value($0) ?? 0) }), validity: validity(rows, value))
  }

  static func float64<Row>(_ rows: RowParts<Row>, _ value: (UnsafePointer<Row>) -> Double) -> ArrowColumn {
    ArrowColumn(.float64(rows.map(value)))
  }

  static func float64<Row>(_ rows: RowParts<Row>, nullable value: (UnsafePointer<Row>) -> Double?) -> ArrowColumn {
    ArrowColumn(.float64(rows.map { value($0) ?? 0 }), validity: validity(rows, value))
  }

  /// - Throws: `RollbookError` when the texts together pass 2 GiB, which 32-bit offsets cannot address.
  package static func utf8<Row>(_ rows: RowParts<Row>, _ value: (UnsafePointer<Row>) -> String) throws -> ArrowColumn {
    let offsets = try offsets(rows) { value($0).utf8.count }
    let bytes = [UInt8](unsafeUninitializedCapacity: Int(offsets[rows.count])) { output, count in
      rows.forEach { number, row in
        var text = value(row)
        text.withUTF8 { bytes in
          UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(output)[Int(offsets[number])...])
            .copyMemory(from: UnsafeRawBufferPointer(bytes))
        }
      }
      count = Int(offsets[rows.count])
    }
    return ArrowColumn(.utf8(offsets: offsets, bytes: bytes))
  }

  static func utf8<Row>(_ rows: RowParts<Row>, nullable value: (UnsafePointer<Row>) -> String?) throws -> ArrowColumn {
    var column = try utf8(rows) { value($0) ?? "" }
    column.validity = validity(rows, value)
    return column
  }

  static func list<Row>(_ rows: RowParts<Row>, _ value: (UnsafePointer<Row>) -> [Int32]) throws -> ArrowColumn {
    let (offsets, values) = try joined(rows, value)
    return ArrowColumn(.list(offsets: offsets, child: ArrowColumn(.int32(values))))
  }

  static func list<Row>(_ rows: RowParts<Row>, _ value: (UnsafePointer<Row>) -> [Int8]) throws -> ArrowColumn {
    let (offsets, values) = try joined(rows, value)
    return ArrowColumn(.list(offsets: offsets, child: ArrowColumn(.int8(values))))
  }

  static func list<Row>(_ rows: RowParts<Row>, _ value: (UnsafePointer<Row>) -> [Float]) throws -> ArrowColumn {
    let (offsets, values) = try joined(rows, value)
    return ArrowColumn(.list(offsets: offsets, child: ArrowColumn(.float32(values))))
  }

  package static func list<Row>(_ rows: RowParts<Row>, nullable value: (UnsafePointer<Row>) -> [Float]?) throws -> ArrowColumn {
    var column = try list(rows) { value($0) ?? [] }
    column.validity = validity(rows, value)
    return column
  }

  static func list<Row>(_ rows: RowParts<Row>, nullable value: (UnsafePointer<Row>) -> [Bool]?) throws -> ArrowColumn {
    let offsets = try offsets(rows) { value($0)?.count ?? 0 }
    var bits = Bitmap()
    rows.forEach { bits.append(contentsOf: value($1) ?? []) }
    let child = ArrowColumn(.bool(bits))
    return ArrowColumn(.list(offsets: offsets, child: child), validity: validity(rows, value))
  }

  /// nil when no row is nil.
  private static func validity<Row, Value>(_ rows: RowParts<Row>, _ value: (UnsafePointer<Row>) -> Value?) -> Bitmap? {
    var bits = Bitmap()
    var isComplete = true
    rows.forEach { _, row in
      let isThere = value(row) != nil
      bits.append(isThere)
      isComplete = isComplete && isThere
    }
    return isComplete ? nil : bits
  }

  private static func joined<Row, Element: BitwiseCopyable>(
    _ rows: RowParts<Row>, _ value: (UnsafePointer<Row>) -> [Element]
  ) throws -> (offsets: [Int32], values: [Element]) {
    let offsets = try offsets(rows) { value($0).count }
    let values = [Element](unsafeUninitializedCapacity: Int(offsets[rows.count])) { output, count in
      rows.forEach { number, row in
        value(row).withUnsafeBytes { values in
          UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: output[Int(offsets[number])...]))
            .copyMemory(from: values)
        }
      }
      count = Int(offsets[rows.count])
    }
    return (offsets, values)
  }

  /// Where each row starts, given its length, and where the last one ends.
  private static func offsets<Row>(_ rows: RowParts<Row>, _ length: (UnsafePointer<Row>) -> Int) throws -> [Int32] {
    var offsets: [Int32] = [0]
    offsets.reserveCapacity(rows.count + 1)
    var end = 0
    try rows.forEach { _, row in
      end += length(row)
      guard let offset = Int32(exactly: end) else {
        throw RollbookError(
          .badInput, "expected at most 2147483647 values in one batch of a column, found \(end)",
          hint: "write fewer rows per batch")
      }
      offsets.append(offset)
    }
    return offsets
  }
}

// From columns to rows. Neighbours that are equal share one string or array: the rows of a group have one prompt.

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
    return bytes.withUnsafeBytes { bytes in
      var rows: [String] = []
      rows.reserveCapacity(count)
      var last = UnsafeRawBufferPointer(start: nil, count: 0)
      var text = ""
      for row in 0..<count {
        let piece = UnsafeRawBufferPointer(rebasing: bytes[Int(offsets[row])..<Int(offsets[row + 1])])
        if !isEqual(piece, last) {
          guard let next = String(validating: piece.assumingMemoryBound(to: UInt8.self), as: UTF8.self) else {
            return nil
          }
          text = next
          last = piece
        }
        rows.append(text)
      }
      return rows
    }
  }

  /// The rows of a list column given its child's values; an empty array where a row is null.
  package static func rows<Element: BitwiseCopyable>(_ offsets: [Int32], _ values: [Element]) -> [[Element]] {
    values.withUnsafeBufferPointer { values in
      var rows: [[Element]] = []
      rows.reserveCapacity(max(offsets.count - 1, 0))
      var last: [Element] = []
      var lastPiece = UnsafeBufferPointer<Element>(start: nil, count: 0)
      for row in 0..<max(offsets.count - 1, 0) {
        let piece = UnsafeBufferPointer(rebasing: values[Int(offsets[row])..<Int(offsets[row + 1])])
        if !isEqual(UnsafeRawBufferPointer(piece), UnsafeRawBufferPointer(lastPiece)) {
          last = Array(piece)
          lastPiece = piece
        }
        rows.append(last)
      }
      return rows
    }
  }
}
