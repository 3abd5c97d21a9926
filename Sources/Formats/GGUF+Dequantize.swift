/// Block types of 32 weights, and the way to all of them. Layouts: ggml-org/ggml, src/ggml-common.h.
///
/// Every weight is one product, and for types with a minimum one product and one sum, each rounded to float on its
/// own, so the values equal those of the reference implementations to the last bit. No block of `count` may be cut.
extension GGUF {
  /// Dequantises or widens `source` into all of `target`; the sizes are the caller's to check.
  static func dequantize(
    _ type: TensorType, _ source: UnsafeRawBufferPointer, into target: UnsafeMutableBufferPointer<Float>
  ) {
    guard let start = source.baseAddress, let out = target.baseAddress else { return }
    let blocks = target.count / type.blockElements
    switch type {
    case .f32, .f16, .bf16: Widening.read(type, source, into: target)
    case .q4_0: q4_0(start, blocks, out)
    case .q4_1: q4_1(start, blocks, out)
    case .q5_0: q5_0(start, blocks, out)
    case .q5_1: q5_1(start, blocks, out)
    case .q8_0: q8_0(start, blocks, out)
    case .q2_k: q2_k(start, blocks, out)
    case .q3_k: q3_k(start, blocks, out)
    case .q4_k: q4_k(start, blocks, out)
    case .q5_k: q5_k(start, blocks, out)
    case .q6_k: q6_k(start, blocks, out)
    case .iq4_nl: iq4_nl(start, blocks, out)
    case .iq4_xs: iq4_xs(start, blocks, out)
    default: preconditionFailure("\(type) cannot be dequantised")
    }
  }

  /// A half-precision number of a block.
  @inline(__always)
  static func half(_ source: UnsafeRawPointer, _ offset: Int) -> Float {
    Widening.half(source.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
  }

  @inline(__always)
  static func bytes16(_ source: UnsafeRawPointer, _ offset: Int) -> SIMD16<UInt8> {
    source.loadUnaligned(fromByteOffset: offset, as: SIMD16<UInt8>.self)
  }

  /// out[i] = scale · q[i] + offset, 16 at a time.
  @inline(__always)
  static func store(_ q: SIMD16<UInt8>, _ scale: Float, _ offset: Float, _ out: UnsafeMutablePointer<Float>) {
    for lane in 0..<16 { out[lane] = scale * Float(q[lane]) + offset }
  }

  /// out[i] = scale · q[i], 16 at a time.
  @inline(__always)
  static func store(_ q: SIMD16<Int8>, _ scale: Float, _ out: UnsafeMutablePointer<Float>) {
    for lane in 0..<16 { out[lane] = scale * Float(q[lane]) }
  }

  /// half d, 16 bytes of nibbles: weight = d · (q − 8). The low nibbles are the first 16 weights.
  private static func q4_0(_ source: UnsafeRawPointer, _ blocks: Int, _ out: UnsafeMutablePointer<Float>) {
    for block in 0..<blocks {
      let from = source + 18 * block
      let to = out + 32 * block
      let scale = half(from, 0)
      let packed = bytes16(from, 2)
      store(SIMD16<Int8>(truncatingIfNeeded: (packed & 15) &- 8), scale, to)
      store(SIMD16<Int8>(truncatingIfNeeded: (packed &>> 4) &- 8), scale, to + 16)
    }
  }

  /// half d, half m, 16 bytes of nibbles: weight = d · q + m.
  private static func q4_1(_ source: UnsafeRawPointer, _ blocks: Int, _ out: UnsafeMutablePointer<Float>) {
    for block in 0..<blocks {
      let from = source + 20 * block
      let to = out + 32 * block
      let scale = half(from, 0)
      let least = half(from, 2)
      let packed = bytes16(from, 4)
      store(packed & 15, scale, least, to)
      store(packed &>> 4, scale, least, to + 16)
    }
  }

  /// Sixteen bits of `bits`, from bit `first`, each moved to bit 4 of a lane.
  @inline(__always)
  static func fifthBits(_ bits: UInt32, from first: UInt32) -> SIMD16<UInt8> {
    let low = SIMD16<UInt8>(repeating: UInt8(truncatingIfNeeded: bits &>> first))
    let high = SIMD16<UInt8>(repeating: UInt8(truncatingIfNeeded: bits &>> (first &+ 8)))
    let lane = SIMD16<UInt8>(1, 2, 4, 8, 16, 32, 64, 128, 0, 0, 0, 0, 0, 0, 0, 0)
    let lane2 = SIMD16<UInt8>(0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128)
    let chosen = (low & lane) | (high & lane2)
    return SIMD16<UInt8>(repeating: 0).replacing(with: 16, where: chosen .!= 0)
  }

  /// half d, 32 fifth bits, 16 bytes of nibbles: weight = d · (q − 16).
  private static func q5_0(_ source: UnsafeRawPointer, _ blocks: Int, _ out: UnsafeMutablePointer<Float>) {
    for block in 0..<blocks {
      let from = source + 22 * block
      let to = out + 32 * block
      let scale = half(from, 0)
      let fifth = UInt32(littleEndian: from.loadUnaligned(fromByteOffset: 2, as: UInt32.self))
      let packed = bytes16(from, 6)
      let first = ((packed & 15) | fifthBits(fifth, from: 0)) &- 16
      let second = ((packed &>> 4) | fifthBits(fifth, from: 16)) &- 16
      store(SIMD16<Int8>(truncatingIfNeeded: first), scale, to)
      store(SIMD16<Int8>(truncatingIfNeeded: second), scale, to + 16)
    }
  }

  /// half d, half m, 32 fifth bits, 16 bytes of nibbles: weight = d · q + m.
  private static func q5_1(_ source: UnsafeRawPointer, _ blocks: Int, _ out: UnsafeMutablePointer<Float>) {
    for block in 0..<blocks {
      let from = source + 24 * block
      let to = out + 32 * block
      let scale = half(from, 0)
      let least = half(from, 2)
      let fifth = UInt32(littleEndian: from.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
      let packed = bytes16(from, 8)
      store((packed & 15) | fifthBits(fifth, from: 0), scale, least, to)
      store((packed &>> 4) | fifthBits(fifth, from: 16), scale, least, to + 16)
    }
  }

  /// half d, 32 signed bytes: weight = d · q.
  private static func q8_0(_ source: UnsafeRawPointer, _ blocks: Int, _ out: UnsafeMutablePointer<Float>) {
    for block in 0..<blocks {
      let from = source + 34 * block
      let to = out + 32 * block
      let scale = half(from, 0)
      store(SIMD16<Int8>(truncatingIfNeeded: bytes16(from, 2)), scale, to)
      store(SIMD16<Int8>(truncatingIfNeeded: bytes16(from, 18)), scale, to + 16)
    }
  }
}
