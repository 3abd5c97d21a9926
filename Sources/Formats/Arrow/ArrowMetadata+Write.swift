// Encoding of schemas, messages and the footer.

extension ArrowType {
  fileprivate var tag: UInt8 {
    switch self {
    case .bool: ArrowMetadata.TypeTag.bool
    case .int: ArrowMetadata.TypeTag.int
    case .float32, .float64: ArrowMetadata.TypeTag.floatingPoint
    case .utf8: ArrowMetadata.TypeTag.utf8
    case .binary: ArrowMetadata.TypeTag.binary
    case .fixedSizeBinary: ArrowMetadata.TypeTag.fixedSizeBinary
    case .list: ArrowMetadata.TypeTag.list
    }
  }

  /// The slots of the type's own table.
  fileprivate var slots: [(id: Int, value: FlatBufferBuilder.Slot)] {
    switch self {
    case .int(let bits, let signed): [(0, .int32(Int32(bits))), (1, .bool(signed))]
    case .float32: [(0, .int16(1))]
    case .float64: [(0, .int16(2))]
    case .fixedSizeBinary(let width): [(0, .int32(Int32(width)))]
    default: []
    }
  }
}

extension FlatBufferBuilder {
  fileprivate mutating func field(_ field: ArrowField) -> Int {
    var children: [Int] = []
    if case .list(let child) = field.type { children.append(self.field(child)) }
    let childVector = vector(offsets: children)
    let name = string(field.name)
    let type = table(field.type.slots)
    typealias Slots = ArrowMetadata.Field
    return table([
      (Slots.name, .offset(name)), (Slots.nullable, .bool(field.nullable)), (Slots.typeTag, .uint8(field.type.tag)),
      (Slots.type, .offset(type)), (Slots.children, .offset(childVector)),
    ])
  }

  fileprivate mutating func schema(_ schema: ArrowSchema) -> Int {
    typealias Slots = ArrowMetadata.Schema
    var fields: [Int] = []
    for field in schema.fields { fields.append(self.field(field)) }
    var slots: [(id: Int, value: Slot)] = [
      (Slots.endianness, .int16(0)), (Slots.fields, .offset(vector(offsets: fields))),
    ]
    if !schema.metadata.isEmpty {
      var entries: [Int] = []
      for entry in schema.metadata {
        let key = string(entry.key)
        let value = string(entry.value)
        entries.append(
          table([(ArrowMetadata.KeyValue.key, .offset(key)), (ArrowMetadata.KeyValue.value, .offset(value))]))
      }
      slots.append((Slots.metadata, .offset(vector(offsets: entries))))
    }
    return table(slots)
  }

  /// Closes a message around its header: prefix, flatbuffer, padding to 8 bytes.
  fileprivate mutating func message(_ type: UInt8, header: Int, bodyLength: Int) -> [UInt8] {
    typealias Slots = ArrowMetadata.Message
    let root = table([
      (Slots.version, .int16(ArrowMetadata.version)), (Slots.headerType, .uint8(type)),
      (Slots.header, .offset(header)), (Slots.bodyLength, .int64(Int64(bodyLength))),
    ])
    let flatbuffer = finish(root: root)
    let size = paddedToEight(flatbuffer.count)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(8 + size)
    bytes.append(littleEndian: ArrowMetadata.continuation)
    bytes.append(littleEndian: UInt32(size))
    bytes += flatbuffer
    bytes.padToEight()
    return bytes
  }
}

extension ArrowMetadata {
  /// The first message of a stream.
  static func message(_ schema: ArrowSchema) -> [UInt8] {
    var builder = FlatBufferBuilder()
    let header = builder.schema(schema)
    return builder.message(Header.schema, header: header, bodyLength: 0)
  }

  /// The metadata of one record batch; its length depends on how many nodes and buffers there are, and on nothing else.
  ///
  /// - Parameters:
  ///   - nodes: Count and null count of each, in turn.
  ///   - buffers: Offset and length of each, in turn.
  static func message(
    _ compression: ArrowCompression, rowCount: Int, nodes: [Int64], buffers: [Int64], bodyLength: Int
  ) -> [UInt8] {
    typealias Slots = ArrowMetadata.RecordBatch
    var builder = FlatBufferBuilder()
    var codec: Int?
    if compression == .lz4Frame {
      codec = builder.table([(Compression.codec, .int8(0)), (Compression.method, .int8(0))])
    }
    let bufferVector = builder.vector(words: buffers, perStruct: 2)
    let nodeVector = builder.vector(words: nodes, perStruct: 2)
    var slots: [(id: Int, value: FlatBufferBuilder.Slot)] = [
      (Slots.length, .int64(Int64(rowCount))), (Slots.nodes, .offset(nodeVector)),
      (Slots.buffers, .offset(bufferVector)),
    ]
    if let codec { slots.append((Slots.compression, .offset(codec))) }
    let header = builder.table(slots)
    return builder.message(Header.recordBatch, header: header, bodyLength: bodyLength)
  }

  /// What follows the last batch: end of stream, footer, its length, the magic.
  static func ending(_ schema: ArrowSchema, blocks: [ArrowBlock]) -> [UInt8] {
    var builder = FlatBufferBuilder()
    let schemaTable = builder.schema(schema)
    // The 32-bit metadata length and its 4 bytes of padding share a word.
    let batches = builder.vector(
      words: blocks.flatMap { [Int64($0.offset), Int64($0.metadataLength), Int64($0.bodyLength)] }, perStruct: 3)
    let dictionaries = builder.vector(words: [], perStruct: 3)
    let footer = builder.table([
      (Footer.version, .int16(version)), (Footer.schema, .offset(schemaTable)),
      (Footer.dictionaries, .offset(dictionaries)), (Footer.recordBatches, .offset(batches)),
    ])
    let flatbuffer = builder.finish(root: footer)
    var bytes = endOfStream + flatbuffer
    bytes.append(littleEndian: UInt32(flatbuffer.count))
    return bytes + magic
  }
}

extension [UInt8] {
  mutating func append(littleEndian value: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
  }

  mutating func padToEight() {
    while count % 8 != 0 { append(0) }
  }
}
