internal import Glibc

/// Philox 4×32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): numbers that are a function
/// of a counter and a key, so that any draw can be made at any time, in any order, by anyone.
package struct Philox {
  /// The block of four words for this counter (128 bits) and key (64 bits).
  package static func block(
    counter: (UInt32, UInt32, UInt32, UInt32), key: (UInt32, UInt32)
  ) -> (UInt32, UInt32, UInt32, UInt32) {
    var c = counter, k = key
    for round in 0..<10 {
      if round > 0 {
        k.0 &+= 0x9E37_79B9
        k.1 &+= 0xBB67_AE85
      }
      let a = UInt64(c.0) &* 0xD251_1F53, b = UInt64(c.2) &* 0xCD9E_8D57
      c = (
        UInt32(truncatingIfNeeded: b >> 32) ^ c.1 ^ k.0, UInt32(truncatingIfNeeded: b),
        UInt32(truncatingIfNeeded: a >> 32) ^ c.3 ^ k.1, UInt32(truncatingIfNeeded: a)
      )
    }
    return c
  }
}

/// The random numbers of one rollout, keyed by what names it: a draw depends on the key and the position alone.
package struct RolloutRandom: Sendable {
  private let key: UInt64
  private let stream: UInt64

  /// - Parameter prompt: any 64-bit name of the prompt, such as a digest of its id.
  package init(seed: UInt64, step: UInt64, prompt: UInt64, sample: UInt64) {
    key = seed
    stream = Self.mix(Self.mix(Self.mix(step) ^ prompt) ^ sample)
  }

  /// Uniform in [0, 1) with 53 bits, for the token at this position.
  package func uniform(position: Int) -> Double {
    let (a, b, _, _) = Philox.block(
      counter: (
        UInt32(truncatingIfNeeded: position), UInt32(truncatingIfNeeded: position >> 32),
        UInt32(truncatingIfNeeded: stream), UInt32(truncatingIfNeeded: stream >> 32)
      ), key: (UInt32(truncatingIfNeeded: key), UInt32(truncatingIfNeeded: key >> 32)))
    return Double((UInt64(a) << 32 | UInt64(b)) >> 11) * 0x1p-53
  }

  /// Standard normal (Box and Muller 1958), for fresh weights.
  package func normal(position: Int) -> Float {
    let u = uniform(position: 2 * position), v = uniform(position: 2 * position + 1)
    return Float((-2 * log(1 - u)).squareRoot() * cos(2 * Double.pi * v))
  }

  /// The finaliser of splitmix64: every input bit changes every output bit.
  package static func mix(_ x: UInt64) -> UInt64 {
    var z = x &+ 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// The mathematical functions that Model needs in double, so that it imports no C library.
package func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }
package func cosineAndSine(_ x: Double) -> (Double, Double) { (cos(x), sin(x)) }
package func naturalLog(_ x: Float) -> Float { logf(x) }
