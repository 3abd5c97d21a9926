/// Bytes of a file that hold a flatbuffer, with what an error message needs.
///
/// Positions are byte offsets in the file, so that every error names its place. Nothing is trusted: each access is
/// checked against `range`.
struct FlatBufferSource {
  /// The whole file.
  let file: UnsafeRawBufferPointer
  /// Where the flatbuffer lies in it; inside the file.
  let range: Range<Int>
  let path: String

  func fault(_ position: Int, _ message: String) -> RollbookError {
    RollbookError.badInput(
      "\(path) at byte \(position)", message, hint: "the file is damaged or was not written by an Arrow library")
  }

  /// Something legal that Rollbook does not read.
  func unsupported(_ position: Int, _ message: String) -> RollbookError {
    RollbookError.badInput(
      "\(path) at byte \(position)", "\(message) not supported",
      hint: "convert the file with pyarrow: booleans, integers, floats, utf8, binary and lists of these, "
        + "no dictionaries, compression none or lz4")
  }

  /// Reads a little-endian integer that must lie inside the flatbuffer.
  func load<Value: FixedWidthInteger & BitwiseCopyable>(_ position: Int, as type: Value.Type) throws -> Value {
    let size = MemoryLayout<Value>.size
    guard position >= range.lowerBound, position <= range.upperBound - size else {
      throw fault(position, "expected \(size) bytes inside the metadata, found its end at byte \(range.upperBound)")
    }
    return Value(littleEndian: file.loadUnaligned(fromByteOffset: position, as: Value.self))
  }

  /// Follows the unsigned offset stored at `position`.
  func follow(_ position: Int) throws -> Int {
    let target = position + Int(try load(position, as: UInt32.self))
    guard target > position, target <= range.upperBound - 4 else {
      throw fault(position, "expected an offset inside the metadata, found one to byte \(target)")
    }
    return target
  }

  /// The root table.
  func root() throws -> FlatBufferTable {
    try FlatBufferTable(source: self, position: follow(range.lowerBound))
  }
}

/// One table of a flatbuffer. Slots that are absent read as nil or as the given default.
struct FlatBufferTable {
  let source: FlatBufferSource
  let position: Int
  private let vtable: Int
  private let vtableSize: Int
  private let tableSize: Int

  init(source: FlatBufferSource, position: Int) throws {
    let vtable = position - Int(try source.load(position, as: Int32.self))
    let vtableSize = Int(try source.load(vtable, as: UInt16.self))
    let tableSize = Int(try source.load(vtable + 2, as: UInt16.self))
    guard vtableSize >= 4, vtableSize % 2 == 0, vtable <= source.range.upperBound - vtableSize else {
      throw source.fault(vtable, "expected the size of a vtable, found \(vtableSize)")
    }
    guard tableSize >= 4, position <= source.range.upperBound - tableSize else {
      throw source.fault(vtable + 2, "expected the size of a table at byte \(position), found \(tableSize)")
    }
    self.source = source
    self.position = position
    self.vtable = vtable
    self.vtableSize = vtableSize
    self.tableSize = tableSize
  }

  /// The position of a slot of `size` bytes, nil when it is absent.
  private func slot(_ id: Int, size: Int) throws -> Int? {
    let entry = 4 + 2 * id
    guard entry + 2 <= vtableSize else { return nil }
    let offset = Int(try source.load(vtable + entry, as: UInt16.self))
    guard offset != 0 else { return nil }
    guard offset >= 4, offset + size <= tableSize else {
      throw source.fault(vtable + entry, "expected a slot inside its table of \(tableSize) bytes, found \(offset)")
    }
    return position + offset
  }

  func scalar<Value: FixedWidthInteger & BitwiseCopyable>(_ id: Int, default value: Value) throws -> Value {
    guard let place = try slot(id, size: MemoryLayout<Value>.size) else { return value }
    return try source.load(place, as: Value.self)
  }

  func bool(_ id: Int) throws -> Bool {
    try scalar(id, default: UInt8(0)) != 0
  }

  func table(_ id: Int) throws -> FlatBufferTable? {
    guard let place = try slot(id, size: 4) else { return nil }
    return try FlatBufferTable(source: source, position: source.follow(place))
  }

  /// Bytes of a string as text; invalid UTF-8 is an error.
  func string(_ id: Int) throws -> String? {
    guard let place = try slot(id, size: 4) else { return nil }
    let start = try source.follow(place)
    let count = Int(try source.load(start, as: UInt32.self))
    guard count <= source.range.upperBound - start - 4 else {
      throw source.fault(start, "expected a string inside the metadata, found a length of \(count)")
    }
    let bytes = UnsafeRawBufferPointer(rebasing: source.file[(start + 4)..<(start + 4 + count)])
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw source.fault(start, "expected UTF-8 text, found other bytes")
    }
    return text
  }

  /// A vector whose elements take `stride` bytes each: first element's position and count; empty when absent.
  func vector(_ id: Int, stride: Int) throws -> (start: Int, count: Int) {
    guard let place = try slot(id, size: 4) else { return (position, 0) }
    let start = try source.follow(place)
    let count = Int(try source.load(start, as: UInt32.self))
    guard count <= (source.range.upperBound - start - 4) / stride else {
      throw source.fault(start, "expected a vector inside the metadata, found a count of \(count)")
    }
    return (start + 4, count)
  }

  /// A vector of tables, at most `limit` of them.
  func tables(_ id: Int, limit: Int) throws -> [FlatBufferTable] {
    let (start, count) = try vector(id, stride: 4)
    guard count <= limit else {
      throw source.fault(start, "expected at most \(limit) entries, found \(count)")
    }
    return try (0..<count).map { index in
      try FlatBufferTable(source: source, position: source.follow(start + 4 * index))
    }
  }
}
