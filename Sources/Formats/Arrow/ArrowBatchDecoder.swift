/// Turns one batch's buffers into columns. Every length is checked before memory is taken for it.
struct ArrowBatchDecoder {
  let file: UnsafeRawBufferPointer
  let path: String
  let header: ArrowBatchHeader
  let lz4: LZ4FrameDecoder
  private var node = 0
  private var buffer = 0

  init(file: UnsafeRawBufferPointer, path: String, header: ArrowBatchHeader, lz4: LZ4FrameDecoder) {
    self.file = file
    self.path = path
    self.header = header
    self.lz4 = lz4
  }

  private func fault(_ position: Int, _ field: ArrowField, _ message: String) -> RollbookError {
    RollbookError.badInput(
      "\(path) at byte \(position)", "column '\(field.name)': \(message)",
      hint: "the file is damaged or was not written by an Arrow library")
  }

  /// Passes over a column that nobody asked for.
  mutating func skip(_ field: ArrowField) {
    node += field.type.nodeCount
    buffer += field.type.bufferCount
  }

  /// Decodes the next column; `rows` is the batch's row count, nil for the child of a list.
  mutating func column(_ field: ArrowField, rows: Int?) throws -> ArrowColumn {
    let (count, nullCount) = (header.nodes[node].count, header.nodes[node].nullCount)
    let first = header.buffers[buffer]
    node += 1
    buffer += 1
    if let rows, rows != count {
      throw fault(first.start, field, "expected \(rows) rows, found \(count)")
    }
    guard nullCount == 0 || field.nullable else {
      throw fault(first.start, field, "expected no nulls, found \(nullCount)")
    }
    var validity: Bitmap?
    if nullCount > 0 {
      let bits = try bitmap(first, field, count: count)
      guard count - bits.setCount == nullCount else {
        throw fault(first.start, field, "expected \(nullCount) nulls, found \(count - bits.setCount)")
      }
      validity = bits
    }
    return ArrowColumn(try values(field, count: count), validity: validity)
  }

  private mutating func next() -> ArrowBatchHeader.Buffer {
    defer { buffer += 1 }
    return header.buffers[buffer]
  }

  private mutating func values(_ field: ArrowField, count: Int) throws -> ArrowColumn.Values {
    switch field.type {
    case .bool: return .bool(try bitmap(next(), field, count: count))
    case .int(8, true): return .int8(try load(next(), field, count: count))
    case .int(16, true): return .int16(try load(next(), field, count: count))
    case .int(32, true): return .int32(try load(next(), field, count: count))
    case .int(_, true): return .int64(try load(next(), field, count: count))
    case .int(8, _): return .uint8(try load(next(), field, count: count))
    case .int(16, _): return .uint16(try load(next(), field, count: count))
    case .int(32, _): return .uint32(try load(next(), field, count: count))
    case .int: return .uint64(try load(next(), field, count: count))
    case .float32: return .float32(try load(next(), field, count: count))
    case .float64: return .float64(try load(next(), field, count: count))
    case .fixedSizeBinary(let width):
      let (size, overflow) = count.multipliedReportingOverflow(by: width)
      let place = next()
      guard !overflow else { throw fault(place.start, field, "\(count) rows of \(width) bytes are too many") }
      return .fixedSizeBinary(width: width, bytes: try load(place, field, count: size))
    case .utf8, .binary:
      let place = next()
      let offsets = try offsets(place, field, count: count)
      let bytes: [UInt8] = try load(next(), field, count: Int(offsets[count]))
      return field.type == .utf8 ? .utf8(offsets: offsets, bytes: bytes) : .binary(offsets: offsets, bytes: bytes)
    case .list(let childField):
      let place = next()
      let offsets = try offsets(place, field, count: count)
      let child = try column(childField, rows: nil)
      guard Int(offsets[count]) <= child.count else {
        throw fault(place.start, field, "expected offsets up to \(child.count), found \(offsets[count])")
      }
      return .list(offsets: offsets, child: child)
    }
  }

  /// count + 1 offsets, ascending from zero or more. A batch of no rows may leave them out.
  private func offsets(_ place: ArrowBatchHeader.Buffer, _ field: ArrowField, count: Int) throws -> [Int32] {
    if count == 0 { return [0] }
    let offsets: [Int32] = try load(place, field, count: count + 1)
    var last: Int32 = 0
    for (row, offset) in offsets.enumerated() {
      guard offset >= last else {
        throw fault(place.start, field, "expected ascending offsets, found \(offset) after \(last) at row \(row)")
      }
      last = offset
    }
    return offsets
  }

  private func bitmap(_ place: ArrowBatchHeader.Buffer, _ field: ArrowField, count: Int) throws -> Bitmap {
    Bitmap(packed: try load(place, field, count: (count + 7) / 8), count: count)
  }

  /// `count` elements from a buffer, which may be longer (writers may pad) but not shorter.
  private func load<Element: BitwiseCopyable>(
    _ place: ArrowBatchHeader.Buffer, _ field: ArrowField, count: Int
  ) throws -> [Element] {
    if count == 0 { return [] }
    let (size, overflow) = count.multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
    guard !overflow else { throw fault(place.start, field, "\(count) values are too many") }
    var raw = UnsafeRawBufferPointer(rebasing: file[place.start..<(place.start + place.length)])
    var frame: UnsafeRawBufferPointer?
    var held = raw.count
    if header.isCompressed {
      guard raw.count >= 8 else {
        throw fault(place.start, field, "expected a compressed buffer, found \(raw.count) bytes")
      }
      let declared = Int64(littleEndian: raw.loadUnaligned(as: Int64.self))
      raw = UnsafeRawBufferPointer(rebasing: raw[8...])
      held = raw.count
      if declared != -1 {
        guard declared >= 0, declared <= Int64(raw.count) * Int64(LZ4Frame.largestRatio) else {
          throw fault(
            place.start, field, "expected the length of \(raw.count) bytes once decompressed, found \(declared)")
        }
        frame = raw
        held = Int(declared)
      }
    }
    guard held >= size else { throw fault(place.start, field, "expected \(size) bytes, found \(held)") }
    guard let frame else {
      return [Element](unsafeUninitializedCapacity: count) { output, initialized in
        UnsafeMutableRawBufferPointer(output).copyMemory(from: UnsafeRawBufferPointer(rebasing: raw[..<size]))
        initialized = count
      }
    }
    return try decompress(frame, place, field, count: count, held: held)
  }

  /// `held` bytes of a frame, of which the first `count` elements are kept.
  private func decompress<Element: BitwiseCopyable>(
    _ frame: UnsafeRawBufferPointer, _ place: ArrowBatchHeader.Buffer, _ field: ArrowField, count: Int, held: Int
  ) throws -> [Element] {
    let stride = MemoryLayout<Element>.stride
    let capacity = (held + stride - 1) / stride
    return try [Element](unsafeUninitializedCapacity: capacity) { output, initialized in
      let target = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(output)[..<held])
      if let problem = lz4.decode(frame, into: target) { throw fault(place.start, field, problem) }
      initialized = count
    }
  }
}
