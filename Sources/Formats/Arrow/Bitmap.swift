/// Bits packed as Arrow packs them: bit i is bit i % 8 of byte i / 8, least significant first; spare bits are zero.
package struct Bitmap: Equatable, Sendable {
  package private(set) var bytes: [UInt8]
  /// Number of bits.
  package private(set) var count: Int

  package init() {
    bytes = []
    count = 0
  }

  package init(_ bits: [Bool]) {
    self.init()
    bytes.reserveCapacity((bits.count + 7) / 8)
    append(contentsOf: bits)
  }

  package init(repeating bit: Bool, count: Int) {
    bytes = [UInt8](repeating: bit ? 0xff : 0, count: (count + 7) / 8)
    self.count = count
    clearSpareBits()
  }

  /// Takes packed bytes as read from a file. `bytes.count` must be ⌈count / 8⌉; spare bits are cleared.
  init(packed bytes: [UInt8], count: Int) {
    precondition(bytes.count == (count + 7) / 8)
    self.bytes = bytes
    self.count = count
    clearSpareBits()
  }

  private mutating func clearSpareBits() {
    if count % 8 != 0 { bytes[bytes.count - 1] &= UInt8(1 << (count % 8)) - 1 }
  }

  package subscript(index: Int) -> Bool {
    precondition(index >= 0 && index < count)
    return bytes[index >> 3] >> UInt8(index & 7) & 1 == 1
  }

  package mutating func append(_ bit: Bool) {
    if count % 8 == 0 { bytes.append(0) }
    if bit { bytes[count >> 3] |= 1 << UInt8(count & 7) }
    count += 1
  }

  package mutating func append(contentsOf bits: [Bool]) {
    for bit in bits { append(bit) }
  }

  /// The bits of a range, one Bool each.
  package func bools(_ range: Range<Int>) -> [Bool] {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    return bytes.withUnsafeBufferPointer { bytes in
      range.map { bytes[$0 >> 3] >> UInt8($0 & 7) & 1 == 1 }
    }
  }

  /// How many bits are set.
  package var setCount: Int {
    bytes.reduce(0) { $0 + $1.nonzeroBitCount }
  }
}
