/// Writes rows of one kind into a staging file; whole groups make batches of about 64 rows. What is written outlives
/// the process; it reaches the disk within about a second (`ArrowFileWriter.append`), all of it in `finish`.
///
/// The bytes depend on the rows, their order and the metadata; not on how the rows are cut into calls, as long as a
/// call holds whole groups. The file is published with `Publisher.publishShard`.
package final class ShardWriter<Codec: ShardCodec> {
  package let codec: Codec
  /// Rows that were kept of a killed run: the first that many rows of the shard are done and must not be appended
  /// again.
  package let recoveredRowCount: Int
  private let file: ArrowFileWriter
  private var pending = RowParts<Codec.Row>()
  /// The first row that is already in the file, until the first append.
  private var firstRecovered: RolloutID?

  /// A batch closes before it would grow past this; only one group alone may.
  package static var rowsPerBatch: Int { 64 }

  package var path: String { file.path }
  /// Rows appended so far, the recovered ones included.
  package var rowCount: Int { file.rowCount + pending.count }

  /// Rows that are in the file, and that another attempt would find again; the rest waits for its batch.
  package var storedRowCount: Int { file.rowCount }

  /// The digest of the finished file, from the bytes that were written; nil before `finish`.
  package var digest: String? { file.digest }

  /// Opens a staging file. What a killed run left there is kept if it is of the same codec and metadata and intact,
  /// up to the first batch that is not; everything else is cut off.
  ///
  /// - Parameters:
  ///   - staging: A path that is the same at every attempt; guard it with a `StagingLock`.
  ///   - metadata: Of the schema; anything that decides the rows belongs here, so that rows of another configuration
  ///     are never taken over. No times, no host names.
  ///   - resume: False starts anew whatever is there, for writers that cannot skip rows.
  ///   - syncInterval: Seconds between two waits for the disk before `finish`.
  ///   - recovered: Called with the rows of each batch that is kept, in order.
  package init(
    staging: String, codec: Codec, metadata: [String: String] = [:], fileSystem: any FileSystem = LocalFileSystem(),
    resume: Bool = true, syncInterval: Double = ArrowFileWriter.defaultSyncInterval,
    recovered: ([Codec.Row]) throws -> Void = { _ in }
  ) throws {
    self.codec = codec
    let schema = codec.schema(metadata: metadata)
    var first: RolloutID?
    if resume {
      file = try ArrowFileWriter.resume(path: staging, schema: schema, fileSystem: fileSystem, syncInterval: syncInterval) {
        batch in
        let rows = try codec.decode(batch, place: staging)
        if first == nil { first = rows.first.map(codec.rolloutID) }
        try recovered(rows)
      }
    } else {
      file = try ArrowFileWriter(path: staging, schema: schema, fileSystem: fileSystem, syncInterval: syncInterval)
    }
    recoveredRowCount = file.rowCount
    firstRecovered = first
  }

  /// Appends rows: one or more whole groups.
  ///
  /// - Throws: `RollbookError`: `bug` when the caller starts again with rows that were recovered.
  package func append(_ rows: [Codec.Row]) throws {
    if let firstRecovered, let row = rows.first {
      guard codec.rolloutID(row) != firstRecovered else {
        throw RollbookError.bug("\(path): \(recoveredRowCount) recovered rows appended again")
      }
    }
    firstRecovered = nil
    var start = 0
    while start < rows.count {
      let end = rows.withUnsafeBufferPointer { codec.groupEnd($0, from: start) }
      if !pending.isEmpty, pending.count + end - start > Self.rowsPerBatch { try flush() }
      pending.append(rows[start..<end])
      start = end
      if pending.count >= Self.rowsPerBatch { try flush() }
    }
  }

  private func flush() throws {
    try file.append(try codec.encode(pending))
    pending.removeAll()
  }

  /// Writes what is pending and the footer; the file is then complete and on the disk.
  package func finish() throws {
    if !pending.isEmpty { try flush() }
    try file.finish()
  }
}

package typealias RolloutShardWriter = ShardWriter<RolloutCodec>
package typealias ScoreShardWriter = ShardWriter<ScoreCodec>
package typealias UpdateShardWriter = ShardWriter<UpdateCodec>

extension ShardWriter where Codec == RolloutCodec {
  package convenience init(
    staging: String, metadata: [String: String] = [:], fileSystem: any FileSystem = LocalFileSystem(),
    resume: Bool = true, syncInterval: Double = ArrowFileWriter.defaultSyncInterval,
    recovered: ([Rollout]) throws -> Void = { _ in }
  ) throws {
    try self.init(
      staging: staging, codec: RolloutCodec(), metadata: metadata, fileSystem: fileSystem, resume: resume,
      syncInterval: syncInterval, recovered: recovered)
  }
}

extension ShardWriter where Codec == ScoreCodec {
  package convenience init(
    staging: String, components: [String], metadata: [String: String] = [:],
    fileSystem: any FileSystem = LocalFileSystem(), resume: Bool = true,
    recovered: ([ScoreRow]) throws -> Void = { _ in }
  ) throws {
    try self.init(
      staging: staging, codec: ScoreCodec(components: components), metadata: metadata, fileSystem: fileSystem,
      resume: resume, recovered: recovered)
  }
}

extension ShardWriter where Codec == UpdateCodec {
  package convenience init(
    staging: String, metadata: [String: String] = [:], fileSystem: any FileSystem = LocalFileSystem(),
    resume: Bool = true, recovered: ([UpdateRow]) throws -> Void = { _ in }
  ) throws {
    try self.init(
      staging: staging, codec: UpdateCodec(), metadata: metadata, fileSystem: fileSystem, resume: resume,
      recovered: recovered)
  }
}
