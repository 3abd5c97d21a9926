/// Tokens and text that compress like real ones: ids drawn by rank, phrases that come back, runs copied from before.
///
/// A function of the seed alone.
struct SyntheticText {
  var random: SplitMix
  /// Token id to its spelling.
  private let spellings: [[UInt8]]
  /// Ids by frequency: a uniform index gives a Zipf-like draw.
  private let draws: [Int32]
  private let phrases: [[Int32]]

  static let vocabularyCount = 32_768

  init(seed: UInt64) {
    var random = SplitMix(state: seed)
    let letters = Array("etaoinshrdlucmfwypvbgk".utf8)
    spellings = (0..<Self.vocabularyCount).map { _ in
      // A third continues a word; the mean is 4 bytes.
      let isStart = random.next() % 3 != 0
      let length = 2 + Int(random.next() % 4)
      return (isStart ? [0x20] : []) + (0..<length).map { _ in letters[Int(random.next() % UInt64(letters.count))] }
    }
    var draws: [Int32] = []
    draws.reserveCapacity(1 << 16)
    // Rank r takes a share of 1 / (r + 3); what rounds to nothing shares the rest evenly.
    let total = (0..<Self.vocabularyCount).reduce(0.0) { $0 + 1 / Double($1 + 3) }
    for rank in 0..<Self.vocabularyCount {
      let share = Int(65_536 / Double(rank + 3) / total)
      draws += [Int32](repeating: Int32(rank), count: share)
    }
    while draws.count < 1 << 16 { draws.append(Int32(random.next() % UInt64(Self.vocabularyCount))) }
    self.draws = draws
    phrases = (0..<1024).map { _ in
      (0..<(3 + Int(random.next() % 6))).map { _ in draws[Int(random.next() & 0xffff)] }
    }
    self.random = random
  }

  /// `count` tokens, of which some runs are copied from `earlier`.
  mutating func tokens(_ count: Int, after earlier: [Int32]) -> [Int32] {
    var tokens: [Int32] = []
    tokens.reserveCapacity(count + 16)
    while tokens.count < count {
      let number = random.next()
      switch number & 0xff {
      case 0..<20 where earlier.count > 20:
        let start = Int((number >> 8) % UInt64(earlier.count - 16))
        tokens += earlier[start..<(start + 4 + Int((number >> 40) % 12))]
      case 20..<110:
        // The smallest of three draws prefers the first phrases.
        tokens += phrases[Int(min((number >> 8) & 1023, (number >> 24) & 1023, (number >> 40) & 1023))]
      default: tokens.append(draws[Int((number >> 8) & 0xffff)])
      }
    }
    tokens.removeLast(tokens.count - count)
    return tokens
  }

  func text(_ tokens: [Int32]) -> String {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(6 * tokens.count)
    for token in tokens { bytes += spellings[Int(token)] }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Evenly in 0..<1.
  mutating func fraction() -> Double {
    Double(random.next() >> 11) / 9_007_199_254_740_992
  }
}

/// Steele, Lea and Flood's generator: fast, and the same everywhere.
struct SplitMix {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
