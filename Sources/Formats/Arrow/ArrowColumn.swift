/// One column of a record batch: contiguous arrays, as Arrow lays them out.
///
/// Null rows hold zeros, or an empty range of offsets, so that equal rows give equal bytes and nothing leaks.
package struct ArrowColumn: Equatable, Sendable {
  package enum Values: Equatable, Sendable {
    case bool(Bitmap)
    case int8([Int8])
    case int16([Int16])
    case int32([Int32])
    case int64([Int64])
    case uint8([UInt8])
    case uint16([UInt16])
    case uint32([UInt32])
    case uint64([UInt64])
    case float32([Float])
    case float64([Double])
    /// Row i is `bytes[offsets[i]..<offsets[i + 1]]`; offsets are rows + 1, ascending and inside `bytes`.
    case utf8(offsets: [Int32], bytes: [UInt8])
    case binary(offsets: [Int32], bytes: [UInt8])
    /// Row i is the `width` bytes from `i * width`.
    case fixedSizeBinary(width: Int, bytes: [UInt8])
    /// Row i is the child's rows `offsets[i]..<offsets[i + 1]`.
    indirect case list(offsets: [Int32], child: ArrowColumn)
  }

  package var values: Values
  /// One bit a row, set where the row has a value; nil when every row has one.
  package var validity: Bitmap?

  package init(_ values: Values, validity: Bitmap? = nil) {
    self.values = values
    self.validity = validity
  }

  /// Number of rows.
  package var count: Int {
    switch values {
    case .bool(let bits): bits.count
    case .int8(let values): values.count
    case .int16(let values): values.count
    case .int32(let values): values.count
    case .int64(let values): values.count
    case .uint8(let values): values.count
    case .uint16(let values): values.count
    case .uint32(let values): values.count
    case .uint64(let values): values.count
    case .float32(let values): values.count
    case .float64(let values): values.count
    case .utf8(let offsets, _), .binary(let offsets, _), .list(let offsets, _): max(offsets.count - 1, 0)
    case .fixedSizeBinary(let width, let bytes): width > 0 ? bytes.count / width : 0
    }
  }

  /// Rows without a value.
  package var nullCount: Int {
    validity.map { $0.count - $0.setCount } ?? 0
  }

  package func isNull(_ row: Int) -> Bool {
    validity.map { !$0[row] } ?? false
  }

  /// Whether the arrays are what a field of `type` holds.
  func holds(_ type: ArrowType) -> Bool {
    switch (values, type) {
    case (.bool, .bool), (.float32, .float32), (.float64, .float64), (.utf8, .utf8), (.binary, .binary): true
    case (.int8, .int8), (.int16, .int16), (.int32, .int32), (.int64, .int64): true
    case (.uint8, .int(8, false)), (.uint16, .int(16, false)): true
    case (.uint32, .int(32, false)), (.uint64, .int(64, false)): true
    case (.fixedSizeBinary(let width, let bytes), .fixedSizeBinary(let expected)):
      width == expected && bytes.count % width == 0
    case (.list(_, let child), .list(let field)): child.holds(field.type) && (field.nullable || child.nullCount == 0)
    default: false
    }
  }
}
