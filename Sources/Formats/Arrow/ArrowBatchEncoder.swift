/// Whether the buffers of a file's batches are compressed.
package enum ArrowCompression: Sendable {
  case none
  case lz4Frame
}

/// Encodes record batches as they stand in a file, one after the other, into memory that is used again: buffers in
/// pre-order of the columns, each padded to 8 bytes, the metadata put in front when they are done. Not for use by two
/// threads at once.
final class ArrowBatchEncoder {
  let compression: ArrowCompression
  private var memory = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  /// Bytes used, from the start of the metadata.
  private var end = 0
  private var metadataLength = 0
  /// Offset in the body and length of each buffer, in turn.
  private var places: [Int64] = []
  /// Count and null count of each column, in turn.
  private var nodes: [Int64] = []
  /// Numbers of nodes and buffers for which `metadataLength` holds, together.
  private var shape = (-1, -1)

  init(compression: ArrowCompression) {
    self.compression = compression
  }

  deinit { memory.deallocate() }

  /// Encodes one batch and hands it to `body`: the metadata's length, and metadata and body as one piece, which is
  /// valid only there.
  func encode<Result>(
    _ columns: [ArrowColumn], rowCount: Int, _ body: (Int, UnsafeRawBufferPointer) throws -> Result
  ) throws -> Result {
    places.removeAll(keepingCapacity: true)
    nodes.removeAll(keepingCapacity: true)
    let counts = columns.reduce((0, 0)) { ($0.0 + $1.nodeCount, $0.1 + $1.bufferCount) }
    if counts != shape {
      // The length does not depend on the numbers in it.
      metadataLength = ArrowMetadata.message(
        compression, rowCount: rowCount, nodes: [Int64](repeating: 0, count: 2 * counts.0),
        buffers: [Int64](repeating: 0, count: 2 * counts.1), bodyLength: 0
      ).count
      shape = counts
    }
    end = metadataLength
    reserve(0)
    for column in columns { try append(column) }
    let metadata = ArrowMetadata.message(
      compression, rowCount: rowCount, nodes: nodes, buffers: places, bodyLength: end - metadataLength)
    guard metadata.count == metadataLength else {
      throw RollbookError.bug("\(metadata.count) bytes of metadata, not \(metadataLength)")
    }
    UnsafeMutableRawBufferPointer(rebasing: memory[..<metadataLength]).copyBytes(from: metadata)
    return try body(metadataLength, UnsafeRawBufferPointer(rebasing: memory[..<end]))
  }

  /// Makes room for `extra` bytes after `end`.
  private func reserve(_ extra: Int) {
    let needed = end + extra
    guard needed > memory.count else { return }
    let larger = UnsafeMutableRawBufferPointer.allocate(
      byteCount: max(needed, 2 * memory.count, 1 << 16), alignment: 64)
    larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[..<min(end, memory.count)]))
    memory.deallocate()
    memory = larger
  }

  /// Adds a column and its children.
  private func append(_ column: ArrowColumn) throws {
    let nullCount = column.nullCount
    nodes.append(Int64(column.count))
    nodes.append(Int64(nullCount))
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

  private func append<Element: BitwiseCopyable>(buffer: [Element]) throws {
    let start = end
    try buffer.withUnsafeBytes { raw in
      guard raw.count > 0 else { return }
      switch compression {
      case .none:
        reserve(raw.count + 8)
        UnsafeMutableRawBufferPointer(rebasing: memory[end...]).copyMemory(from: raw)
        end += raw.count
      case .lz4Frame:
        reserve(8 + LZ4Frame.bound(raw.count) + 8)
        memory.storeBytes(of: Int64(raw.count).littleEndian, toByteOffset: end, as: Int64.self)
        end += 8
        end += try LZ4Frame.compress(raw, into: UnsafeMutableRawBufferPointer(rebasing: memory[end...]))
      }
    }
    places.append(Int64(start - metadataLength))
    places.append(Int64(end - start))
    while end % 8 != 0 {
      memory[end] = 0
      end += 1
    }
  }
}

extension ArrowColumn {
  /// Field nodes of the column and its children.
  fileprivate var nodeCount: Int {
    if case .list(_, let child) = values { 1 + child.nodeCount } else { 1 }
  }

  fileprivate var bufferCount: Int {
    switch values {
    case .utf8, .binary: 3
    case .list(_, let child): 2 + child.bufferCount
    default: 2
    }
  }
}
