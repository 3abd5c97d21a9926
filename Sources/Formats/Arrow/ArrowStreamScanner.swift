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
  mutating func next() -> (block: ArrowBlock, batch: RecordBatch)? {
    do {
      let message = try ArrowMetadata.readMessage(file.bytes, path: file.path, at: offset, limit: file.bytes.count)
      guard let message else { return nil }
      guard message.kind == .recordBatch else {
        throw RollbookError.badInput("\(file.path) at byte \(offset)", "expected a record batch, found a schema")
      }
      let header = try ArrowMetadata.readBatchHeader(message, schema: schema)
      let batch = try ArrowFileReader.decode(header, schema, nil, file, lz4)
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

  /// The batch at a place that `next` gave before; nil if the file has changed since.
  mutating func batch(_ block: ArrowBlock) -> RecordBatch? {
    offset = block.offset
    return next()?.batch
  }

  /// Goes on behind what `problem` is about, at the next place where a batch of this schema might begin.
  ///
  /// - Returns: False when there is no such place, and then nothing is changed.
  mutating func resynchronise() -> Bool {
    guard problem != nil else { return false }
    // Messages start at multiples of 8 bytes.
    for place in stride(from: (offset | 7) + 1, to: file.bytes.count - 15, by: 8) {
      guard file.bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self) == ArrowMetadata.continuation,
        let message = try? ArrowMetadata.readMessage(file.bytes, path: file.path, at: place, limit: file.bytes.count),
        message.kind == .recordBatch, (try? ArrowMetadata.readBatchHeader(message, schema: schema)) != nil
      else { continue }
      offset = place
      problem = nil
      return true
    }
    return false
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
