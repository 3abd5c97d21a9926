/// Block types of 256 weights (the "K" types) and the two with a table of values.
/// Layouts: ggml-org/ggml, src/ggml-common.h.
extension GGUF {
  /// 16 bytes of (scale, minimum) nibbles, 64 bytes of 2-bit weights, half d, half dmin.
  ///
  /// Each 32 bytes hold 128 weights, two bits of every byte at a time; a nibble pair covers 16 weights:
  /// weight = (d · scale) · q − dmin · minimum.
  static func q2_k(_ source: UnsafeRawPointer, _ blocks: Int, _ out: UnsafeMutablePointer<Float>) {
    for block in 0..<blocks {
      let from = source + 84 * block
      let to = out + 256 * block
      let scale = half(from, 80)
      let least = half(from, 82)
      for part in 0..<16 {
        let packed = bytes16(from, 16 + 32 * (part / 8) + 16 * (part % 2))
        let shift = SIMD16<UInt8>(repeating: UInt8(truncatingIfNeeded: part % 8 / 2 * 2))
        let nibbles = from.load(fromByteOffset: part, as: UInt8.self)
        store(
          (packed &>> shift) & 3, scale * Float(nibbles & 15), -(least * Float(nibbles >> 4)), to + 16 * part)
      }
    }
  }

  /// 32 bytes of third bits, 64 bytes of 2-bit weights, 12 bytes of 6-bit scales, half d.
  ///
  /// weight = (d · (scale − 32)) · (q − 4 + 4 · third bit), 16 weights a scale.
  static func q3_k(_ source: UnsafeRawPointer, _ blocks: Int, _ out: UnsafeMutablePointer<Float>) {
    for block in 0..<blocks {
      let from = source + 110 * block
      let to = out + 256 * block
      let scale = half(from, 108)
      for part in 0..<16 {
        // Four low bits of scale k are in byte k % 8 (low nibbles first), two high bits in byte 8 + k % 4.
        let low = from.load(fromByteOffset: 96 + part % 8, as: UInt8.self) &>> UInt8(part / 8 * 4)
        let high = from.load(fromByteOffset: 104 + part % 4, as: UInt8.self) &>> UInt8(part / 4 * 2)
        let factor = scale * Float(Int(low & 15 | (high & 3) << 4) - 32)
        let packed = bytes16(from, 32 + 32 * (part / 8) + 16 * (part % 2))
        let third = bytes16(from, 16 * (part % 2)) &>> SIMD16(repeating: UInt8(part / 2))
        let shift = SIMD16<UInt8>(repeating: UInt8(truncatingIfNeeded: part % 8 / 2 * 2))
        let weight = ((packed &>> shift) & 3) &+ ((third & 1) &<< 2) &- 4
        store(SIMD16<Int8>(truncatingIfNeeded: weight), factor, to + 16 * part)
      }
    }
  }

  /// Scale and minimum number `index` of 8, six bits each, of the 12 bytes that Q4_K and Q5_K pack them in:
  /// the first four in the low bits of bytes 0–3 and 4–7, the others' low nibbles in bytes 8–11 and their high bits in
  /// the two top bits of bytes 0–3 and 4–7.
  private static func scaleAndMinimum(_ scales: UnsafeRawPointer, _ index: Int) -> (scale: Float, minimum: Float) {
    let first = scales.load(fromByteOffset: index % 4, as: UInt8.self)
    let second = scales.load(fromByteOffset: 4 + index % 4, as: UInt8.self)
    if index < 4 { return (Float(first & 63), Float(second & 63)) }
    let rest = scales.load(fromByteOffset: 8 + index % 4, as: UInt8.self)
    return (Float(rest & 15 | (first >> 6) << 4), Float(rest >> 4 | (second >> 6) << 4))
  }

  /// half d, half dmin, 12 bytes of scales and minima, 128 bytes of nibbles.
  ///
  /// Each 32 bytes hold 64 weights, low nibbles first: weight = (d · scale) · q − dmin · minimum, 32 weights a scale.
  static func q4_k(_ source: UnsafeRawPointer, _ blocks: Int, _ out: UnsafeMutablePointer<Float>) {
    for block in 0..<blocks {
      let from = source + 144 * block
      let to = out + 256 * block
      let scale = half(from, 0)
      let least = half(from, 2)
      for part in 0..<8 {
        let (factor, minimum) = scaleAndMinimum(from + 4, part)
        let shift = SIMD16<UInt8>(repeating: UInt8(part % 2 * 4))
        for side in 0..<2 {
          let packed = bytes16(from, 16 + 32 * (part / 2) + 16 * side)
          store((packed &>> shift) & 15, scale * factor, -(least * minimum), to + 32 * part + 16 * side)
        }
      }
    }
  }

