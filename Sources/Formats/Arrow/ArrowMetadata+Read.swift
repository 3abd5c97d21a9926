// Decoding of schemas, messages and the footer. Nothing in a file is trusted.

/// One encapsulated message: its header table, and where its body lies.
struct ArrowMessage {
  enum Kind { case schema, recordBatch }
  var kind: Kind
  var header: FlatBufferTable
  var block: ArrowBlock

  /// The body's place in the file.
  var body: Range<Int> { (block.offset + block.metadataLength)..<block.end }
}

/// A record batch's header: lengths and places, all checked to lie inside the body.
struct ArrowBatchHeader {
  struct Node { var count: Int, nullCount: Int }
  /// A buffer's place in the file.
  struct Buffer { var start: Int, length: Int }
  var rowCount: Int
  var nodes: [Node]
  var buffers: [Buffer]
  var isCompressed: Bool
}

extension ArrowMetadata {
  /// Reads the message that starts at `offset` and must end before `limit`; nil at the end-of-stream marker.
  static func readMessage(
    _ file: UnsafeRawBufferPointer, path: String, at offset: Int, limit: Int
  ) throws -> ArrowMessage? {
    let rest = FlatBufferSource(file: file, range: offset..<limit, path: path)
    guard offset % 8 == 0 else { throw rest.fault(offset, "expected a message at a multiple of 8 bytes") }
    let marker = try rest.load(offset, as: UInt32.self)
    guard marker == continuation else {
      throw rest.fault(offset, "expected the marker of an Arrow message, found 0x\(String(marker, radix: 16))")
    }
    let size = Int(try rest.load(offset + 4, as: Int32.self))
    if size == 0 { return nil }
    guard size > 0, size % 8 == 0, size <= limit - offset - 8 else {
      throw rest.fault(
        offset + 4, "expected the length of a message's metadata, found \(size) with \(limit - offset - 8) bytes left")
    }
    let source = FlatBufferSource(file: file, range: (offset + 8)..<(offset + 8 + size), path: path)
    let root = try source.root()
    try checkVersion(try root.scalar(Message.version, default: Int16(0)), source, at: root.position)
    let kind: ArrowMessage.Kind
    switch try root.scalar(Message.headerType, default: UInt8(0)) {
    case Header.schema: kind = .schema
    case Header.recordBatch: kind = .recordBatch
    case Header.dictionaryBatch: throw source.unsupported(root.position, "dictionaries are")
    case let tag: throw source.fault(root.position, "expected a schema or record batch, found message type \(tag)")
    }
    let bodyLength = Int(try root.scalar(Message.bodyLength, default: Int64(0)))
    guard bodyLength >= 0, bodyLength % 8 == 0, bodyLength <= limit - offset - 8 - size else {
      throw source.fault(
        root.position, "expected a body of whole 8-byte words inside the file, found a length of \(bodyLength)")
    }
    guard let header = try root.table(Message.header) else {
      throw source.fault(root.position, "expected a message header, found none")
    }
    let block = ArrowBlock(offset: offset, metadataLength: 8 + size, bodyLength: bodyLength)
    return ArrowMessage(kind: kind, header: header, block: block)
  }

  static func checkVersion(_ number: Int16, _ source: FlatBufferSource, at position: Int) throws {
    guard number == version || number == version - 1 else {
      throw source.fault(position, "expected Arrow metadata version 4 or 5, found \(Int(number) + 1)")
    }
  }

  /// Reads a Schema table.
  static func readSchema(_ table: FlatBufferTable) throws -> ArrowSchema {
    let source = table.source
    let endianness = try table.scalar(Schema.endianness, default: Int16(0))
    guard endianness == 0 else {
      throw source.fault(table.position, "expected little-endian data, found endianness \(endianness)")
    }
    var text = 0
    var schema = ArrowSchema(fields: [])
    var names: Set<String> = []
    for entry in try table.tables(Schema.fields, limit: entryLimit) {
      let field = try readField(entry, depth: 0, text: &text)
      guard names.insert(field.name).inserted else {
        throw source.fault(entry.position, "expected column names to differ, found two of '\(field.name)'")
      }
      schema.fields.append(field)
    }
    for entry in try table.tables(Schema.metadata, limit: entryLimit) {
      let key = try readText(entry, KeyValue.key, total: &text)
      schema.metadata.append(ArrowSchema.Entry(key, try readText(entry, KeyValue.value, total: &text)))
    }
    return schema
  }

  /// A string that may be absent; `total` guards against a vector that names one long string many times.
  private static func readText(_ table: FlatBufferTable, _ id: Int, total: inout Int) throws -> String {
    let text = try table.string(id) ?? ""
    total += text.utf8.count
    guard total <= textLimit else {
      throw table.source.fault(table.position, "expected at most \(textLimit) bytes of names and metadata")
    }
    return text
  }

