/// eˣ in double precision, in plain Swift.
///
/// Why our own: this target imports nothing, and losses must not change with the system's C library; the same
/// input gives the same bits everywhere. The error is below 1 unit in the last place (tested against libm), and
/// `exponential(0)` is exactly 1, so that an on-policy ratio is exactly 1.
///
/// Method: x = k ln 2 + r with |r| ≤ ln 2 / 2, then the Taylor series of eʳ to degree 13 (remainder below 2⁻⁵⁷) and
/// an exact scaling by 2ᵏ. ln 2 is split in two so that `k * high` is exact.
///
/// - Returns: +∞ above 709.78, 0 below −745.13, NaN for NaN.
package func exponential(_ x: Double) -> Double {
  guard x == x else { return x }
  if x > 709.782712893384 { return .infinity }
  if x < -745.1332191019412 { return 0 }
  let k = (x * 1.4426950408889634).rounded()
  let r = (x - k * ln2High) - k * ln2Low
  var series = 1.0 / 6_227_020_800
  series = series * r + 1.0 / 479_001_600
  series = series * r + 1.0 / 39_916_800
  series = series * r + 1.0 / 3_628_800
  series = series * r + 1.0 / 362_880
  series = series * r + 1.0 / 40_320
  series = series * r + 1.0 / 5_040
  series = series * r + 1.0 / 720
  series = series * r + 1.0 / 120
  series = series * r + 1.0 / 24
  series = series * r + 1.0 / 6
  series = series * r + 0.5
  let value = 1 + (r + r * r * series)
  // 2ᵏ in two factors: k runs from −1075 to 1024, beyond what one normal double holds.
  let half = Int(k) >> 1
  return value * powerOfTwo(half) * powerOfTwo(Int(k) - half)
}

/// ln x in double precision, for the same reasons as ``exponential(_:)``; below 1 unit in the last place of libm's.
///
/// Method: x = 2ᵏ m with m in [√½, √2); with f = m − 1 and s = f / (2 + f), ln m = f − s (f − R), R the series of
/// 2 artanh(s)/s − 2 in s² (remainder below 2⁻⁵⁸), ordered so that f²/2 is subtracted last.
///
/// - Returns: −∞ for 0, NaN below 0 and for NaN, +∞ for +∞.
package func logarithm(_ x: Double) -> Double {
  guard x > 0, x < .infinity else { return x == 0 ? -.infinity : (x > 0 ? x : .nan) }
  var k = Double(x.exponent)
  var m = x.significand
  if m > 1.4142135623730951 {
    m *= 0.5
    k += 1
  }
  let f = m - 1
  let s = f / (2 + f)
  let z = s * s
  var series = 2.0 / 25
  for odd in [23.0, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3] { series = series * z + 2 / odd }
  let half = 0.5 * f * f
  return k * ln2High - ((half - (s * (half + series * z) + k * ln2Low)) - f)
}

/// ln(1 + x) without the loss of digits for small x; x > −1.
package func logarithm(onePlus x: Double) -> Double {
  let sum = 1 + x
  return sum == 1 ? x : logarithm(sum) + (x - (sum - 1)) / sum
}

/// σ(x) = 1 / (1 + e⁻ˣ); never overflows.
package func sigmoid(_ x: Double) -> Double {
  guard x < 0 else { return 1 / (1 + exponential(-x)) }
  let power = exponential(x)
  return power / (1 + power)
}

/// ln σ(x) = −ln(1 + e⁻ˣ); exact in the tails: x for x far below 0, −e⁻ˣ far above.
package func logSigmoid(_ x: Double) -> Double {
  min(x, 0) - logarithm(onePlus: exponential(-x.magnitude))
}

/// ln Σ eˣ; −∞ of nothing and of nothing but −∞.
package func logSumExp(_ values: some Collection<Double>) -> Double {
  guard let largest = values.max(), largest > -.infinity, largest < .infinity else {
    return values.contains { $0 != $0 } ? .nan : values.max() ?? -.infinity
  }
  var sum = 0.0
  for value in values { sum += exponential(value - largest) }
  return largest + logarithm(sum)
}

/// The first 33 bits of ln 2, and the rest.
private let ln2High = 0x1.62e42fee00000p-1
private let ln2Low = 0x1.a39ef35793c76p-33

/// 2ᵏ for −1022 ≤ k ≤ 1023.
@inline(__always)
private func powerOfTwo(_ k: Int) -> Double {
  Double(bitPattern: UInt64(truncatingIfNeeded: k + 1023) << 52)
}
