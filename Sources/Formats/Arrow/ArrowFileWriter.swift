/// Writes one Arrow IPC file in the house profile, batch by batch; memory is bounded by the largest batch.
///
/// The bytes are a function of the schema, the rows and their cut into batches (and of the version of liblz4). One
/// owner; a writer let go before `finish` leaves its file as a killed process would. After any error the writer
/// accepts nothing more: open the file again with `resume`.
package final class ArrowFileWriter {
  package let path: String
  package let schema: ArrowSchema
  private let fileSystem: any FileSystem
  private let encoder: ArrowBatchEncoder
  /// In seconds; see `append`.
  private let syncInterval: Double
  private var lastSync = steadySeconds()
  private var file: OpenFile?
  private var blocks: [ArrowBlock]
  private var offset: Int
  private var failed = false
  private var stream: Digest.Stream
  /// The digest of the finished file, from the bytes that were written; nil before `finish`.
  package private(set) var digest: String?

  /// Batches in the file so far, those kept by `resume` included.
  package var batchCount: Int { blocks.count }
  package private(set) var rowCount: Int

  /// Starts a file, replacing what is at `path`.
  ///
  /// - Throws: `RollbookError` `io` or `missing`.
  package convenience init(
    path: String, schema: ArrowSchema, compression: ArrowCompression = .lz4Frame,
    fileSystem: any FileSystem = LocalFileSystem(), syncInterval: Double = ArrowFileWriter.defaultSyncInterval
  ) throws {
    try self.init(
      path: path, schema: schema, encoder: ArrowBatchEncoder(compression: compression), fileSystem: fileSystem,
      syncInterval: syncInterval, state: State(blocks: [], rowCount: 0, offset: 0))
  }

  /// Seconds between two waits for the disk while batches are appended.
  package static let defaultSyncInterval = 1.0

  /// What a file already holds.
  struct State: ~Copyable {
    var blocks: [ArrowBlock]
    var rowCount: Int
    /// The end of the last batch; zero when not even the schema is there.
    var offset: Int
    /// The bytes up to there.
    var digest = Digest.Stream()
  }

  /// Cuts the file to what `state` says is good and goes on after it.
  init(
    path: String, schema: ArrowSchema, encoder: ArrowBatchEncoder, fileSystem: any FileSystem, syncInterval: Double,
    state: consuming State
  ) throws {
    self.path = path
    self.schema = schema
    self.encoder = encoder
    self.fileSystem = fileSystem
    self.syncInterval = syncInterval
    blocks = state.blocks
    rowCount = state.rowCount
    offset = state.offset
    let file = try fileSystem.open(path, keeping: state.offset)
    stream = state.digest
    self.file = file
    if offset == 0 { try write(Self.opening(schema), to: file) }
  }

  deinit {
    if let file { try? fileSystem.close(file) }
  }

  /// What stands before the first batch.
  static func opening(_ schema: ArrowSchema) -> [UInt8] {
    ArrowMetadata.paddedMagic + ArrowMetadata.message(schema)
  }

  /// Appends one batch, and waits for the disk if `syncInterval` seconds have passed since the last time. A process
  /// that is killed afterwards loses nothing; a power failure may take what was appended since that wait.
  ///
  /// - Parameter columns: One for each field of the schema, in its order, all of the same number of rows. A batch of
  ///   no rows writes nothing: polars cannot read one.
  package func append(_ columns: [ArrowColumn]) throws {
    guard let file, !failed else { throw RollbookError.bug("\(path): append after finish or after an error") }
    let rows = columns.first?.count ?? 0
    guard columns.count == schema.fields.count else {
      throw RollbookError.bug("\(path): expected \(schema.fields.count) columns, found \(columns.count)")
    }
    for (field, column) in zip(schema.fields, columns) {
      guard column.count == rows, column.holds(field.type), field.nullable || column.nullCount == 0 else {
        throw RollbookError.bug(
          "\(path): column '\(field.name)' expects \(rows) rows of \(field.type), found \(column.count)")
      }
    }
    guard rows > 0 else { return }
    let block = try encoder.encode(columns, rowCount: rows) { metadataLength, bytes in
      let start = offset
      try write(bytes, to: file)
      return ArrowBlock(offset: start, metadataLength: metadataLength, bodyLength: bytes.count - metadataLength)
    }
    if steadySeconds() - lastSync >= syncInterval {
      try guarded { try fileSystem.sync(file) }
      lastSync = steadySeconds()
    }
    blocks.append(block)
    rowCount += rows
  }

  /// Writes end of stream and footer, waits for the disk, and closes.
  package func finish() throws {
    guard let file, !failed else { throw RollbookError.bug("\(path): finish after finish or after an error") }
    try write(ArrowMetadata.ending(schema, blocks: blocks), to: file)
    try guarded {
      try fileSystem.sync(file)
      self.file = nil
      try fileSystem.close(file)
    }
    digest = stream.value
  }

  private func write(_ bytes: [UInt8], to file: OpenFile) throws {
    try bytes.withUnsafeBytes { try write($0, to: file) }
  }

  private func write(_ bytes: UnsafeRawBufferPointer, to file: OpenFile) throws {
    try guarded {
      try fileSystem.write(bytes, to: file)
      offset += bytes.count
      stream.update(bytes)
    }
  }

  private func guarded(_ body: () throws -> Void) throws {
    do { try body() } catch {
      failed = true
      throw error
    }
  }
}
