/// A metadata value. Integers of every width are `integer` (those beyond `Int` are `unsigned`), both float types are
/// `float`; an array has a case of its own so that 100,000 tokens are one array of strings.
package enum GGUFValue: Equatable, Sendable {
  case integer(Int)
  case unsigned(UInt64)
  /// float32 (exactly, as a double) or float64.
  case float(Double)
  case bool(Bool)
  case string(String)
  case integers([Int])
  case unsigneds([UInt64])
  case floats([Double])
  case bools([Bool])
  case strings([String])
  case arrays([GGUFValue])
}

extension GGUFValue {
  package var int: Int? {
    if case .integer(let value) = self { value } else { nil }
  }

  /// Any number.
  package var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .unsigned(let value): Double(value)
    case .float(let value): value
    default: nil
    }
  }

  package var bool: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }

  package var string: String? {
    if case .string(let value) = self { value } else { nil }
  }

  /// An array of strings; also an empty array of anything.
  package var strings: [String]? {
    if case .strings(let values) = self { return values }
    return count == 0 ? [] : nil
  }

  /// An array of integers; also an empty array of anything.
  package var ints: [Int]? {
    if case .integers(let values) = self { return values }
    return count == 0 ? [] : nil
  }

  /// An array of numbers; also an empty array of anything.
  package var doubles: [Double]? {
    switch self {
    case .floats(let values): values
    case .integers(let values): values.map(Double.init)
    default: count == 0 ? [] : nil
    }
  }

  package var bools: [Bool]? {
    if case .bools(let values) = self { return values }
    return count == 0 ? [] : nil
  }

  /// The length of an array; nil for anything else.
  package var count: Int? {
    switch self {
    case .integers(let values): values.count
    case .unsigneds(let values): values.count
    case .floats(let values): values.count
    case .bools(let values): values.count
    case .strings(let values): values.count
    case .arrays(let values): values.count
    default: nil
    }
  }
}

/// The numbers of the value types in a file (`gguf_metadata_value_type`).
private enum GGUFValueType: UInt32 {
  case uint8, int8, uint16, int16, uint32, int32, float32, bool, string, array, uint64, int64, float64

  /// The least bytes one takes.
  var size: Int {
    switch self {
    case .uint8, .int8, .bool: 1
    case .uint16, .int16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64, .string: 8
    case .array: 12
    }
  }
}

extension GGUFReader {
  /// The deepest nesting of arrays in arrays; no known file nests them at all.
  private static let maximumDepth = 8

  /// The metadata section. A key given twice is an error, as in llama.cpp.
  mutating func metadata(count: Int) throws -> [String: GGUFValue] {
    var metadata: [String: GGUFValue] = [:]
    for _ in 0..<count {
      let key = try string()
      let value = try value(of: valueType(), depth: 0)
      guard metadata.updateValue(value, forKey: key) == nil else {
        throw bad("expected each metadata key once, found '\(key)' twice")
      }
    }
    return metadata
  }

  private mutating func valueType() throws -> GGUFValueType {
    let number = try number(UInt32.self)
    guard let type = GGUFValueType(rawValue: number) else { throw bad("unknown metadata type \(number)") }
    return type
  }

  private mutating func value(of type: GGUFValueType, depth: Int) throws -> GGUFValue {
    switch type {
    case .uint8: .integer(Int(try number(UInt8.self)))
    case .int8: .integer(Int(try number(Int8.self)))
    case .uint16: .integer(Int(try number(UInt16.self)))
    case .int16: .integer(Int(try number(Int16.self)))
    case .uint32: .integer(Int(try number(UInt32.self)))
    case .int32: .integer(Int(try number(Int32.self)))
    case .int64: .integer(Int(try number(Int64.self)))
    case .uint64: Self.unsigned(try number(UInt64.self))
    case .float32: .float(try float32())
    case .float64: .float(try float64())
    case .bool: .bool(try bool())
    case .string: .string(try string())
    case .array: try array(depth: depth + 1)
    }
  }

  private mutating func array(depth: Int) throws -> GGUFValue {
    guard depth <= Self.maximumDepth else { throw bad("arrays nested deeper than \(Self.maximumDepth)") }
    let type = try valueType()
    let count = try count(of: "an array", size: type.size)
    return switch type {
    case .uint8: .integers(try list(count) { reader throws in Int(try reader.number(UInt8.self)) })
    case .int8: .integers(try list(count) { reader throws in Int(try reader.number(Int8.self)) })
    case .uint16: .integers(try list(count) { reader throws in Int(try reader.number(UInt16.self)) })
    case .int16: .integers(try list(count) { reader throws in Int(try reader.number(Int16.self)) })
    case .uint32: .integers(try list(count) { reader throws in Int(try reader.number(UInt32.self)) })
    case .int32: .integers(try list(count) { reader throws in Int(try reader.number(Int32.self)) })
    case .int64: .integers(try list(count) { reader throws in Int(try reader.number(Int64.self)) })
    case .uint64: Self.unsigneds(try list(count) { reader throws in try reader.number(UInt64.self) })
    case .float32: .floats(try list(count) { reader throws in try reader.float32() })
    case .float64: .floats(try list(count) { reader throws in try reader.float64() })
    case .bool: .bools(try list(count) { reader throws in try reader.bool() })
    case .string: .strings(try list(count) { reader throws in try reader.string() })
    case .array: .arrays(try list(count) { reader throws in try reader.array(depth: depth + 1) })
    }
  }

  @inline(__always)
  private mutating func list<Element>(
    _ count: Int, _ body: (inout GGUFReader) throws -> Element
  ) throws -> [Element] {
    var elements: [Element] = []
    elements.reserveCapacity(count)
    for _ in 0..<count { elements.append(try body(&self)) }
    return elements
  }

  private mutating func float32() throws -> Double { Double(Float(bitPattern: try number(UInt32.self))) }

  private mutating func float64() throws -> Double { Double(bitPattern: try number(UInt64.self)) }

  private mutating func bool() throws -> Bool {
    let byte = try number(UInt8.self)
    guard byte <= 1 else { throw bad("expected a boolean of 0 or 1, found \(byte)") }
    return byte == 1
  }

  private static func unsigned(_ value: UInt64) -> GGUFValue {
    Int(exactly: value).map { .integer($0) } ?? .unsigned(value)
  }

  /// An array that fits `Int` altogether reads as integers.
  private static func unsigneds(_ values: [UInt64]) -> GGUFValue {
    values.allSatisfy { $0 <= UInt64(Int.max) } ? .integers(values.map { Int($0) }) : .unsigneds(values)
  }
}
