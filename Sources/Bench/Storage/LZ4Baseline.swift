internal import CLZ4
internal import Formats

/// The LZ4 library by itself, on the buffers of shards: what our writer and reader are measured against.
///
/// One `LZ4F_compressFrame` a buffer with the preferences that shards have, and `LZ4F_decompress` of these frames with
/// one context, everything into memory that is there already.
final class LZ4Baseline {
  private var context: OpaquePointer?
  private var frames: [(start: Int, count: Int, size: Int)] = []
  private var compressed = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 22, alignment: 64)
  private var decompressed = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 22, alignment: 64)
  private(set) var compression = Clock()
  private(set) var decompression = Clock()
  private(set) var rawBytes = 0
  private(set) var frameBytes = 0

  init() throws {
    guard LZ4F_isError(LZ4F_createDecompressionContext(&context, UInt32(LZ4F_VERSION))) == 0 else {
      throw RollbookError.bug("LZ4 has no decompression context")
    }
    compressed.initializeMemory(as: UInt8.self, repeating: 0)
    decompressed.initializeMemory(as: UInt8.self, repeating: 0)
  }

  deinit {
    LZ4F_freeDecompressionContext(context)
    compressed.deallocate()
    decompressed.deallocate()
  }

  /// Compresses and decompresses the buffers of one batch.
  func run(_ columns: [ArrowColumn]) throws {
    frames.removeAll(keepingCapacity: true)
    try compression.measure { for column in columns { try column.forEachBuffer(compress) } }
    try decompression.measure {
      var end = 0
      for frame in frames {
        LZ4F_resetDecompressionContext(context)
        var (read, written) = (frame.count, frame.size)
        let rest = LZ4F_decompress(
          context, decompressed.baseAddress! + end, &written, compressed.baseAddress! + frame.start, &read, nil)
        guard rest == 0, written == frame.size else { throw RollbookError.bug("LZ4 reads other bytes than it wrote") }
        end += written
      }
      rawBytes += end
    }
    frameBytes += frames.reduce(0) { $0 + $1.count }
  }

  private func compress(_ bytes: UnsafeRawBufferPointer) throws {
    guard bytes.count > 0 else { return }
    var preferences = LZ4F_preferences_t()
    preferences.frameInfo.blockSizeID = LZ4F_max1MB
    preferences.frameInfo.blockMode = LZ4F_blockIndependent
    preferences.frameInfo.blockChecksumFlag = LZ4F_blockChecksumEnabled
    preferences.frameInfo.contentSize = UInt64(bytes.count)
    let end = frames.last.map { $0.start + $0.count } ?? 0
    guard LZ4F_compressFrameBound(bytes.count, &preferences) <= compressed.count - end else {
      throw RollbookError.bug("a batch of more than 4 MiB")
    }
    let count = LZ4F_compressFrame(
      compressed.baseAddress! + end, compressed.count - end, bytes.baseAddress, bytes.count, &preferences)
    frames.append((end, count, bytes.count))
  }
}

extension ArrowColumn {
  /// Every buffer as it is compressed: offsets before values, children after their lists.
  func forEachBuffer(_ body: (UnsafeRawBufferPointer) throws -> Void) rethrows {
    if let validity { try validity.bytes.withUnsafeBytes(body) }
    switch values {
    case .bool(let bits): try bits.bytes.withUnsafeBytes(body)
    case .int8(let values): try values.withUnsafeBytes(body)
    case .int16(let values): try values.withUnsafeBytes(body)
    case .int32(let values): try values.withUnsafeBytes(body)
    case .int64(let values): try values.withUnsafeBytes(body)
    case .uint8(let values): try values.withUnsafeBytes(body)
    case .uint16(let values): try values.withUnsafeBytes(body)
    case .uint32(let values): try values.withUnsafeBytes(body)
    case .uint64(let values): try values.withUnsafeBytes(body)
    case .float32(let values): try values.withUnsafeBytes(body)
    case .float64(let values): try values.withUnsafeBytes(body)
    case .fixedSizeBinary(_, let values): try values.withUnsafeBytes(body)
    case .utf8(let offsets, let values), .binary(let offsets, let values):
      try offsets.withUnsafeBytes(body)
      try values.withUnsafeBytes(body)
    case .list(let offsets, let child):
      try offsets.withUnsafeBytes(body)
      try child.forEachBuffer(body)
    }
  }
}
