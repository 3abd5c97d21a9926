/// Seeded numbers (SplitMix64): the same seed gives the same inputs everywhere.
struct FuzzNumbers: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  mutating func below(_ count: Int) -> Int { Int.random(in: 0..<Swift.max(count, 1), using: &self) }
}

/// Makes inputs: a file of the corpus, changed in one to six places.
struct Mutator {
  let corpus: [[UInt8]]

  private static let bytes: [UInt8] = [
    0, 1, 4, 7, 8, 16, 0x20, 0x22, 0x2C, 0x30, 0x5B, 0x7B, 0x7F, 0x80, 0xC0, 0xFE, 0xFF,
  ]
  private static let integers: [UInt64] = [
    0, 1, 2, 3, 7, 8, 16, 63, 64, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x7FFF_FFF0, 0x7FFF_FFFF,
    0x8000_0000, 0xFFFF_FFF8, 0xFFFF_FFFF, 1 << 32, 1 << 40, 1 << 62, .max >> 1, 1 << 63, .max - 7, .max,
  ]
  /// Pieces of text that mean something to one reader or another.
  private static let words = [
    "null", "true", "-0", "1e999", "9223372036854775808", "\"\"", "{}", "[]", "[[[[[[[[", "\\u0000", "\\ud800", "\u{0}",
    "\n", "xxh3-128:", "NaN", "\"id\":", "\"version\":", "F64", "data_offsets", "__metadata__", "ARROW1", "GGUF",
  ]
  private static let largest = 1 << 18

  /// The input of a number: a pure function of the corpus, the seed and the number.
  func input(_ number: Int, seed: UInt64) -> [UInt8] {
    var numbers = FuzzNumbers(state: seed &* 0x2545_F491_4F6C_DD1D &+ UInt64(number))
    var input = corpus[numbers.below(corpus.count)]
    for _ in 0..<(1 + numbers.below(1 + numbers.below(6))) { change(&input, &numbers) }
    if input.count > Self.largest { input.removeLast(input.count - Self.largest) }
    return input
  }

  private func change(_ input: inout [UInt8], _ numbers: inout FuzzNumbers) {
    guard !input.isEmpty else { return input.append(UInt8(numbers.below(256))) }
    let place = place(input.count, &numbers)
    switch numbers.below(16) {
    case 0...2: input[place] ^= 1 << UInt8(numbers.below(8))
    case 3, 4: input[place] = Self.bytes[numbers.below(Self.bytes.count)]
    case 5: input[place] = UInt8(numbers.below(256))
    case 6...10: overwrite(&input, place, &numbers)
    case 11:
      // Cutting all too often would leave little else to try.
      if numbers.below(3) == 0 { input.removeLast(input.count - place) }
    case 12: input.removeSubrange(place..<min(input.count, place + Self.length(&numbers)))
    case 13:
      let piece = Array(input[place..<min(input.count, place + Self.length(&numbers))])
      input.insert(contentsOf: piece, at: self.place(input.count, &numbers))
    case 14: input.insert(contentsOf: Self.words[numbers.below(Self.words.count)].utf8, at: place)
    default: splice(&input, place, &numbers)
    }
  }

  /// Somewhere; every other time near the beginning or the end, where headers and footers are.
  private func place(_ count: Int, _ numbers: inout FuzzNumbers) -> Int {
    let near = min(count, 512)
    switch numbers.below(4) {
    case 0: return numbers.below(near)
    case 1: return count - 1 - numbers.below(near)
    default: return numbers.below(count)
    }
  }

  private static func length(_ numbers: inout FuzzNumbers) -> Int {
    numbers.below(4) == 0 ? 1 + numbers.below(1024) : 1 << numbers.below(7)
  }

  /// An integer of 1, 2, 4 or 8 bytes at a multiple of its size: an extreme one, or its neighbour.
  private func overwrite(_ input: inout [UInt8], _ place: Int, _ numbers: inout FuzzNumbers) {
    let size = 1 << numbers.below(4)
    let start = place & ~(size - 1)
    guard start + size <= input.count else { return }
    var value = Self.integers[numbers.below(Self.integers.count)]
    if numbers.below(3) == 0 {
      value = (0..<size).reduce(0) { $0 | UInt64(input[start + $1]) << UInt64(8 * $1) }
      value = value &+ UInt64(bitPattern: [-8, -1, 1, 8, 64][numbers.below(5)])
    }
    for index in 0..<size { input[start + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index)) }
  }

  /// A piece of another file of the corpus, over or between what is there.
  private func splice(_ input: inout [UInt8], _ place: Int, _ numbers: inout FuzzNumbers) {
    let other = corpus[numbers.below(corpus.count)]
    let start = numbers.below(other.count)
    let piece = other[start..<min(other.count, start + Self.length(&numbers))]
    let end = numbers.below(2) == 0 ? place : min(input.count, place + piece.count)
    input.replaceSubrange(place..<end, with: piece)
  }
}
