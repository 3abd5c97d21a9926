/// Keys of a shard's schema metadata.
package enum ShardMetadata {
  package static let kindKey = "rollbook.kind"
  package static let versionKey = "rollbook.schema_version"
}

/// How rows of one kind become columns and rows again.
package protocol ShardCodec: Sendable {
  associatedtype Row: Sendable
  var kind: Manifest.Kind { get }
  /// The version that is written; it grows when a column changes its meaning. Readers ignore columns they do not know.
  var schemaVersion: Int { get }
  var fields: [ArrowField] { get }
  /// The rollout that a row is of.
  func rolloutID(_ row: Row) -> RolloutID
  /// Where the group that begins at `start` ends; its rows stay in one batch.
  func groupEnd(_ rows: UnsafeBufferPointer<Row>, from start: Int) -> Int
  /// Columns in the order of `fields`.
  ///
  /// - Throws: `RollbookError` `badInput` for a row that says something impossible, naming it.
  func encode(_ rows: RowParts<Row>) throws -> [ArrowColumn]
  /// Rows of a batch, of which columns that are not essential may be missing.
  ///
  /// - Parameter place: What errors call the place: the shard and its batch.
  func decode(_ batch: RecordBatch, place: String) throws -> [Row]
}

extension ShardCodec {
  /// The schema of a shard.
  ///
  /// - Parameter metadata: Added after kind and version, by key. It must not hold times or host names: shards are a
  ///   function of their rows.
  package func schema(metadata: [String: String]) -> ArrowSchema {
    let own = [
      ArrowSchema.Entry(ShardMetadata.kindKey, kind.rawValue),
      ArrowSchema.Entry(ShardMetadata.versionKey, String(schemaVersion)),
    ]
    let extra = metadata.sorted { $0.key < $1.key }
      .filter { $0.key != ShardMetadata.kindKey && $0.key != ShardMetadata.versionKey }
      .map { ArrowSchema.Entry($0.key, $0.value) }
    return ArrowSchema(fields: fields, metadata: own + extra)
  }
}

extension UnsafeBufferPointer {
  /// The end of the run of elements that `isSame` finds alike the one at `start`.
  @inline(__always)
  func runEnd(from start: Int, _ isSame: (UnsafePointer<Element>, UnsafePointer<Element>) -> Bool) -> Int {
    guard let base = baseAddress else { return start }
    var end = start + 1
    while end < count, isSame(base + start, base + end) { end += 1 }
    return end
  }
}

/// Typed access to the columns of a batch, with errors that name shard, batch, column and row.
struct BatchColumns {
  let batch: RecordBatch
  let place: String

  func fault(_ name: String, _ message: String) -> RollbookError {
    RollbookError.badInput(
      place, "column '\(name)': \(message)", hint: "the shard is damaged or another program wrote it")
  }

  func has(_ name: String) -> Bool { batch[name] != nil }

  private func column(_ name: String) throws -> ArrowColumn {
    guard let column = batch[name] else { throw fault(name, "expected it to be there, found no such column") }
    return column
  }

  private func required<Value>(_ name: String, _ expected: String, _ read: (ArrowColumn) -> Value?) throws -> Value {
    let column = try column(name)
    guard let value = read(column) else {
      throw fault(name, "expected \(expected), found another type or illegal bytes")
    }
    return value
  }

  private func withoutNulls<Value>(
    _ name: String, _ expected: String, _ read: (ArrowColumn) -> Value?
  ) throws -> Value {
    guard try column(name).nullCount == 0 else { throw fault(name, "expected no nulls") }
    return try required(name, expected, read)
  }

  func ids(_ name: String) throws -> [RolloutID] {
    try withoutNulls(name, "16 bytes a row") { $0.ids }
  }

  func ints(_ name: String) throws -> [Int] {
    try withoutNulls(name, "signed integers") { $0.ints }
  }

  func optionalInts(_ name: String) throws -> NullableRows<Int> {
    try required(name, "signed integers") { column in column.ints.map { NullableRows($0, column.validity) } }
  }

  func doubles(_ name: String) throws -> [Double] {
    try withoutNulls(name, "float64") { if case .float64(let values) = $0.values { values } else { nil } }
  }

