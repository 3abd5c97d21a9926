internal import ArgumentParser
internal import Formats
internal import Pipeline

/// What an Arrow file holds, by our reader, one row a line: binary as hex digits, unsigned 64-bit integers and floats
/// that are no numbers as strings.
struct InteropDump: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dump", abstract: "Print the rows of an Arrow file as JSON Lines.")

  @Argument var file: String

  func run() throws {
    try Self.lines(file) { try Output.print($0) }
  }

  static func lines(_ path: String, _ body: (String) throws -> Void) throws {
    let reader = try ArrowFileReader(path: path)
    for index in 0..<reader.batchCount {
      let batch = try reader.batch(index)
      for row in 0..<batch.rowCount {
        var object = JSONObject()
        for (field, column) in zip(batch.fields, batch.columns) {
          object[field.name] = try column.json(row, place: "\(path), column \(field.name)")
        }
        try body(try JSON.object(object).serialized())
      }
    }
  }
}

extension ArrowColumn {
  /// The value of a row.
  fileprivate func json(_ row: Int, place: String) throws -> JSON {
    if isNull(row) { return .null }
    switch values {
    case .bool(let bits): return .bool(bits[row])
    case .int8(let values): return .int(Int(values[row]))
    case .int16(let values): return .int(Int(values[row]))
    case .int32(let values): return .int(Int(values[row]))
    case .int64(let values): return .int(Int(values[row]))
    case .uint8(let values): return .int(Int(values[row]))
    case .uint16(let values): return .int(Int(values[row]))
    case .uint32(let values): return .int(Int(values[row]))
    case .uint64(let values): return .string(String(values[row]))
    case .float32(let values): return number(Double(values[row]))
    case .float64(let values): return number(values[row])
    case .fixedSizeBinary(let width, let bytes):
      return .string(Digest.hex(Array(bytes[(row * width)..<((row + 1) * width)])))
    case .binary(let offsets, let bytes):
      return .string(Digest.hex(Array(bytes[Int(offsets[row])..<Int(offsets[row + 1])])))
    case .utf8(let offsets, let bytes):
      let piece = bytes[Int(offsets[row])..<Int(offsets[row + 1])]
      guard let text = String(validating: piece, as: UTF8.self) else {
        throw RollbookError.badInput(place, "expected UTF-8 text at row \(row)")
      }
      return .string(text)
    case .list(let offsets, let child):
      return .array(try (Int(offsets[row])..<Int(offsets[row + 1])).map { try child.json($0, place: place) })
    }
  }

  private func number(_ value: Double) -> JSON {
    value.isFinite ? .double(value) : .string(value.isNaN ? "nan" : value < 0 ? "-inf" : "inf")
  }
}