  private static func readField(_ table: FlatBufferTable, depth: Int, text: inout Int) throws -> ArrowField {
    let source = table.source
    let name = try readText(table, Field.name, total: &text)
    func unsupported(_ what: String) -> RollbookError {
      source.unsupported(table.position, "column '\(name)': \(what) is")
    }
    if try table.table(Field.dictionary) != nil { throw unsupported("dictionary encoding") }
    let tag = try table.scalar(Field.typeTag, default: UInt8(0))
    guard let type = try table.table(Field.type) else {
      throw source.fault(table.position, "column '\(name)': expected a type, found none")
    }
    let decoded: ArrowType
    switch tag {
    case TypeTag.bool: decoded = .bool
    case TypeTag.utf8: decoded = .utf8
    case TypeTag.binary: decoded = .binary
    case TypeTag.int:
      let bits = Int(try type.scalar(0, default: Int32(0)))
      guard [8, 16, 32, 64].contains(bits) else { throw unsupported("an integer of \(bits) bits") }
      decoded = .int(bits: bits, signed: try type.bool(1))
    case TypeTag.floatingPoint:
      let precision = try type.scalar(0, default: Int16(0))
      guard precision == 1 || precision == 2 else { throw unsupported("floating-point precision \(precision)") }
      decoded = precision == 1 ? .float32 : .float64
    case TypeTag.fixedSizeBinary:
      let width = Int(try type.scalar(0, default: Int32(0)))
      guard width > 0 else { throw unsupported("a fixed-size binary of \(width) bytes") }
      decoded = .fixedSizeBinary(width)
    case TypeTag.list:
      guard depth < depthLimit else { throw unsupported("a list \(depth + 1) lists deep") }
      let children = try table.tables(Field.children, limit: 1)
      guard let child = children.first else { throw unsupported("a list without a child") }
      decoded = .list(try readField(child, depth: depth + 1, text: &text))
    default: throw unsupported(self.name(ofTag: tag))
    }
    return ArrowField(name, decoded, nullable: try table.bool(Field.nullable))
  }

  /// Reads a RecordBatch table against its schema.
  static func readBatchHeader(_ message: ArrowMessage, schema: ArrowSchema) throws -> ArrowBatchHeader {
    let table = message.header
    let source = table.source
    let rowCount = try table.scalar(RecordBatch.length, default: Int64(0))
    guard rowCount >= 0, rowCount <= rowLimit else {
      throw source.fault(table.position, "expected a number of rows, found \(rowCount)")
    }
    let (nodeStart, nodeCount) = try table.vector(RecordBatch.nodes, stride: 16)
    let (bufferStart, bufferCount) = try table.vector(RecordBatch.buffers, stride: 16)
    let expectedNodes = schema.fields.reduce(0) { $0 + $1.type.nodeCount }
    let expectedBuffers = schema.fields.reduce(0) { $0 + $1.type.bufferCount }
    guard nodeCount == expectedNodes, bufferCount == expectedBuffers else {
      throw source.fault(
        table.position,
        "expected \(expectedNodes) nodes and \(expectedBuffers) buffers by the schema, "
          + "found \(nodeCount) and \(bufferCount)")
    }
    let compressed = try readCompression(table)
    let nodes = try (0..<nodeCount).map { index in
      let count = try source.load(nodeStart + 16 * index, as: Int64.self)
      let nulls = try source.load(nodeStart + 16 * index + 8, as: Int64.self)
      guard count >= 0, count <= rowLimit, nulls >= 0, nulls <= count else {
        throw source.fault(nodeStart + 16 * index, "expected a length and its nulls, found \(count) and \(nulls)")
      }
      return ArrowBatchHeader.Node(count: Int(count), nullCount: Int(nulls))
    }
    let body = message.body
    let buffers = try (0..<bufferCount).map { index in
      let offset = try source.load(bufferStart + 16 * index, as: Int64.self)
      let length = try source.load(bufferStart + 16 * index + 8, as: Int64.self)
      guard offset >= 0, offset % 8 == 0, length >= 0, offset <= body.count, length <= Int64(body.count) - offset else {
        throw source.fault(
          bufferStart + 16 * index,
          "expected a buffer inside the body of \(body.count) bytes, found \(length) bytes at \(offset)")
      }
      return ArrowBatchHeader.Buffer(start: body.lowerBound + Int(offset), length: Int(length))
    }
    // Buffers that share bytes could each be decompressed to 255 times their length.
    let held = buffers.reduce(0) { $0 + $1.length }
    guard held <= body.count else {
      throw source.fault(
        table.position, "expected buffers that together fit the body of \(body.count) bytes, found \(held) bytes")
    }
    return ArrowBatchHeader(rowCount: Int(rowCount), nodes: nodes, buffers: buffers, isCompressed: compressed)
  }

  private static func readCompression(_ table: FlatBufferTable) throws -> Bool {
    guard let compression = try table.table(RecordBatch.compression) else { return false }
    let codec = try compression.scalar(Compression.codec, default: Int8(0))
    let method = try compression.scalar(Compression.method, default: Int8(0))
    guard codec == 0, method == 0 else {
      throw table.source.unsupported(
        compression.position,
        codec == 1 ? "compression with zstd is" : "compression codec \(codec), method \(method) is")
    }
    return true
  }
}
