/// How a tensor's numbers are stored. Quantised types are blocks of consecutive elements of a row.
///
/// The first group are the types of safetensors (specification: huggingface/safetensors, README "Format"), the second
/// those of GGUF (specification: ggml-org/ggml, docs/gguf.md). F32, F16 and BF16 are in both.
package enum TensorType: String, Sendable, CaseIterable {
  case f32, f16, bf16
  case f64, i8, i16, i32, i64, u8, u16, u32, u64, bool
  case f8e4m3 = "f8_e4m3"
  case f8e5m2 = "f8_e5m2"
  case q4_0, q4_1, q5_0, q5_1, q8_0, q2_k, q3_k, q4_k, q5_k, q6_k, iq4_nl, iq4_xs

  /// Elements a block holds; 1 for types that are no blocks.
  package var blockElements: Int {
    switch self {
    case .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .iq4_nl: 32
    case .q2_k, .q3_k, .q4_k, .q5_k, .q6_k, .iq4_xs: 256
    default: 1
    }
  }

  /// Bytes of a block.
  package var blockBytes: Int {
    switch self {
    case .i8, .u8, .bool, .f8e4m3, .f8e5m2: 1
    case .f16, .bf16, .i16, .u16: 2
    case .f32, .i32, .u32: 4
    case .f64, .i64, .u64: 8
    case .q4_0: 2 + 16
    case .q4_1: 2 + 2 + 16
    case .q5_0: 2 + 4 + 16
    case .q5_1: 2 + 2 + 4 + 16
    case .q8_0: 2 + 32
    case .iq4_nl: 2 + 16
    case .q2_k: 16 + 64 + 2 + 2
    case .q3_k: 32 + 64 + 12 + 2
    case .q4_k: 2 + 2 + 12 + 128
    case .q5_k: 2 + 2 + 12 + 32 + 128
    case .q6_k: 128 + 64 + 16 + 2
    case .iq4_xs: 2 + 2 + 4 + 128
    }
  }

  /// Bytes of that many elements; nil if they are no whole blocks, or too many to count.
  package func bytes(for elements: Int) -> Int? {
    guard elements >= 0, elements % blockElements == 0 else { return nil }
    let (bytes, overflow) = (elements / blockElements).multipliedReportingOverflow(by: blockBytes)
    return overflow ? nil : bytes
  }

  /// Whether `TensorSource.read` can turn it into floats.
  package var isReadable: Bool {
    switch self {
    case .f64, .i8, .i16, .i32, .i64, .u8, .u16, .u32, .u64, .bool, .f8e4m3, .f8e5m2: false
    default: true
    }
  }
}

/// Where a tensor is in its file.
package struct TensorInfo: Equatable, Sendable {
  package var name: String
  package var type: TensorType
  /// Outermost dimension first, row-major, as in Hugging Face: a linear layer is [out, in]. Empty for a scalar.
  package var shape: [Int]
  /// The first byte, from the start of the file.
  package var offset: Int
  package var byteCount: Int

  package init(name: String, type: TensorType, shape: [Int], offset: Int, byteCount: Int) {
    self.name = name
    self.type = type
    self.shape = shape
    self.offset = offset
    self.byteCount = byteCount
  }

  /// The product of the shape. Sources check at opening that it can be counted.
  package var elementCount: Int { shape.reduce(1, *) }
  /// The outermost dimension; 1 for a scalar.
  package var rowCount: Int { shape.first ?? 1 }
  /// Elements of one index of the outermost dimension.
  package var rowElements: Int { shape.dropFirst().reduce(1, *) }
}

/// Named tensors that can be read as floats: a safetensors file, several of them, a GGUF file, a model.
///
/// Reading is a pure function of the file: any number of threads may read at once.
package protocol TensorSource: Sendable {
  /// Every tensor, in the order of the file.
  var tensors: [TensorInfo] { get }
  /// The tensor of that name, if there is one.
  func info(_ name: String) -> TensorInfo?
  /// Reads rows (indices of the outermost dimension; a scalar is one row), widened or dequantised.
  ///
  /// - Parameter target: Takes exactly `rows.count * rowElements` elements, in row-major order.
  /// - Throws: `RollbookError` `missing` for an unknown name, `badInput` for rows or a count that do not fit and
  ///   for a type that holds no floats.
  func read(_ name: String, rows: Range<Int>, into target: UnsafeMutableBufferPointer<Float>) throws
}

extension TensorSource {
  /// Reads a whole tensor; `target` takes exactly its element count.
  package func read(_ name: String, into target: UnsafeMutableBufferPointer<Float>) throws {
    try read(name, rows: 0..<(info(name)?.rowCount ?? 0), into: target)
  }

  /// Reads a whole tensor into a new array.
  package func read(_ name: String) throws -> [Float] {
    let count = info(name)?.elementCount ?? 0
    return try [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      try read(name, into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
      initialized = count
    }
  }
}

/// A tensor's stored bytes for the rows asked for, after every check `TensorSource.read` promises.
///
/// - Parameters:
///   - bytes: The whole file.
///   - path: Names the file in errors.
func tensorRows(
  _ name: String, _ info: TensorInfo?, rows: Range<Int>, count: Int, in bytes: UnsafeRawBufferPointer, path: String
) throws -> UnsafeRawBufferPointer {
  guard let info else {
    throw RollbookError.missing(
      path, "expected a tensor '\(name)', found none of that name",
      hint: "check that the file belongs to the model's config.json")
  }
  guard info.type.isReadable else {
    throw RollbookError.badInput(
      path, "tensor '\(name)' has type \(info.type.rawValue), which does not hold weights that can be read",
      hint: "convert the model to F32, F16 or BF16")
  }
  guard rows.lowerBound >= 0, rows.upperBound <= info.rowCount else {
    throw RollbookError.badInput(path, "tensor '\(name)' has \(info.rowCount) rows, asked for rows \(rows)")
  }
  guard rows.count * info.rowElements == count else {
    throw RollbookError.badInput(
      path, "tensor '\(name)' has shape \(info.shape): \(rows.count * info.rowElements) elements, room for \(count)")
  }
  guard let start = info.type.bytes(for: rows.lowerBound * info.rowElements), let length = info.type.bytes(for: count),
    info.offset >= 0, start <= info.byteCount, length <= info.byteCount - start,
    info.offset <= bytes.count, info.byteCount <= bytes.count - info.offset
  else {
    throw RollbookError.badInput(path, "rows \(rows) of tensor '\(name)' (\(info.type.rawValue)) are no whole blocks")
  }
  let first = info.offset + start
  return UnsafeRawBufferPointer(rebasing: bytes[first..<first + length])
}

/// The number of elements of a shape read from a file; nil if a dimension is negative or the product too large
/// (of the dimensions that are not 0, so that the product of some of them can be counted as well).
func elementCount(of shape: [Int]) -> Int? {
  var count = 1
  for dimension in shape {
    guard dimension >= 0 else { return nil }
    let (product, overflow) = count.multipliedReportingOverflow(by: max(dimension, 1))
    if overflow { return nil }
    count = product
  }
  return shape.contains(0) ? 0 : count
}

/// From tensor name to position.
///
/// - Throws: `RollbookError` `badInput` for a name given twice.
func tensorPositions(_ tensors: [TensorInfo], path: String) throws -> [String: Int] {
  var positions: [String: Int] = [:]
  positions.reserveCapacity(tensors.count)
  for (index, tensor) in tensors.enumerated() {
    guard positions.updateValue(index, forKey: tensor.name) == nil else {
      throw RollbookError.badInput(path, "expected each tensor once, found two called '\(tensor.name)'")
    }
  }
  return positions
}
