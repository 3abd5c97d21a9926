/// Reads Arrow IPC files: batches at random, only the columns asked for.
///
/// Opening checks the footer, the two schemas against one another, and every batch's header; decoding a column
/// checks its buffers. Anything illegal throws `RollbookError` `badInput` with the byte where it was found.
/// Not for use by two threads at once (open the file twice; it is mapped).
package final class ArrowFileReader {
  package let path: String
  package let schema: ArrowSchema
  /// Rows of each batch.
  package let batchRowCounts: [Int]
  package let rowCount: Int
  private let file: MappedFile
  private let blocks: [ArrowBlock]
  private let lz4 = LZ4FrameDecoder()

  package var batchCount: Int { blocks.count }
  /// Of the whole file.
  package var byteCount: Int { file.bytes.count }

  /// The schema's metadata; of a key given twice, the first value.
  package var metadata: [String: String] {
    Dictionary(schema.metadata.map { ($0.key, $0.value) }) { first, _ in first }
  }

  /// Opens a file.
  ///
  /// - Throws: `RollbookError` `missing`, `io`, or `badInput`; a file that a killed writer left is called "truncated".
  package init(path: String) throws {
    self.path = path
    file = try MappedFile(path: path)
    let footer = try Self.footer(of: file.bytes, path: path)
    let root = try footer.root()
    try ArrowMetadata.checkVersion(
      try root.scalar(ArrowMetadata.Footer.version, default: Int16(0)), footer, at: root.position)
    let dictionaries = try root.vector(ArrowMetadata.Footer.dictionaries, stride: 24)
    guard dictionaries.count == 0 else { throw footer.unsupported(dictionaries.start, "dictionaries are") }
    guard let table = try root.table(ArrowMetadata.Footer.schema) else {
      throw footer.fault(root.position, "expected a schema in the footer, found none")
    }
    let schema = try ArrowMetadata.readSchema(table)
    self.schema = schema
    // Before the footer lies the end-of-stream marker, which some writers leave out.
    let limit = footer.range.lowerBound
    let start = try Self.streamSchemaEnd(schema, footer, file.bytes, limit: limit)
    blocks = try Self.blocks(root, after: start, limit: limit)
    batchRowCounts = try blocks.map { [file] block in
      try Self.header(block, schema, file.bytes, path, limit: limit).rowCount
    }
    rowCount = batchRowCounts.reduce(0, +)
  }

  /// Finds the footer from the end of the file.
  static func footer(of bytes: UnsafeRawBufferPointer, path: String) throws -> FlatBufferSource {
    let magic = ArrowMetadata.magic
    let whole = FlatBufferSource(file: bytes, range: 0..<bytes.count, path: path)
    guard bytes.prefix(magic.count).elementsEqual(magic.prefix(bytes.count)) else {
      throw whole.fault(0, "expected an Arrow IPC file, which starts with ARROW1")
    }
    func truncated(_ position: Int, _ what: String) -> RollbookError {
      RollbookError.badInput(
        "\(path) at byte \(position)", "truncated: \(what)",
        hint: "its writer was killed or the copy is incomplete; run the step again, which keeps the complete batches")
    }
    guard bytes.count >= 8 + magic.count + 4, bytes.suffix(magic.count).elementsEqual(magic) else {
      throw truncated(bytes.count, "expected a footer that ends with ARROW1, found none")
    }
    let end = bytes.count - magic.count - 4
    let length = Int(try whole.load(end, as: Int32.self))
    guard length > 0, length <= end - 8 else {
      throw truncated(end, "expected the length of a footer, found \(length) with \(end - 8) bytes before it")
    }
    return FlatBufferSource(file: bytes, range: (end - length)..<end, path: path)
  }

  /// Compares the schema that opens the file with the footer's; returns where it ends.
  private static func streamSchemaEnd(
    _ schema: ArrowSchema, _ footer: FlatBufferSource, _ bytes: UnsafeRawBufferPointer, limit: Int
  ) throws -> Int {
    let whole = FlatBufferSource(file: bytes, range: 0..<limit, path: footer.path)
    // polars 2 opens a file with a bare flatbuffer; file readers go by the footer. Ours always have the message.
    let isFramed = try whole.load(8, as: UInt32.self) == ArrowMetadata.continuation
    if !isFramed && schema[ShardMetadata.kindKey] == nil { return 8 }
    let first = try ArrowMetadata.readMessage(bytes, path: footer.path, at: 8, limit: limit)
    guard let first, first.kind == .schema, try ArrowMetadata.readSchema(first.header) == schema else {
      throw footer.fault(8, "expected the same schema as in the footer")
    }
    return first.block.end
  }

  /// The footer's list of batches: aligned, ascending, inside the file.
  private static func blocks(_ footer: FlatBufferTable, after start: Int, limit: Int) throws -> [ArrowBlock] {
    let source = footer.source
    let (place, count) = try footer.vector(ArrowMetadata.Footer.recordBatches, stride: 24)
    var last = start
    return try (0..<count).map { index in
      let entry = place + 24 * index
      let offset = try source.load(entry, as: Int64.self)
      let metadataLength = Int64(try source.load(entry + 8, as: Int32.self))
      let bodyLength = try source.load(entry + 16, as: Int64.self)
      guard
        offset >= last, offset <= limit, metadataLength > 8, metadataLength <= Int64(limit) - offset,
        bodyLength >= 0, bodyLength <= Int64(limit) - offset - metadataLength
      else {
        throw source.fault(
          entry,
          "expected batch \(index) between bytes \(last) and \(limit), "
            + "found \(metadataLength) + \(bodyLength) bytes at \(offset)")
      }
      let block = ArrowBlock(offset: Int(offset), metadataLength: Int(metadataLength), bodyLength: Int(bodyLength))
      last = block.end
      return block
    }
  }

  private static func header(
    _ block: ArrowBlock, _ schema: ArrowSchema, _ bytes: UnsafeRawBufferPointer, _ path: String, limit: Int
  ) throws -> ArrowBatchHeader {
    let message = try ArrowMetadata.readMessage(bytes, path: path, at: block.offset, limit: limit)
    guard let message, message.kind == .recordBatch, message.block == block else {
      throw RollbookError.badInput(
        "\(path) at byte \(block.offset)", "expected the record batch that the footer describes",
        hint: "the file is damaged")
    }
    return try ArrowMetadata.readBatchHeader(message, schema: schema)
  }

  /// Reads one batch.
  ///
  /// - Parameters:
  ///   - index: From 0 to `batchCount`.
  ///   - columns: Names of the columns to decode; nil for all. The others' bytes are not touched. A name that the
  ///     file does not have is left out.
  package func batch(_ index: Int, columns: [String]? = nil) throws -> RecordBatch {
    guard blocks.indices.contains(index) else {
      throw RollbookError.badInput(path, "expected a batch below \(blocks.count), found \(index)")
    }
    let header = try Self.header(blocks[index], schema, file.bytes, path, limit: file.bytes.count)
    return try Self.decode(header, schema, columns, file, lz4)
  }

  /// Decodes the selected columns of a batch.
  static func decode(
    _ header: ArrowBatchHeader, _ schema: ArrowSchema, _ columns: [String]?, _ file: MappedFile, _ lz4: LZ4FrameDecoder
  ) throws -> RecordBatch {
    var decoder = ArrowBatchDecoder(file: file.bytes, path: file.path, header: header, lz4: lz4)
    var batch = RecordBatch(fields: [], columns: [], rowCount: header.rowCount)
    for field in schema.fields {
      if columns.map({ $0.contains(field.name) }) ?? true {
        batch.columns.append(try decoder.column(field, rows: header.rowCount))
        batch.fields.append(field)
      } else {
        decoder.skip(field)
      }
    }
    return withExtendedLifetime(file) { batch }
  }
}