  /// Finite numbers and nulls.
  func optionalDoubles(_ name: String) throws -> NullableRows<Double> {
    let values: NullableRows<Double> = try required(name, "float64") { column in
      if case .float64(let values) = column.values { NullableRows(values, column.validity) } else { nil }
    }
    for row in 0..<batch.rowCount {
      if let value = values[row], !value.isFinite {
        throw fault(name, "expected a finite number or null, found \(value) at row \(row)")
      }
    }
    return values
  }

  func strings(_ name: String) throws -> [String] {
    try withoutNulls(name, "UTF-8 text") { $0.strings }
  }

  /// Nils for a column that is not there.
  func optionalStrings(_ name: String) throws -> NullableRows<String> {
    guard has(name) else { return NullableRows() }
    return try required(name, "UTF-8 text") { column in column.strings.map { NullableRows($0, column.validity) } }
  }

  func int32Lists(_ name: String) throws -> [[Int32]] {
    try withoutNulls(name, "lists of int32") { column in
      guard case .list(let offsets, let child) = column.values, child.nullCount == 0,
        case .int32(let values) = child.values
      else { return nil }
      return ArrowColumn.rows(offsets, values)
    }
  }

  func int8Lists(_ name: String) throws -> [[Int8]] {
    try withoutNulls(name, "lists of int8") { column in
      guard case .list(let offsets, let child) = column.values, child.nullCount == 0,
        case .int8(let values) = child.values
      else { return nil }
      return ArrowColumn.rows(offsets, values)
    }
  }

  func floatLists(_ name: String) throws -> [[Float]] {
    guard try column(name).nullCount == 0 else { throw fault(name, "expected no nulls") }
    return try optionalFloatLists(name).values
  }

  /// Nils for a column that is not there.
  func optionalFloatLists(_ name: String) throws -> NullableRows<[Float]> {
    guard has(name) else { return NullableRows() }
    return try required(name, "lists of float32") { column in
      guard case .list(let offsets, let child) = column.values, child.nullCount == 0,
        case .float32(let values) = child.values
      else { return nil }
      return NullableRows(ArrowColumn.rows(offsets, values), column.validity)
    }
  }

  /// Nils for a column that is not there.
  func optionalBoolLists(_ name: String) throws -> NullableRows<[Bool]> {
    guard has(name) else { return NullableRows() }
    return try required(name, "lists of booleans") { column in
      guard case .list(let offsets, let child) = column.values, child.nullCount == 0,
        case .bool(let bits) = child.values
      else { return nil }
      let rows = (0..<column.count).map { row in
        column.isNull(row) ? [] : bits.bools(Int(offsets[row])..<Int(offsets[row + 1]))
      }
      return NullableRows(rows, column.validity)
    }
  }
}

/// Values of which some may be null, or all: a column that is not there.
struct NullableRows<Value> {
  /// Something in place of each null; empty where all are null.
  let values: [Value]
  private let validity: Bitmap?

  /// All of them null.
  init() {
    values = []
    validity = nil
  }

  init(_ values: [Value], _ validity: Bitmap?) {
    self.values = values
    self.validity = validity
  }

  subscript(row: Int) -> Value? {
    values.isEmpty || !(validity?[row] ?? true) ? nil : values[row]
  }
}

extension ArrowColumn {
  /// Rollout ids as 16 bytes each.
  static func ids<Row>(_ rows: RowParts<Row>, _ id: (UnsafePointer<Row>) -> RolloutID) -> ArrowColumn {
    let size = RolloutID.byteCount * rows.count
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { output, count in
      rows.forEach { number, row in
        id(row).store(into: UnsafeMutableRawPointer(output.baseAddress! + RolloutID.byteCount * number))
      }
      count = size
    }
    return ArrowColumn(.fixedSizeBinary(width: RolloutID.byteCount, bytes: bytes))
  }

  /// The rollout ids of a column of 16 bytes a row; nil for another.
  var ids: [RolloutID]? {
    guard case .fixedSizeBinary(RolloutID.byteCount, let bytes) = values else { return nil }
    return bytes.withUnsafeBytes { bytes in
      (0..<count).map { RolloutID(loading: bytes, at: RolloutID.byteCount * $0) }
    }
  }
}
