/// Writes one safetensors file, front to back: names and shapes first, then the numbers, in the same order.
///
/// The bytes are a pure function of the arguments: keys in a fixed order, no times. The header is padded with spaces
/// to a multiple of 8 bytes. Write to staging and publish by a rename: a writer that stops half-way leaves a file
/// that does not open.
package final class SafetensorsWriter {
  /// A tensor that will follow.
  package struct Tensor: Equatable, Sendable {
    package var name: String
    /// Outermost first.
    package var shape: [Int]
    /// `f32`, or `bf16` or `f16` (each value rounded to the nearest, ties to even).
    package var type: TensorType

    package init(name: String, shape: [Int], type: TensorType = .f32) {
      self.name = name
      self.shape = shape
      self.type = type
    }
  }

  /// What was written.
  package struct Written: Equatable, Sendable {
    /// The digest of the whole file.
    package var digest: String
    package var byteCount: Int
  }

  package let path: String
  private let files: any FileSystem
  private let tensors: [Tensor]
  private let finished: (Written) -> Void
  private var file: OpenFile?
  private var stream = Digest.Stream()
  private var byteCount = 0
  /// The tensor being written, and how many of its elements are.
  private var current = 0
  private var written = 0
  private let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)
  /// What waits to be written.
  private let staged = UnsafeMutableRawBufferPointer.allocate(byteCount: 8 << 20, alignment: directUnit)
  private var stagedCount = 0
  /// Files at least this long bypass the system's cache. It would copy them page by page, and where memory is short
  /// throw out what the next program needs (docs/performance.md).
  private static let directBytes = 64 << 20

  /// Creates (or empties) the file and writes the header.
  ///
  /// - Parameters:
  ///   - metadata: Free-form strings. transformers wants `format` to be `pt`, which is there by default.
  ///   - finished: Told what was written, by `finish`.
  /// - Throws: `RollbookError` `io`, or `bug` for tensors that cannot be described.
  package init(
    path: String, tensors: [Tensor], metadata: [String: String] = ["format": "pt"],
    files: any FileSystem = LocalFileSystem(), finished: @escaping (Written) -> Void = { _ in }
  ) throws {
    let header = try Self.header(tensors, metadata)
    self.path = path
    self.files = files
    self.tensors = tensors
    self.finished = finished
    let file = try files.open(path, keeping: 0)
    self.file = file
    if tensors.reduce(0, { $0 + 4 * Self.elements($1) }) >= Self.directBytes { files.writeDirectly(true, to: file) }
    try withUnsafeBytes(of: UInt64(header.count).littleEndian) { try put($0) }
    try header.withUnsafeBytes { try put($0) }
    skipFinished()
  }

  deinit {
    if let file { try? files.close(file) }
    scratch.deallocate()
    staged.deallocate()
  }

  /// Adds the next elements of a tensor; a large one may come in several pieces.
  ///
  /// - Parameter name: Must be the tensor whose turn it is.
  package func append(_ name: String, _ values: UnsafeBufferPointer<Float>) throws {
    guard current < tensors.count, tensors[current].name == name else {
      let turn = current < tensors.count ? "'\(tensors[current].name)'" : "the end"
      throw RollbookError.bug("\(path): expected \(turn) to be written next, found '\(name)'")
    }
    guard values.count <= Self.elements(tensors[current]) - written else {
      throw RollbookError.bug("\(path): more elements than tensor '\(name)' of shape \(tensors[current].shape) has")
    }
    switch tensors[current].type {
    case .bf16: try putRounded(values, Widening.roundedToBF16)
    case .f16: try putRounded(values, Widening.roundedToF16)
    default: try put(UnsafeRawBufferPointer(values))
    }
    written += values.count
    skipFinished()
  }

  /// Adds the next elements of a tensor.
  package func append(_ name: String, _ values: [Float]) throws {
    try values.withUnsafeBufferPointer { try append(name, $0) }
  }

  /// Waits until everything is on the disk and closes the file. Nothing can be added afterwards.
  @discardableResult
  package func finish() throws -> Written {
    guard current == tensors.count else {
      throw RollbookError.bug("\(path): tensor '\(tensors[current].name)' was not written to its end")
    }
    guard let file else { throw RollbookError.bug("\(path): finished twice") }
    let whole = stagedCount / directUnit * directUnit
    try write(0..<whole, to: file)
    files.writeDirectly(false, to: file)
    try write(whole..<stagedCount, to: file)
    try files.sync(file)
    self.file = nil
    try files.close(file)
    let written = Written(digest: stream.value, byteCount: byteCount)
    finished(written)
    return written
  }

  private func skipFinished() {
    while current < tensors.count && written == Self.elements(tensors[current]) {
      current += 1
      written = 0
    }
  }

  private static func elements(_ tensor: Tensor) -> Int { tensor.shape.reduce(1, *) }

  private static func header(_ tensors: [Tensor], _ metadata: [String: String]) throws -> [UInt8] {
    var header = JSONObject()
    if !metadata.isEmpty {
      let sorted = metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      header["__metadata__"] = .object(JSONObject(sorted.map { ($0.key, .string($0.value)) }))
    }
    var end = 0
    for tensor in tensors {
      guard [.f32, .bf16, .f16].contains(tensor.type), let dtype = Safetensors.name(of: tensor.type),
        let count = elementCount(of: tensor.shape), let bytes = tensor.type.bytes(for: count),
        header[tensor.name] == nil, tensor.name != "__metadata__"
      else {
        throw RollbookError.bug("tensor '\(tensor.name)' \(tensor.type) \(tensor.shape) cannot be written")
      }
      header[tensor.name] = [
        "dtype": .string(dtype), "shape": .array(tensor.shape.map { .int($0) }),
        "data_offsets": [.int(end), .int(end + bytes)],
      ]
      end += bytes
    }
    var text = try JSON.object(header).bytes()
    while text.count % 8 != 0 { text.append(UInt8(ascii: " ")) }
    return text
  }

  /// Digests and stages piece by piece, so that both find the bytes in the processor's cache.
  private func put(_ bytes: UnsafeRawBufferPointer) throws {
    guard let file else { throw RollbookError.bug("\(path): written to after its end") }
    var rest = bytes[...]
    while !rest.isEmpty {
      let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(min(1 << 20, staged.count - stagedCount)))
      stream.update(piece)
      UnsafeMutableRawBufferPointer(rebasing: staged[stagedCount...]).copyMemory(from: piece)
      stagedCount += piece.count
      byteCount += piece.count
      rest = rest.dropFirst(piece.count)
      if stagedCount == staged.count {
        try write(0..<stagedCount, to: file)
        stagedCount = 0
      }
    }
  }

  private func write(_ range: Range<Int>, to file: OpenFile) throws {
    if !range.isEmpty { try files.write(UnsafeRawBufferPointer(rebasing: staged[range]), to: file) }
  }

  private func putRounded(_ values: UnsafeBufferPointer<Float>, _ round: (Float) -> UInt16) throws {
    let rounded = scratch.bindMemory(to: UInt16.self)
    var start = 0
    while start < values.count {
      let count = min(rounded.count, values.count - start)
      for index in 0..<count { rounded[index] = round(values[start + index]) }
      try put(UnsafeRawBufferPointer(start: scratch.baseAddress, count: 2 * count))
      start += count
    }
  }
}
