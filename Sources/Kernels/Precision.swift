internal import CKernels

#if HAVE_ONEDNN
  internal import COneDNN
#endif

/// A float's upper half: sign, eight bits of exponent, seven of mantissa.
package typealias BFloat16 = UInt16

/// In what the factors of matrix products are; sums, and everything else, are in f32.
package enum Precision: String, CaseIterable, Sendable {
  case f32
  case bf16

  /// bf16 where the processor multiplies it by itself (AVX-512 BF16, AMX) and oneDNN is there to ask it, else f32.
  package static var native: Precision { bf16.isSupported ? .bf16 : .f32 }

  /// bf16 is only offered where it is native: what oneDNN emulates is slower than f32, and rows depend on the batch.
  package var isSupported: Bool {
    #if HAVE_ONEDNN
      let needed = dnnl_cpu_isa_avx512_core_bf16.rawValue
      return self == .f32 || dnnl_get_effective_cpu_isa().rawValue & needed == needed
    #else
      return self == .f32
    #endif
  }
}

/// Rounds `count` floats to bfloat16: to the nearest, ties to even.
func round(_ x: ConstFloatPointer, count: Int, to y: UnsafeMutablePointer<BFloat16>) { ck_bfloat16(x, y, count) }

extension Arena {
  /// The same memory as 2 × count bfloat16.
  package var halves: UnsafeMutablePointer<BFloat16> { UnsafeMutableRawPointer(base).assumingMemoryBound(to: BFloat16.self) }
}
