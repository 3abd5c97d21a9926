/// What can be had of an Arrow file that has no footer or is damaged.
package struct ArrowSalvage: Sendable {
  package var schema: ArrowSchema
  /// Complete batches: all their bytes are there and every column decodes.
  package var batchCount = 0
  package var rowCount = 0
  /// The end of the last complete batch; of the schema when there is none.
  package var goodBytes = 0
  /// Size of the file.
  package var bytes = 0
  /// Damaged places between complete batches, each of one batch or more.
  package var gaps = 0
  /// Whether the file has no footer: what was salvaged may then be only its beginning.
  package var isTruncated = false
  /// Why the file is no complete shard; nil when it is one. Says "truncated" whenever `isTruncated`.
  package var problem: RollbookError?

  /// The schema's metadata key in a file of salvaged batches; its value says why.
  package static let key = "rollbook.truncated"
}

/// Where the batches of a damaged file are.
private struct SalvagePlaces {
  /// The end of the schema.
  let start: Int
  private(set) var kept: [ArrowBlock] = []
  private(set) var gaps = 0
  /// The first thing that is wrong.
  private(set) var problem: RollbookError?

  /// Scans a file from the front.
  init(_ scanner: inout ArrowStreamScanner) throws {
    start = scanner.offset
    let encoder = ArrowBatchEncoder(compression: .lz4Frame)
    var found: [(block: ArrowBlock, isExact: Bool)] = []
    repeat {
      while let (block, batch) = scanner.next() {
        let isExact = try? encoder.encode(batch.columns, rowCount: batch.rowCount) { _, bytes in
          withExtendedLifetime(scanner.file) { file in
            UnsafeRawBufferPointer(rebasing: file.bytes[block.offset..<block.end]).elementsEqual(bytes)
          }
        }
        found.append((block, isExact ?? false))
      }
      if problem == nil { problem = scanner.problem }
    } while scanner.resynchronise()
    // Files of other programs, and of other versions of liblz4, have no batch that is the same.
    let isOurs = found.contains { $0.isExact }
    var end = start
    for (block, isExact) in found {
      if isExact || !isOurs {
        if block.offset != end { gaps += 1 }
        end = block.end
        kept.append(block)
      } else if problem == nil {
        problem = RollbookError.badInput(
          "\(scanner.file.path) at byte \(block.offset)",
          "expected a batch as Rollbook writes it, found one whose values do not fit its bytes", hint: "it is damaged")
      }
    }
  }
}

extension ArrowFileReader {
  /// Hands every complete batch of a file to `body`, in order, one at a time; what is damaged in between is passed
  /// over.
  ///
  /// A file that ends at the border of a batch looks like a shorter complete one; `problem` says "truncated" for it
  /// too. Nothing in Arrow guards the headers of batches: in a file of ours, a batch that decodes to rows which would
  /// be written in other bytes is damaged.
  ///
  /// - Throws: `RollbookError` when not even the schema can be read, and whatever `body` throws.
  package static func salvage(path: String, _ body: (RecordBatch) throws -> Void = { _ in }) throws -> ArrowSalvage {
    var scanner = try ArrowStreamScanner(path: path)
    let places = try SalvagePlaces(&scanner)
    var result = ArrowSalvage(schema: scanner.schema)
    result.bytes = scanner.file.bytes.count
    result.goodBytes = places.kept.last?.end ?? places.start
    result.batchCount = places.kept.count
    result.gaps = places.gaps
    for block in places.kept {
      guard let batch = scanner.batch(block) else { continue }
      result.rowCount += batch.rowCount
      try body(batch)
    }
    do { _ = try footer(of: scanner.file.bytes, path: path) } catch { result.isTruncated = true }
    do {
      let reader = try ArrowFileReader(path: path)
      result.problem = places.problem
      if places.problem == nil && reader.batchCount != result.batchCount {
        result.problem = RollbookError.badInput(
          path, "expected the \(reader.batchCount) batches that the footer lists, found \(result.batchCount)")
      }
    } catch let error as RollbookError {
      result.problem = error
      if let first = places.problem, first.message != error.message {
        result.problem?.message += "; before that, " + first.where(path)
      }
    }
    return result
  }

  /// Copies every complete batch into a new file whose metadata says why it is not all of the old one.
  ///
  /// The new file appears whole or not at all, and never in place of another.
  /// - Returns: What was copied, or what would have been: nothing is written of a file that is whole, and nothing when
  ///   there is no complete batch.
  /// - Throws: `RollbookError`: `usage` when `output` is taken, `badInput` when not even the schema can be read, `io`.
  package static func salvage(
    path: String, to output: String, fileSystem: any FileSystem = LocalFileSystem()
  ) throws -> ArrowSalvage {
    let found = try salvage(path: path)
    guard let problem = found.problem, found.rowCount > 0 else { return found }
    var schema = found.schema
    schema.metadata.removeAll { $0.key == ArrowSalvage.key }
    schema.metadata.append(ArrowSchema.Entry(ArrowSalvage.key, problem.where(path)))
    let staged = "\(output).\(String(UInt64.random(in: 0...UInt64.max), radix: 16)).tmp"
    do {
      let writer = try ArrowFileWriter(
        path: staged, schema: schema, fileSystem: fileSystem, syncInterval: .infinity)
      // A writer still at work may have added to the file since: what was reported is what is copied.
      _ = try salvage(path: path) { batch in
        if writer.batchCount < found.batchCount { try writer.append(batch.columns) }
      }
      try writer.finish()
      guard try fileSystem.renameExclusively(staged, to: output) else {
        throw RollbookError.usage("expected a new file's name, found that '\(output)' exists", hint: "see --output")
      }
      try fileSystem.syncFolder(AtomicFile.parent(of: output))
    } catch {
      try? fileSystem.remove(staged)
      throw error
    }
    return found
  }
}

extension RollbookError {
  /// The message with its place inside a file, without the file's name: `at byte 512: expected …`.
  fileprivate func `where`(_ path: String) -> String {
    guard place.hasPrefix(path), place.utf8.count > path.utf8.count else { return message }
    return "\(place.dropFirst(path.count).drop { $0 == " " || $0 == "," }): \(message)"
  }
}
