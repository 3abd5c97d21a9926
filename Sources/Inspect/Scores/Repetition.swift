/// How much of a text repeats itself, by its word 4-grams.
package struct Repetition {
  /// A shorter text is not judged.
  package static let leastWords = 20
  /// More than this is repeated text.
  package static let threshold = 0.5

  private var words: [UInt64] = []
  private var grams: [UInt64] = []

  package init() {}

  /// 1 − distinct / total of the text's 4-grams of words; nil for a text of fewer than 20 words. A word is what stands
  /// between ASCII white space, as it is; words and 4-grams are compared by hashes of 64 bits.
  package mutating func share(_ text: String) -> Double? {
    var text = text
    words.removeAll(keepingCapacity: true)
    text.withUTF8 { bytes in
      var hash = Self.start
      for byte in bytes {
        if byte == 0x20 || (0x09...0x0D).contains(byte) {
          if hash != Self.start { words.append(Self.mixed(hash)) }
          hash = Self.start
        } else {
          // FNV-1a.
          hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
        }
      }
      if hash != Self.start { words.append(Self.mixed(hash)) }
    }
    guard words.count >= Self.leastWords else { return nil }
    grams.removeAll(keepingCapacity: true)
    for place in 0...(words.count - 4) {
      var hash: UInt64 = 0
      for word in words[place..<place + 4] { hash = Self.mixed(hash &* 0x9E37_79B9_7F4A_7C15 &+ word) }
      grams.append(hash)
    }
    grams.sort()
    let distinct = 1 + zip(grams, grams.dropFirst()).count { $0 != $1 }
    return 1 - Double(distinct) / Double(grams.count)
  }

  private static let start: UInt64 = 0xCBF2_9CE4_8422_2325

  /// SplitMix64's last step.
  private static func mixed(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
}
