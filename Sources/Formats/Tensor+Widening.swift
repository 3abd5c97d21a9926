/// Widening of stored floats. Sources may be at any byte offset (safetensors promises no alignment of the file's
/// start), so every load is unaligned; counts are checked by the callers.
enum Widening {
  /// Little-endian F32 as it is.
  static func f32(_ source: UnsafeRawPointer, _ count: Int, into target: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: 4 * count)
  }

  /// BF16 is the upper half of an F32.
  static func bf16(_ source: UnsafeRawPointer, _ count: Int, into target: UnsafeMutablePointer<Float>) {
    for index in 0..<count {
      let bits = source.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self)
      target[index] = Float(bitPattern: UInt32(bits) << 16)
    }
  }

  /// IEEE half precision, exactly, subnormals and infinities too.
  static func f16(_ source: UnsafeRawPointer, _ count: Int, into target: UnsafeMutablePointer<Float>) {
    for index in 0..<count {
      target[index] = half(source.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self))
    }
  }

  /// One half-precision number, by integer operations that a loop can run in vector registers everywhere
  /// (the compiler's own conversion is a library call on processors without F16C).
  @inline(__always)
  static func half(_ bits: UInt16) -> Float {
    let wide = UInt32(bits)
    let sign = (wide & 0x8000) << 16
    let body = (wide & 0x7FFF) << 13
    // Exponent 31 means infinity or NaN; any other moves from bias 15 to bias 127.
    let special: UInt32 = body >= 0x0F80_0000 ? 0x3800_0000 : 0
    let normal = body &+ 0x3800_0000 &+ special
    // A subnormal half is mantissa · 2^-24: put the mantissa behind 2^-14 and take 2^-14 away again. All operands
    // are normal floats, so a processor told to flush subnormals to zero gives the same.
    let small = (Float(bitPattern: body &+ 0x3880_0000) - Float(bitPattern: 0x3880_0000)).bitPattern
    return Float(bitPattern: sign | (body < 0x0080_0000 ? small : normal))
  }

  /// Reads elements of a stored float type.
  static func read(
    _ type: TensorType, _ source: UnsafeRawBufferPointer, into target: UnsafeMutableBufferPointer<Float>
  ) {
    guard let start = source.baseAddress, let out = target.baseAddress else { return }
    switch type {
    case .f32: f32(start, target.count, into: out)
    case .f16: f16(start, target.count, into: out)
    case .bf16: bf16(start, target.count, into: out)
    default: preconditionFailure("\(type) is no plain float type")
    }
  }

  /// The nearest BF16 (ties to even), as bits. NaN stays NaN.
  @inline(__always)
  static func roundedToBF16(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    let rounded = (bits &+ 0x7FFF &+ ((bits >> 16) & 1)) >> 16
    return UInt16(truncatingIfNeeded: value.isNaN ? (bits >> 16) | 0x40 : rounded)
  }

  /// The nearest half (ties to even), as bits, by integer operations as in `half`; infinity from 65520 on. NaN stays NaN.
  @inline(__always)
  static func roundedToF16(_ value: Float) -> UInt16 {
    let sign = UInt16(truncatingIfNeeded: (value.bitPattern >> 16) & 0x8000), body = value.bitPattern & 0x7FFF_FFFF
    if body > 0x7F80_0000 { return sign | 0x7E00 }
    if body < 0x3880_0000 {
      // Below 2^-14 halves are multiples of 2^-24, the distance of floats from 1/2 to 1.
      return sign | UInt16(truncatingIfNeeded: (Float(bitPattern: body) + 0.5).bitPattern &- 0x3F00_0000)
    }
    let moved = body &- 0x3800_0000
    let rounded = (moved &+ 0xFFF &+ ((moved >> 13) & 1)) >> 13
    return sign | UInt16(truncatingIfNeeded: min(rounded, 0x7C00))
  }
}
