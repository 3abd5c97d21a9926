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

/// The first 33 bits of ln 2, and the rest.
private let ln2High = 0x1.62e42fee00000p-1
private let ln2Low = 0x1.a39ef35793c76p-33

/// 2ᵏ for −1022 ≤ k ≤ 1023.
@inline(__always)
private func powerOfTwo(_ k: Int) -> Double {
  Double(bitPattern: UInt64(truncatingIfNeeded: k + 1023) << 52)
}
