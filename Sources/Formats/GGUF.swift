/// One GGUF file, mapped: metadata and tensors, little endian, version 2 or 3.
///
/// Specification: ggml-org/ggml, docs/gguf.md. Shapes are turned round (outermost first); names and the order of rows
/// are those of the file (`ModelFiles` gives them Hugging Face's).
package final class GGUF: TensorSource {
  package let path: String
  package let version: Int
  /// Every metadata value by key.
  package let metadata: [String: GGUFValue]
  /// In the order of the file.
  package let tensors: [TensorInfo]
  /// Tensors begin at multiples of this many bytes after the header.
  package let alignment: Int
  private let file: MappedFile
  private let positions: [String: Int]

  /// Opens and checks the header; no tensor is read yet.
  ///
  /// - Throws: `RollbookError` `missing`, `io`, or `badInput` for anything the header gets wrong.
  package init(path: String) throws {
    let file = try MappedFile(path: path)
    var reader = GGUFReader(bytes: file.bytes, path: path)
    let (version, tensorCount, valueCount) = try reader.header()
    let metadata = try reader.metadata(count: valueCount)
    var alignment = 32
    if let value = metadata["general.alignment"] {
      guard let stated = value.int, stated > 0, stated % 8 == 0, stated <= 1 << 20 else {
        throw reader.bad("expected general.alignment to be a multiple of 8")
      }
      alignment = stated
    }
    let tensors = try reader.tensors(count: tensorCount, alignment: alignment)
    self.path = path
    self.version = version
    self.metadata = metadata
    self.tensors = tensors
    self.alignment = alignment
    self.file = file
    positions = try tensorPositions(tensors, path: path)
  }

  package func info(_ name: String) -> TensorInfo? {
    positions[name].map { tensors[$0] }
  }

  package func read(_ name: String, rows: Range<Int>, into target: UnsafeMutableBufferPointer<Float>) throws {
    let info = info(name)
    let bytes = try tensorRows(name, info, rows: rows, count: target.count, in: file.bytes, path: path)
    if let info { withExtendedLifetime(file) { GGUF.dequantize(info.type, bytes, into: target) } }
  }

  /// The storage type of a `ggml_type` number, if it is one that can be read.
  static func type(number: UInt32) -> TensorType? {
    switch number {
    case 0: .f32
    case 1: .f16
    case 2: .q4_0
    case 3: .q4_1
    case 6: .q5_0
    case 7: .q5_1
    case 8: .q8_0
    case 10: .q2_k
    case 11: .q3_k
    case 12: .q4_k
    case 13: .q5_k
    case 14: .q6_k
    case 20: .iq4_nl
    case 23: .iq4_xs
    case 24: .i8
    case 25: .i16
    case 26: .i32
    case 27: .i64
    case 28: .f64
    case 30: .bf16
    default: nil
    }
  }
}

/// Walks a GGUF header. Every length is checked against what is left of the file before anything is allocated.
struct GGUFReader {
  let bytes: UnsafeRawBufferPointer
  let path: String
  var next = 0

  init(bytes: UnsafeRawBufferPointer, path: String) {
    self.bytes = bytes
    self.path = path
  }

  func bad(_ message: String, hint: String? = nil) -> RollbookError {
    .badInput(
      "\(path) at byte \(next)", message, hint: hint ?? "the file is damaged or no GGUF file: fetch it again")
  }

  /// A little-endian number; signed, unsigned or (through its bits) floating.
  mutating func number<Number: FixedWidthInteger>(_: Number.Type = Number.self) throws -> Number {
    let size = MemoryLayout<Number>.size
    guard size <= bytes.count - next else { throw bad("expected \(size) more bytes, found the end of the file") }
    defer { next += size }
    return Number(littleEndian: bytes.loadUnaligned(fromByteOffset: next, as: Number.self))
  }

