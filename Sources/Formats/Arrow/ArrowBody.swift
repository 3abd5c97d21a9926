/// Whether the buffers of a file's batches are compressed.
package enum ArrowCompression: Sendable {
  case none
  case lz4Frame
}

/// The body of one record batch under construction: buffers in pre-order of the columns, each padded to 8 bytes.
struct ArrowBody {
  let compression: ArrowCompression
  private(set) var bytes: [UInt8] = []
  private(set) var buffers: [(offset: Int, length: Int)] = []
  private(set) var nodes: [(count: Int, nullCount: Int)] = []

  init(compression: ArrowCompression) {
    self.compression = compression
  }

  /// Adds a column and its children.
  mutating func append(_ column: ArrowColumn) throws {
    let nullCount = column.nullCount
    nodes.append((column.count, nullCount))
    try append(buffer: nullCount > 0 ? column.validity?.bytes ?? [] : [])
    switch column.values {
    case .bool(let bits): try append(buffer: bits.bytes)
    case .int8(let values): try append(buffer: values)
    case .int16(let values): try append(buffer: values)
    case .int32(let values): try append(buffer: values)
    case .int64(let values): try append(buffer: values)
    case .uint8(let values): try append(buffer: values)
    case .uint16(let values): try append(buffer: values)
    case .uint32(let values): try append(buffer: values)
    case .uint64(let values): try append(buffer: values)
    case .float32(let values): try append(buffer: values)
    case .float64(let values): try append(buffer: values)
    case .fixedSizeBinary(_, let values): try append(buffer: values)
    case .utf8(let offsets, let values), .binary(let offsets, let values):
      try append(buffer: offsets)
      try append(buffer: values)
    case .list(let offsets, let child):
      try append(buffer: offsets)
      try append(child)
    }
  }

  private mutating func append<Element: BitwiseCopyable>(buffer: [Element]) throws {
    let start = bytes.count
    try buffer.withUnsafeBytes { raw in
      guard !raw.isEmpty else { return }
      switch compression {
      case .none: bytes.append(contentsOf: raw)
      case .lz4Frame:
        bytes.append(littleEndian: Int64(raw.count))
        try LZ4Frame.append(raw, to: &bytes)
      }
    }
    buffers.append((start, bytes.count - start))
    bytes.padToEight()
  }
}
