/// Reads the batches of an Arrow file from the front, without its footer: what is left of a writer that was killed.
///
/// A batch counts as complete when all its bytes are there, its header is legal, and every column decodes (which
/// checks the LZ4 block checksums).
struct ArrowStreamScanner {
  let file: MappedFile
  let schema: ArrowSchema
  /// The end of what was good so far.
  private(set) var offset: Int
  /// What ended the scan; nil at a proper end-of-stream marker and before the end.
  private(set) var problem: RollbookError?
  private let lz4 = LZ4FrameDecoder()

  /// Reads the schema that opens the file.
  init(path: String) throws {
    file = try MappedFile(path: path)
    let source = FlatBufferSource(file: file.bytes, range: 0..<file.bytes.count, path: path)
    guard file.bytes.prefix(8).elementsEqual(ArrowMetadata.paddedMagic) else {
      throw source.fault(0, "expected an Arrow IPC file, which starts with ARROW1")
    }
    let first = try ArrowMetadata.readMessage(file.bytes, path: path, at: 8, limit: file.bytes.count)
    guard let first, first.kind == .schema else { throw source.fault(8, "expected a schema") }
    schema = try ArrowMetadata.readSchema(first.header)
    offset = first.block.end
  }

  /// The next complete batch and its place; nil at the end of what is good.
  mutating func next(columns: [String]? = nil) -> (block: ArrowBlock, batch: RecordBatch)? {
    do {
      let message = try ArrowMetadata.readMessage(file.bytes, path: file.path, at: offset, limit: file.bytes.count)
      guard let message else { return nil }
      guard message.kind == .recordBatch else {
        throw RollbookError.badInput("\(file.path) at byte \(offset)", "expected a record batch, found a schema")
      }
      let header = try ArrowMetadata.readBatchHeader(message, schema: schema)
      let batch = try ArrowFileReader.decode(header, schema, columns, file, lz4)
      offset = message.block.end
      return (message.block, batch)
    } catch let error as RollbookError {
      problem = error
      return nil
    } catch {
      problem = RollbookError.badInput("\(file.path) at byte \(offset)", "\(error)")
      return nil
    }
  }
}

/// What `ArrowFileReader.salvage` found.
package struct ArrowSalvage: Sendable {
  package var schema: ArrowSchema
  package var batchCount: Int
  package var rowCount: Int
  /// Bytes from the start that hold the schema and complete batches.
  package var goodBytes: Int
  /// Why the file is no complete shard. Never nil for a truncated file: what was salvaged may be only its beginning.
  package var problem: RollbookError?
}

extension ArrowFileReader {
  /// Hands every complete batch of a possibly truncated file to `body`, in order, one at a time.
  ///
  /// A file that ends at the border of a batch looks like a shorter complete one; `problem` says "truncated" for it
  /// too.
  ///
  /// - Throws: `RollbookError` when not even the schema can be read, and whatever `body` throws.
  package static func salvage(
    path: String, columns: [String]? = nil, _ body: (RecordBatch) throws -> Void = { _ in }
  ) throws -> ArrowSalvage {
    var scanner = try ArrowStreamScanner(path: path)
    var result = ArrowSalvage(schema: scanner.schema, batchCount: 0, rowCount: 0, goodBytes: 0)
    while let (_, batch) = scanner.next(columns: columns) {
      result.batchCount += 1
      result.rowCount += batch.rowCount
      try body(batch)
    }
    result.goodBytes = scanner.offset
    do {
      let reader = try ArrowFileReader(path: path)
      result.problem = scanner.problem
      if result.problem == nil && reader.batchCount != result.batchCount {
        result.problem = RollbookError.badInput(
          path, "expected the \(reader.batchCount) batches that the footer lists, found \(result.batchCount)")
      }
    } catch let error as RollbookError {
      result.problem = error
    }
    return result
  }
}

extension ArrowFileWriter {
  /// Continues the file that a killed writer of the same schema left at `path`, or starts it.
  ///
  /// A batch is kept when it decodes and encodes again to the very bytes in the file, so that the finished file is
  /// what an undisturbed run writes. All that follows the first batch that does not is cut off; a file whose schema
  /// or metadata differ is started anew.
  ///
  /// - Parameter recovered: Called with each batch that is kept, in order.
  package static func resume(
    path: String, schema: ArrowSchema, compression: ArrowCompression = .lz4Frame,
    fileSystem: any FileSystem = LocalFileSystem(), syncInterval: Double = ArrowFileWriter.defaultSyncInterval,
    recovered: (RecordBatch) throws -> Void = { _ in }
  ) throws -> ArrowFileWriter {
    let encoder = ArrowBatchEncoder(compression: compression)
    var state = State(blocks: [], rowCount: 0, offset: 0)
    if var scanner = try? ArrowStreamScanner(path: path),
      scanner.file.bytes.starts(with: opening(schema))
    {
      state.offset = scanner.offset
      while let (block, batch) = scanner.next() {
        guard batch.rowCount > 0, block.offset == state.offset else { break }
        let isSame = try encoder.encode(batch.columns, rowCount: batch.rowCount) { _, bytes in
          withExtendedLifetime(scanner.file) { file in
            isEqual(UnsafeRawBufferPointer(rebasing: file.bytes[block.offset..<block.end]), bytes)
          }
        }
        guard isSame else { break }
        state.blocks.append(block)
        state.rowCount += batch.rowCount
        state.offset = block.end
        try recovered(batch)
      }
      withExtendedLifetime(scanner.file) { file in
        state.digest.update(UnsafeRawBufferPointer(rebasing: file.bytes[..<state.offset]))
      }
    }
    return try ArrowFileWriter(
      path: path, schema: schema, encoder: encoder, fileSystem: fileSystem, syncInterval: syncInterval, state: state)
  }
}
