/// The types of Arrow columns that Rollbook writes; unsigned integers are only ever read.
package enum ArrowType: Equatable, Sendable {
  case bool
  case int(bits: Int, signed: Bool)
  case float32
  case float64
  case utf8
  case binary
  case fixedSizeBinary(Int)
  /// A list with 32-bit offsets. The child is any type, another list included, up to 8 deep.
  indirect case list(ArrowField)

  package static let int8 = ArrowType.int(bits: 8, signed: true)
  package static let int16 = ArrowType.int(bits: 16, signed: true)
  package static let int32 = ArrowType.int(bits: 32, signed: true)
  package static let int64 = ArrowType.int(bits: 64, signed: true)

  /// A list of non-null elements, the child named `item` as Arrow's own libraries name it.
  package static func list(of element: ArrowType) -> ArrowType {
    .list(ArrowField("item", element))
  }

  /// Buffers that a column of this type takes in a record batch, its children's included.
  var bufferCount: Int {
    switch self {
    case .utf8, .binary: 3
    case .list(let child): 2 + child.type.bufferCount
    default: 2
    }
  }

  /// Field nodes that a column of this type takes in a record batch.
  var nodeCount: Int {
    if case .list(let child) = self { 1 + child.type.nodeCount } else { 1 }
  }
}

/// A named column.
package struct ArrowField: Equatable, Sendable {
  package var name: String
  package var type: ArrowType
  package var nullable: Bool

  package init(_ name: String, _ type: ArrowType, nullable: Bool = false) {
    self.name = name
    self.type = type
    self.nullable = nullable
  }
}

/// The columns of a file and its metadata, whose order is kept.
package struct ArrowSchema: Equatable, Sendable {
  package struct Entry: Equatable, Sendable {
    package var key: String
    package var value: String

    package init(_ key: String, _ value: String) {
      self.key = key
      self.value = value
    }
  }

  package var fields: [ArrowField]
  package var metadata: [Entry]

  package init(fields: [ArrowField], metadata: [Entry] = []) {
    self.fields = fields
    self.metadata = metadata
  }

  /// The position of a column; nil when there is none of that name.
  package func index(of name: String) -> Int? {
    fields.firstIndex { $0.name == name }
  }

  /// The first value of a metadata key.
  package subscript(key: String) -> String? {
    metadata.first { $0.key == key }?.value
  }
}

/// Rows of some columns of a file: what one Arrow record batch holds.
package struct RecordBatch: Equatable, Sendable {
  /// The columns present, in the order of `columns`.
  package var fields: [ArrowField]
  package var columns: [ArrowColumn]
  package var rowCount: Int

  package init(fields: [ArrowField], columns: [ArrowColumn], rowCount: Int) {
    self.fields = fields
    self.columns = columns
    self.rowCount = rowCount
  }

  /// The column of a name; nil when the file has none or it was not selected.
  package subscript(name: String) -> ArrowColumn? {
    fields.firstIndex { $0.name == name }.map { columns[$0] }
  }
}
