/// Builds one flatbuffer back to front, as far as Arrow's metadata needs it.
///
/// Objects are named by their position: the distance of their first byte from the end of the finished buffer, which
/// does not change while more is put in front. Children are therefore built before their parents. The same calls
/// always give the same bytes.
struct FlatBufferBuilder {
  /// The buffer read from its end: the byte at index i lies i + 1 bytes before the end.
  private var reversed: [UInt8] = []
  private var largestAlignment = 1

  /// The distance of the current front from the end.
  private var front: Int { reversed.count }

  /// What one slot of a table holds.
  enum Slot {
    case bool(Bool)
    case int8(Int8)
    case uint8(UInt8)
    case int16(Int16)
    case int32(Int32)
    case int64(Int64)
    /// The position of a table, vector or string.
    case offset(Int)

    var size: Int {
      switch self {
      case .bool, .int8, .uint8: 1
      case .int16: 2
      case .int32, .offset: 4
      case .int64: 8
      }
    }
  }

  /// Pads so that the front is a multiple of `size` after `extra` more bytes.
  private mutating func align(_ size: Int, extra: Int = 0) {
    largestAlignment = max(largestAlignment, size)
    while (front + extra) % size != 0 { reversed.append(0) }
  }

  private mutating func prepend(_ value: some FixedWidthInteger) {
    withUnsafeBytes(of: value.bigEndian) { reversed.append(contentsOf: $0) }
  }

  /// An offset to `position`, relative to the offset's own place.
  private mutating func prependOffset(to position: Int) {
    prepend(UInt32(front + 4 - position))
  }

  /// A string: length, UTF-8 bytes, NUL.
  mutating func string(_ text: String) -> Int {
    let bytes = Array(text.utf8)
    align(4, extra: bytes.count + 1)
    reversed.append(0)
    reversed.append(contentsOf: bytes.reversed())
    prepend(UInt32(bytes.count))
    return front
  }

  /// A vector of offsets to tables or strings.
  mutating func vector(offsets: [Int]) -> Int {
    align(4, extra: 4 * offsets.count)
    for position in offsets.reversed() { prependOffset(to: position) }
    prepend(UInt32(offsets.count))
    return front
  }

  /// A vector of 8-aligned structs, as the 64-bit words of one after the other (a smaller field and its padding share
  /// a word).
  mutating func vector(words: [Int64], perStruct: Int) -> Int {
    align(4, extra: 8 * words.count)
    align(8, extra: 8 * words.count)
    // Reversed words, each with its bytes reversed, in one piece.
    let reversedWords = words.reversed().map { $0.bigEndian }
    reversedWords.withUnsafeBytes { reversed.append(contentsOf: $0) }
    prepend(UInt32(words.count / perStruct))
    return front
  }

  /// A table. Slots lie from the largest type to the smallest, equal sizes in order of their ids.
  mutating func table(_ slots: [(id: Int, value: Slot)]) -> Int {
    let end = front
    let count = (slots.map { $0.id }.max() ?? -1) + 1
    var places = [Int](repeating: 0, count: count)
    for size in [8, 4, 2, 1] {
      for slot in slots where slot.value.size == size {
        align(size)
        prepend(slot.value)
        places[slot.id] = front
      }
    }
    align(4)
    prepend(Int32(0))
    let table = front
    for id in (0..<count).reversed() { prepend(UInt16(places[id] == 0 ? 0 : table - places[id])) }
    prepend(UInt16(table - end))
    prepend(UInt16(4 + 2 * count))
    patch(Int32(front - table), at: table)
    return table
  }

  private mutating func prepend(_ slot: Slot) {
    switch slot {
    case .bool(let value): prepend(UInt8(value ? 1 : 0))
    case .int8(let value): prepend(value)
    case .uint8(let value): prepend(value)
    case .int16(let value): prepend(value)
    case .int32(let value): prepend(value)
    case .int64(let value): prepend(value)
    case .offset(let position): prependOffset(to: position)
    }
  }

  /// Overwrites the four bytes that start `position` bytes before the end.
  private mutating func patch(_ value: Int32, at position: Int) {
    for index in 0..<4 { reversed[position - 1 - index] = UInt8(truncatingIfNeeded: value >> (8 * index)) }
  }

  /// The finished buffer, whose root is the table at `root`.
  mutating func finish(root: Int) -> [UInt8] {
    align(largestAlignment, extra: 4)
    prependOffset(to: root)
    return reversed.reversed()
  }
}
