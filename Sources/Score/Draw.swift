internal import Formats
internal import Kernels

/// Random numbers that depend on a seed and a name only (splitmix64).
struct Draw: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: Int, _ name: String) {
    var text = "\(seed) \(name)"
    state = text.withUTF8 { bytes in
      Digest.bytes(UnsafeRawBufferPointer(bytes)).prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
    }
  }

  mutating func next() -> UInt64 {
    defer { state &+= 0x9E37_79B9_7F4A_7C15 }
    return RolloutRandom.mix(state)
  }
}