  /// A count of things that take at least `size` bytes each, so that hostile counts end here.
  mutating func count(of what: String, size: Int) throws -> Int {
    let stated = try number(UInt64.self)
    guard stated <= UInt64((bytes.count - next) / size) else {
      throw bad("expected \(what) within the \(bytes.count - next) bytes left, found a count of \(stated)")
    }
    return Int(stated)
  }

  /// A string: 64-bit length, then UTF-8 (bytes that are none become U+FFFD).
  mutating func string() throws -> String {
    let length = try count(of: "a string", size: 1)
    defer { next += length }
    return String(decoding: UnsafeRawBufferPointer(rebasing: bytes[next..<next + length]), as: UTF8.self)
  }

  /// Magic, version, and the two counts.
  mutating func header() throws -> (version: Int, tensors: Int, values: Int) {
    guard bytes.count >= 4, bytes[0..<4].elementsEqual("GGUF".utf8) else { throw bad("expected the magic 'GGUF'") }
    next = 4
    let version = try number(UInt32.self)
    guard version == 2 || version == 3 else {
      if version.byteSwapped <= 3 {
        throw bad("expected a little-endian file, found a big-endian one", hint: "convert it with gguf-convert-endian")
      }
      throw bad("expected GGUF version 2 or 3, found \(version)", hint: "convert the model again with current tools")
    }
    // The least a tensor takes: empty name, no dimensions, type, offset; the least a value takes: key, type, a byte.
    let tensors = try count(of: "tensors", size: 8 + 4 + 4 + 8)
    let values = try count(of: "metadata", size: 8 + 4 + 1)
    return (Int(version), tensors, values)
  }

  /// The tensor list; offsets in it count from the first aligned byte after it.
  mutating func tensors(count: Int, alignment: Int) throws -> [TensorInfo] {
    var tensors: [TensorInfo] = []
    tensors.reserveCapacity(count)
    for _ in 0..<count { tensors.append(try tensor(alignment: alignment)) }
    let start = (next + alignment - 1) / alignment * alignment
    for index in tensors.indices {
      let tensor = tensors[index]
      guard start <= bytes.count, tensor.offset <= bytes.count - start,
        tensor.byteCount <= bytes.count - start - tensor.offset
      else {
        throw bad(
          "tensor '\(tensor.name)' takes \(tensor.byteCount) bytes at \(tensor.offset) after the header, "
            + "found \(max(bytes.count - start, 0)) bytes there",
          hint: "the file was cut short: fetch it again")
      }
      tensors[index].offset += start
    }
    return tensors
  }

  private mutating func tensor(alignment: Int) throws -> TensorInfo {
    let name = try string()
    let dimensions = try number(UInt32.self)
    guard dimensions <= 4 else { throw bad("expected at most 4 dimensions of '\(name)', found \(dimensions)") }
    var shape: [Int] = []
    for _ in 0..<dimensions {
      guard let dimension = Int(exactly: try number(UInt64.self)) else { throw bad("'\(name)' is too large") }
      shape.append(dimension)
    }
    let number = try number(UInt32.self)
    guard let type = GGUF.type(number: number) else {
      throw bad(
        "tensor '\(name)' has ggml type \(number), which is not supported",
        hint: "convert the model to one of F32, F16, BF16, Q8_0, Q4_0 to Q6_K, IQ4_NL, IQ4_XS")
    }
    guard let elements = elementCount(of: shape), (shape.first ?? 1) % type.blockElements == 0,
      let byteCount = type.bytes(for: elements)
    else { throw bad("tensor '\(name)' of \(type.rawValue) has no sound shape: \(shape)") }
    guard let offset = Int(exactly: try self.number(UInt64.self)), offset % alignment == 0 else {
      throw bad("expected the offset of '\(name)' to be a multiple of \(alignment)")
    }
    return TensorInfo(name: name, type: type, shape: shape.reversed(), offset: offset, byteCount: byteCount)
  }
}
