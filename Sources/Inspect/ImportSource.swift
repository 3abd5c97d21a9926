import Formats

/// The rows of a file: JSON objects line by line, or Arrow batches.
final class ImportSource {
  enum Kind {
    case lines(LineReader, ExchangeFormat)
    case arrow(RolloutShardReader, ArrowExchange)
  }

  let kind: Kind

  private init(_ kind: Kind) { self.kind = kind }

  /// What the format is called.
  var name: String {
    switch kind {
    case .lines(_, let format): format.name
    case .arrow: "arrow"
    }
  }

  var holdsTokens: Bool {
    switch kind {
    case .lines(_, let format): format.holdsTokens
    case .arrow: true
    }
  }

  /// What looking at a file finds.
  enum Found {
    case source(ImportSource)
    /// Lines, none of which could be read as a row of a known format, and what is wrong with the first ones.
    case unknown(lines: Int, [RollbookError])
  }

  /// Opens a file and finds out what it is.
  ///
  /// - Parameter patient: Look on when the first line is of no known format.
  static func open(_ path: String, _ given: ExchangeFormat?, patient: Bool) throws -> Found {
    let reader = try LineReader(path: path)
    var lines = 0
    var errors: [RollbookError] = []
    while let line = try reader.next() {
      if case .text(let bytes) = line {
        if reader.number == 1, bytes.starts(with: "ARROW1".utf8) { return .source(try arrow(path, given)) }
        if isBlank(bytes) { continue }
      }
      if let given { return .source(ImportSource(.lines(try LineReader(path: path), given))) }
      lines += 1
      do {
        guard case .text(let bytes) = line else { throw tooLong(path, reader.number) }
        let json = try parse(bytes, path, reader.number)
        let format = try ExchangeFormat.recognised(json, place: "\(path):\(reader.number)")
        return .source(ImportSource(.lines(try LineReader(path: path), format)))
      } catch let error as RollbookError where error.code == .badInput {
        if errors.count < ImportReport.reasonLimit { errors.append(error) }
        if !patient { break }
      }
    }
    return .unknown(lines: lines, errors)
  }

  private static func arrow(_ path: String, _ given: ExchangeFormat?) throws -> ImportSource {
    if let given { throw RollbookError.usage("--as \(given.name): \(path) is an Arrow file", hint: "leave --as out") }
    let shard = try RolloutShardReader(path: path)
    return ImportSource(.arrow(shard, ArrowExchange(shard.file.schema)))
  }

  private static func tooLong(_ path: String, _ number: Int) -> RollbookError {
    .badInput("\(path):\(number)", "expected lines of at most \(LineReader.longestLine >> 20) MiB, found a longer one")
  }

  private static func isBlank(_ bytes: ArraySlice<UInt8>) -> Bool {
    let marked = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes
    return marked.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
  }

  private static func parse(_ bytes: ArraySlice<UInt8>, _ path: String, _ number: Int) throws -> JSON {
    do {
      return try bytes.withUnsafeBytes { try JSON.parse($0, source: path, firstLine: number) }
    } catch var error as RollbookError {
      if error.message.hasSuffix("found 'N'") || error.message.hasSuffix("found 'I'") {
        error.hint = "NaN and Infinity are no JSON: write null for a number that there is not"
      }
      throw error
    }
  }

  /// Calls `body` for every line or batch with its number and place and a way to get its rows. What that way throws
  /// is the line's fault, everything else is not.
  func forEach(_ body: (_ number: Int, _ place: String, _ rows: () throws -> [ExchangeRow]) throws -> Void) throws {
    switch kind {
    case .arrow(let shard, let exchange):
      for index in 0..<shard.batchCount {
        try body(index, "\(shard.path), batch \(index)") {
          try exchange.rows(shard.file, batch: index).map { .stored($0) }
        }
      }
    case .lines(let reader, let format):
      while let line = try reader.next() {
        let (number, place) = (reader.number, "\(reader.path):\(reader.number)")
        switch line {
        case .tooLong: try body(number, place) { throw Self.tooLong(reader.path, number) }
        case .text(let bytes):
          if Self.isBlank(bytes) { continue }
          try body(number, place) { try format.rows(try Self.parse(bytes, reader.path, number), place: place) }
        }
      }
    }
  }

  /// The digest of all that was read, after the last row; nil where the file is mapped.
  var digest: String? {
    if case .lines(let reader, _) = kind { reader.digest } else { nil }
  }
}
