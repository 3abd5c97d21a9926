import Formats

/// One value of a shard, compared by bits: what is not a number is itself.
enum ArrowCell: Equatable {
  case null
  case integer(Int64)
  case unsigned(UInt64)
  case float(UInt32)
  case double(UInt64)
  case text(String)
  case bytes([UInt8])
  case list([ArrowCell])

  init(_ column: ArrowColumn, _ row: Int) {
    func slice(_ offsets: [Int32]) -> Range<Int> { Int(offsets[row])..<Int(offsets[row + 1]) }
    if column.isNull(row) {
      self = .null
      return
    }
    switch column.values {
    case .bool(let bits): self = .integer(bits[row] ? 1 : 0)
    case .int8(let values): self = .integer(Int64(values[row]))
    case .int16(let values): self = .integer(Int64(values[row]))
    case .int32(let values): self = .integer(Int64(values[row]))
    case .int64(let values): self = .integer(values[row])
    case .uint8(let values): self = .unsigned(UInt64(values[row]))
    case .uint16(let values): self = .unsigned(UInt64(values[row]))
    case .uint32(let values): self = .unsigned(UInt64(values[row]))
    case .uint64(let values): self = .unsigned(values[row])
    case .float32(let values): self = .float(values[row].bitPattern)
    case .float64(let values): self = .double(values[row].bitPattern)
    case .utf8(let offsets, let bytes): self = .text(String(decoding: bytes[slice(offsets)], as: UTF8.self))
    case .binary(let offsets, let bytes): self = .bytes(Array(bytes[slice(offsets)]))
    case .fixedSizeBinary(let width, let bytes): self = .bytes(Array(bytes[row * width..<(row + 1) * width]))
    case .list(let offsets, let child): self = .list(slice(offsets).map { ArrowCell(child, $0) })
    }
  }

  /// As a number, where it is one.
  private var number: Double? {
    switch self {
    case .float(let bits): Double(Float(bitPattern: bits))
    case .double(let bits): Double(bitPattern: bits)
    default: nil
    }
  }

  /// The largest difference of two numbers in them; 0 where nothing can be compared so.
  func distance(_ other: ArrowCell) -> Double {
    if case .list(let a) = self, case .list(let b) = other {
      return zip(a, b).reduce(0) { max($0, $1.0.distance($1.1)) }
    }
    guard let a = number, let b = other.number else { return 0 }
    let distance = abs(a - b)
    return distance.isNaN ? 0 : distance
  }

  /// The first place where two cells part, with both values there: of a list its element, with the number of it.
  func parting(_ other: ArrowCell) -> (element: Int?, mine: ArrowCell, other: ArrowCell) {
    guard case .list(let a) = self, case .list(let b) = other,
      let place = zip(a, b).enumerated().first(where: { $0.element.0 != $0.element.1 })
    else { return (nil, self, other) }
    return (place.offset, place.element.0, place.element.1)
  }

  private static let textLimit = 60

  /// As people read it: texts in quotes and cut short.
  var text: String {
    switch self {
    case .null: "null"
    case .integer(let value): "\(value)"
    case .unsigned(let value): "\(value)"
    case .float(let bits): "\(Float(bitPattern: bits))"
    case .double(let bits): "\(Double(bitPattern: bits))"
    case .text(let value): "\"\(value.prefix(Self.textLimit))\"" + (value.count > Self.textLimit ? "…" : "")
    case .bytes(let bytes): Digest.hex(bytes)
    case .list(let cells): "\(cells.count) values"
    }
  }
}
