internal import Formats

/// Random schemas of all types that files may hold, with nulls at every level, and columns of them.
struct RandomColumns {
  private var state: SplitMix

  init(seed: Int) {
    state = SplitMix(state: UInt64(truncatingIfNeeded: seed))
  }

  mutating func random(_ range: ClosedRange<Int>) -> Int {
    range.lowerBound + Int(state.next() % UInt64(range.count))
  }

  mutating func schema() -> ArrowSchema {
    ArrowSchema(
      fields: (0..<random(1...8)).map { ArrowField("c\($0) é", type(depth: 0), nullable: random(0...1) == 1) },
      metadata: [.init("origin", "random")])
  }

  private mutating func type(depth: Int) -> ArrowType {
    switch random(0...(depth < 3 ? 10 : 6)) {
    case 0: .bool
    case 1: .int(bits: 8 << random(0...3), signed: random(0...1) == 1)
    case 2: .float32
    case 3: .float64
    case 4: .utf8
    case 5: .binary
    case 6: .fixedSizeBinary(random(1...20))
    default: .list(ArrowField("item", type(depth: depth + 1), nullable: random(0...1) == 1))
    }
  }

  /// A column; null rows hold zeros, as everywhere.
  mutating func column(_ field: ArrowField, rows: Int) throws -> ArrowColumn {
    let isThere = (0..<rows).map { _ in !field.nullable || random(0...3) > 0 }
    let bits = isThere.contains(false) ? Bitmap(isThere) : nil
    return ArrowColumn(try values(field.type, isThere), validity: bits)
  }

  private mutating func values(_ type: ArrowType, _ isThere: [Bool]) throws -> ArrowColumn.Values {
    switch type {
    case .bool: return .bool(Bitmap(isThere.map { $0 && random(0...1) == 1 }))
    case .int(8, true): return .int8(integers(isThere))
    case .int(16, true): return .int16(integers(isThere))
    case .int(32, true): return .int32(integers(isThere))
    case .int(_, true): return .int64(integers(isThere))
    case .int(8, _): return .uint8(integers(isThere))
    case .int(16, _): return .uint16(integers(isThere))
    case .int(32, _): return .uint32(integers(isThere))
    case .int: return .uint64(integers(isThere))
    case .float32: return .float32(isThere.map { $0 ? Float(random(-1000...1000)) / 7 : 0 })
    case .float64: return .float64(isThere.map { $0 ? Double(random(-1000...1000)) * 1e-300 : 0 })
    case .fixedSizeBinary(let width):
      let bytes = isThere.flatMap { there in (0..<width).map { _ in there ? UInt8(random(0...255)) : 0 } }
      return .fixedSizeBinary(width: width, bytes: bytes)
    case .utf8:
      let words = ["", "a", "é🙂", "日本", "longer than fifteen bytes"]
      let rows = isThere.map { $0 ? Array((words[random(0...4)] + words[random(0...4)]).utf8) : [] }
      let (offsets, bytes) = joined(rows)
      return .utf8(offsets: offsets, bytes: bytes)
    case .binary:
      let rows = isThere.map { there in there ? (0..<random(0...9)).map { _ in UInt8(random(0...255)) } : [] }
      let (offsets, bytes) = joined(rows)
      return .binary(offsets: offsets, bytes: bytes)
    case .list(let child):
      let lengths = isThere.map { $0 ? random(0...4) : 0 }
      let offsets = lengths.reduce(into: [Int32(0)]) { $0.append(($0.last ?? 0) + Int32($1)) }
      return .list(offsets: offsets, child: try column(child, rows: lengths.reduce(0, +)))
    }
  }

  private mutating func integers<Value: FixedWidthInteger>(_ isThere: [Bool]) -> [Value] {
    isThere.map { there in
      guard there else { return 0 }
      switch random(0...4) {
      case 0: return .min
      case 1: return .max
      default: return Value(truncatingIfNeeded: state.next())
      }
    }
  }

  private func joined(_ rows: [[UInt8]]) -> (offsets: [Int32], bytes: [UInt8]) {
    (rows.reduce(into: [Int32(0)]) { $0.append(($0.last ?? 0) + Int32($1.count)) }, rows.flatMap { $0 })
  }
}