  /// As Q4_K, with 32 bytes of fifth bits (bit `part` of byte i is that of weight i of the part) before the nibbles.
  static func q5_k(_ source: UnsafeRawPointer, _ blocks: Int, _ out: UnsafeMutablePointer<Float>) {
    for block in 0..<blocks {
      let from = source + 176 * block
      let to = out + 256 * block
      let scale = half(from, 0)
      let least = half(from, 2)
      for part in 0..<8 {
        let (factor, minimum) = scaleAndMinimum(from + 4, part)
        let shift = SIMD16<UInt8>(repeating: UInt8(part % 2 * 4))
        for side in 0..<2 {
          let packed = bytes16(from, 48 + 32 * (part / 2) + 16 * side)
          let fifth = (bytes16(from, 16 + 16 * side) &>> SIMD16(repeating: UInt8(part))) & 1
          let weight = ((packed &>> shift) & 15) | (fifth &<< 4)
          store(weight, scale * factor, -(least * minimum), to + 32 * part + 16 * side)
        }
      }
    }
  }

  /// 128 bytes of low nibbles, 64 bytes of two high bits, 16 signed scales, half d.
  ///
  /// 64 bytes of nibbles and 32 of high bits hold 128 weights: weight = (d · scale) · (q − 32), 16 weights a scale.
  static func q6_k(_ source: UnsafeRawPointer, _ blocks: Int, _ out: UnsafeMutablePointer<Float>) {
    for block in 0..<blocks {
      let from = source + 210 * block
      let to = out + 256 * block
      let scale = half(from, 208)
      for part in 0..<16 {
        let group = part / 8  // of 128 weights
        let row = part % 8 / 2  // of 32 weights in the group
        let side = part % 2
        let low = bytes16(from, 64 * group + 32 * (row % 2) + 16 * side) &>> SIMD16(repeating: UInt8(row / 2 * 4))
        let high = bytes16(from, 128 + 32 * group + 16 * side) &>> SIMD16(repeating: UInt8(row * 2))
        let weight = (low & 15 | (high & 3) &<< 4) &- 32
        let factor = scale * Float(from.load(fromByteOffset: 192 + part, as: Int8.self))
        store(SIMD16<Int8>(truncatingIfNeeded: weight), factor, to + 16 * part)
      }
    }
  }

  /// The values of the 16 nibbles of IQ4_NL and IQ4_XS.
  @inline(__always)
  private static func tableValue(_ nibble: UInt8) -> Int8 {
    let values = SIMD16<Int8>(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113)
    return values[Int(nibble & 15)]
  }

  @inline(__always)
  private static func tableValues(_ nibbles: SIMD16<UInt8>) -> SIMD16<Int8> {
    var values = SIMD16<Int8>()
    for lane in 0..<16 { values[lane] = tableValue(nibbles[lane]) }
    return values
  }

  /// As Q4_0 with a table: weight = d · table[q].
  static func iq4_nl(_ source: UnsafeRawPointer, _ blocks: Int, _ out: UnsafeMutablePointer<Float>) {
    for block in 0..<blocks {
      let from = source + 18 * block
      let to = out + 32 * block
      let scale = half(from, 0)
      let packed = bytes16(from, 2)
      store(tableValues(packed & 15), scale, to)
      store(tableValues(packed &>> 4), scale, to + 16)
    }
  }

  /// half d, 16 bits of high scale bits, 4 bytes of low scale nibbles, 128 bytes of nibbles.
  ///
  /// 16 bytes hold 32 weights, low nibbles first: weight = (d · (scale − 32)) · table[q].
  static func iq4_xs(_ source: UnsafeRawPointer, _ blocks: Int, _ out: UnsafeMutablePointer<Float>) {
    for block in 0..<blocks {
      let from = source + 136 * block
      let to = out + 256 * block
      let scale = half(from, 0)
      let high = UInt16(littleEndian: from.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
      for part in 0..<8 {
        let low = from.load(fromByteOffset: 4 + part / 2, as: UInt8.self) &>> UInt8(part % 2 * 4)
        let factor = scale * Float(Int(low & 15) + (Int(high) >> (2 * part) & 3) * 16 - 32)
        let packed = bytes16(from, 8 + 16 * part)
        store(tableValues(packed & 15), factor, to + 32 * part)
        store(tableValues(packed &>> 4), factor, to + 32 * part + 16)
      }
    }
  }
}
