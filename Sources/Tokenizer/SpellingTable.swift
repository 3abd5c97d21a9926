/// Byte strings laid end to end, by index.
struct FlatStrings: Sendable {
  private(set) var bytes: [UInt8] = []
  private var starts: [Int] = [0]

  var count: Int { starts.count - 1 }

  mutating func append(_ string: some Collection<UInt8>) {
    bytes.append(contentsOf: string)
    starts.append(bytes.count)
  }

  func range(_ index: Int) -> Range<Int> { starts[index]..<starts[index + 1] }

  subscript(index: Int) -> ArraySlice<UInt8> { bytes[range(index)] }

  /// Whether the string at `index` has these bytes.
  @inline(__always)
  func equals(_ index: Int, _ other: UnsafeBufferPointer<UInt8>) -> Bool {
    let start = starts[index]
    guard starts[index + 1] - start == other.count else { return false }
    for offset in 0..<other.count where bytes[start + offset] != other[offset] { return false }
    return true
  }
}

/// From spelling to token id: flat open addressing over byte strings. (A dictionary keyed by `String` would take
/// canonically equivalent spellings for one, and hash far slower.)
struct SpellingTable: Sendable {
  private let spellings: FlatStrings
  private var slots: [Int32]
  private let mask: Int

  /// - Parameters:
  ///   - spellings: the spelling of each id; empty ones are left out. Of equal ones the first wins.
  init(_ spellings: FlatStrings) {
    self.spellings = spellings
    var capacity = 16
    while capacity < 2 * spellings.count { capacity *= 2 }
    mask = capacity - 1
    slots = [Int32](repeating: -1, count: capacity)
    spellings.bytes.withUnsafeBufferPointer { bytes in
      for id in 0..<spellings.count where !spellings.range(id).isEmpty {
        let spelling = UnsafeBufferPointer(rebasing: bytes[spellings.range(id)])
        let slot = self.slot(of: spelling)
        if slots[slot] < 0 { slots[slot] = Int32(id) }
      }
    }
  }

  subscript(spelling: UnsafeBufferPointer<UInt8>) -> Int32? {
    let id = slots[slot(of: spelling)]
    return id < 0 ? nil : id
  }

  subscript(spelling: [UInt8]) -> Int32? {
    spelling.withUnsafeBufferPointer { self[$0] }
  }

  subscript(spelling: String) -> Int32? {
    var spelling = spelling
    return spelling.withUTF8 { self[$0] }
  }

  private func slot(of spelling: UnsafeBufferPointer<UInt8>) -> Int {
    var slot = Int(truncatingIfNeeded: ByteHash.hash(spelling)) & mask
    while slots[slot] >= 0, !spellings.equals(Int(slots[slot]), spelling) { slot = (slot + 1) & mask }
    return slot
  }
}

/// A fast hash of short byte strings: words of eight bytes folded by 128-bit products. Not kept anywhere on disk.
enum ByteHash {
  private static let multiplier: UInt64 = 0x9E37_79B9_7F4A_7C15

  @inline(__always)
  static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
    var hash = UInt64(truncatingIfNeeded: bytes.count) &* multiplier
    guard let start = bytes.baseAddress else { return hash }
    let raw = UnsafeRawPointer(start)
    var offset = 0
    while offset + 8 <= bytes.count {
      hash = fold(hash ^ raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
      offset += 8
    }
    var tail: UInt64 = 0
    while offset < bytes.count {
      tail = tail << 8 | UInt64(bytes[offset])
      offset += 1
    }
    return fold(hash ^ tail)
  }

  @inline(__always)
  private static func fold(_ word: UInt64) -> UInt64 {
    let product = word.multipliedFullWidth(by: multiplier)
    return product.high ^ product.low
  }
}
