/// Reads rows of one kind from a shard.
package final class ShardReader<Codec: ShardCodec> {
  package let codec: Codec
  /// The file itself, for columns by name.
  package let file: ArrowFileReader

  package var path: String { file.path }
  package var batchCount: Int { file.batchCount }
  package var rowCount: Int { file.rowCount }
  package var metadata: [String: String] { file.metadata }

  /// Opens a shard and checks its kind and version.
  ///
  /// - Throws: `RollbookError`: `badInput` for another kind or a newer version.
  fileprivate init(_ file: ArrowFileReader, _ codec: Codec) throws {
    self.file = file
    self.codec = codec
    let kind = file.schema[ShardMetadata.kindKey]
    guard kind == codec.kind.rawValue else {
      throw RollbookError.badInput(
        file.path,
        "expected a shard of \(codec.kind.rawValue) by its metadata '\(ShardMetadata.kindKey)', "
          + "found \(kind ?? "none")")
    }
    let text = file.schema[ShardMetadata.versionKey] ?? ""
    guard let version = Int(text), version >= 1 else {
      throw RollbookError.badInput(
        file.path, "expected a version in the metadata '\(ShardMetadata.versionKey)', found '\(text)'")
    }
    guard version <= codec.schemaVersion else {
      throw RollbookError.badInput(
        file.path, "expected schema version \(codec.schemaVersion) or older, found \(version)",
        hint: "a newer Rollbook wrote it: update this one")
    }
  }

  /// The rows of one batch.
  ///
  /// - Parameter columns: Which columns to decode, nil for all; see the codec's `decode` for those that may be left
  ///   out.
  package func rows(batch index: Int, columns: [String]? = nil) throws -> [Codec.Row] {
    try codec.decode(try file.batch(index, columns: columns), place: "\(path), batch \(index)")
  }

  /// All rows; a shard holds as many as one step's part, so this fits in memory where the step does.
  package func rows(columns: [String]? = nil) throws -> [Codec.Row] {
    var rows: [Codec.Row] = []
    // No room is made in advance: until its batches are decoded, a file can claim any number of rows.
    for index in 0..<batchCount { rows += try self.rows(batch: index, columns: columns) }
    return rows
  }
}

package typealias RolloutShardReader = ShardReader<RolloutCodec>
package typealias ScoreShardReader = ShardReader<ScoreCodec>
package typealias UpdateShardReader = ShardReader<UpdateCodec>

extension ShardReader where Codec == RolloutCodec {
  package convenience init(path: String) throws {
    try self.init(ArrowFileReader(path: path), RolloutCodec())
  }

  /// The rows of one batch without texts and tokens, whose bytes are not touched.
  package func summaries(batch index: Int) throws -> [RolloutSummary] {
    let batch = try file.batch(index, columns: RolloutCodec.summaryColumns)
    return try codec.summaries(batch, place: "\(path), batch \(index)")
  }
}

extension ShardReader where Codec == ScoreCodec {
  package convenience init(path: String) throws {
    let file = try ArrowFileReader(path: path)
    try self.init(file, ScoreCodec(file.schema))
  }

  /// Names of the reward components, in the order of a row's values.
  package var components: [String] { codec.components }
}

extension ShardReader where Codec == UpdateCodec {
  package convenience init(path: String) throws {
    try self.init(ArrowFileReader(path: path), UpdateCodec())
  }
}
