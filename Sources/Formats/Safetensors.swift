/// One safetensors file, mapped: an 8-byte little-endian length, that much JSON, then the tensors' bytes.
///
/// Specification: huggingface/safetensors, README "Format". As there, the tensors must cover the data without holes
/// or overlaps, and the header is at most 100 MB.
package final class Safetensors: TensorSource {
  package let path: String
  /// In the order of the data.
  package let tensors: [TensorInfo]
  /// The free-form `__metadata__` strings.
  package let metadata: [String: String]
  private let file: MappedFile
  private let positions: [String: Int]

  /// The longest header accepted, the limit of the reference implementation.
  package static let maximumHeader = 100_000_000

  /// Opens and checks the header; no tensor is read yet.
  ///
  /// - Throws: `RollbookError` `missing`, `io`, or `badInput` for anything the header gets wrong.
  package init(path: String) throws {
    let file = try MappedFile(path: path)
    let header = try SafetensorsHeader(file.bytes, path: path)
    self.path = path
    self.file = file
    tensors = header.tensors
    metadata = header.metadata
    positions = try tensorPositions(header.tensors, path: path)
  }

  package func info(_ name: String) -> TensorInfo? {
    positions[name].map { tensors[$0] }
  }

  /// The stored bytes of a tensor, for as long as this object lives.
  package func bytes(of name: String) -> UnsafeRawBufferPointer? {
    info(name).map { UnsafeRawBufferPointer(rebasing: file.bytes[$0.offset..<$0.offset + $0.byteCount]) }
  }

  package func read(_ name: String, rows: Range<Int>, into target: UnsafeMutableBufferPointer<Float>) throws {
    let info = info(name)
    let bytes = try tensorRows(name, info, rows: rows, count: target.count, in: file.bytes, path: path)
    guard let info else { return }
    if info.type == .f32, let start = target.baseAddress {
      file.copy(bytes, to: UnsafeMutableRawPointer(start))
    } else {
      withExtendedLifetime(file) { Widening.read(info.type, bytes, into: target) }
    }
  }

  /// Has the system read the file before it is asked for.
  package func prefetch() { file.advise(.soon) }

  /// The name of a type in a header.
  package static func name(of type: TensorType) -> String? {
    names.first { $0.value == type }?.key
  }

  fileprivate static let names: [String: TensorType] = [
    "F64": .f64, "F32": .f32, "F16": .f16, "BF16": .bf16, "F8_E4M3": .f8e4m3, "F8_E5M2": .f8e5m2,
    "I64": .i64, "I32": .i32, "I16": .i16, "I8": .i8, "U64": .u64, "U32": .u32, "U16": .u16, "U8": .u8, "BOOL": .bool,
  ]
}

/// What a safetensors header says, checked against the size of the file.
private struct SafetensorsHeader {
  var tensors: [TensorInfo] = []
  var metadata: [String: String] = [:]

  init(_ bytes: UnsafeRawBufferPointer, path: String) throws {
    func bad(_ message: String) -> RollbookError {
      .badInput(path, message, hint: "the file is damaged or no safetensors file: fetch or write it again")
    }
    guard bytes.count >= 8 else { throw bad("expected at least 8 bytes, found \(bytes.count)") }
    let stated = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    guard stated <= UInt64(Safetensors.maximumHeader) else {
      throw bad("expected a header of at most \(Safetensors.maximumHeader) bytes, found a length of \(stated)")
    }
    let length = Int(stated)
    guard length <= bytes.count - 8 else {
      throw bad("the header says \(length) bytes, the file has \(bytes.count - 8) after the length")
    }
    let text = UnsafeRawBufferPointer(rebasing: bytes[8..<8 + length])
    let json = try JSON.parse(text, source: "\(path) (header)")
    guard let object = json.object else { throw bad("expected the header to be an object, found \(json.kind)") }
    for member in object.members {
      if member.key == "__metadata__" {
        metadata = try Self.metadata(member.value, bad)
      } else {
        tensors.append(
          try Self.tensor(member.key, member.value, data: 8 + length, size: bytes.count - 8 - length, bad))
      }
    }
    tensors.sort { ($0.offset, $0.byteCount, $0.name) < ($1.offset, $1.byteCount, $1.name) }
    var end = 8 + length
    for tensor in tensors {
      guard tensor.offset == end else {
        throw bad(
          "expected tensor '\(tensor.name)' to start at byte \(end), where the one before ends, "
            + "found \(tensor.offset)")
      }
      end += tensor.byteCount
    }
    guard end == bytes.count else { throw bad("the tensors end at byte \(end), the file at \(bytes.count)") }
  }

  private static func metadata(_ json: JSON, _ bad: (String) -> RollbookError) throws -> [String: String] {
    guard let object = json.object else { throw bad("expected __metadata__ to be an object, found \(json.kind)") }
    var metadata: [String: String] = [:]
    for member in object.members {
      guard let value = member.value.string else {
        throw bad("expected __metadata__ '\(member.key)' to be a string, found \(member.value.kind)")
      }
      metadata[member.key] = value
    }
    return metadata
  }

  /// - Parameters:
  ///   - data: The byte where the data begins.
  ///   - size: Bytes of data.
  private static func tensor(
    _ name: String, _ json: JSON, data: Int, size: Int, _ bad: (String) -> RollbookError
  ) throws -> TensorInfo {
    guard let dtype = json["dtype"]?.string, let type = Safetensors.names[dtype] else {
      throw bad("tensor '\(name)' has an unknown dtype: \((try? json["dtype"]?.serialized()) ?? "none")")
    }
    let shape = json["shape"]?.array?.compactMap(\.int) ?? []
    guard let stated = json["shape"]?.array, stated.count == shape.count, let elements = elementCount(of: shape),
      let expected = type.bytes(for: elements)
    else { throw bad("tensor '\(name)' has no sound shape") }
    guard let ends = json["data_offsets"]?.array, ends.count == 2, let begin = ends[0].int, let end = ends[1].int,
      begin >= 0, begin <= end, end <= size
    else { throw bad("tensor '\(name)' has no sound data_offsets within the \(size) bytes of data") }
    guard end - begin == expected else {
      throw bad("tensor '\(name)' of \(dtype) \(shape) takes \(expected) bytes, found \(end - begin)")
    }
    return TensorInfo(name: name, type: type, shape: shape, offset: data + begin, byteCount: expected)
  }
}
