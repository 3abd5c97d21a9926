internal import CKernels

// The model's layers other than products, split over the pool. Shapes are row-major; forward rows are independent of
// one another, so any split gives the same bits.

/// y = x · rstd · w, rstd = 1/√(mean(x²) + ε). RMSNorm, arXiv 1910.07467.
package enum RMSNorm {
  /// x, y [rows, width]; weight [width]; rstd [rows] or nil. y may not be x.
  package static func forward(
    _ pool: ThreadPool, _ x: ConstFloatPointer, weight: ConstFloatPointer, _ y: FloatPointer, rstd: FloatPointer?,
    rows: Int, width: Int, epsilon: Float
  ) {
    pool.split(rows, grain: 8) { range, _ in
      let first = range.lowerBound
      ck_rmsnorm(
        x + first * width, weight, y + first * width, rstd.map { $0 + first }, range.count, width, epsilon)
    }
  }

  /// Partial sums of the weight's gradient: a fixed number, so that the result does not depend on the threads.
  package static let parts = 16

  /// dx += gradient [rows, width]; dweight += gradient [width]. partial: scratch of `parts` × width, zeroed here.
  package static func backward(
    _ pool: ThreadPool, _ x: ConstFloatPointer, weight: ConstFloatPointer, rstd: ConstFloatPointer,
    dy: ConstFloatPointer, dx: FloatPointer, dweight: FloatPointer, partial: FloatPointer, rows: Int, width: Int
  ) {
    partial.update(repeating: 0, count: parts * width)
    pool.run(parts: parts) { part, _ in
      let low = rows * part / parts, high = rows * (part + 1) / parts
      ck_rmsnorm_backward(
        x + low * width, weight, rstd + low, dy + low * width, dx + low * width, partial + part * width, high - low,
        width)
    }
    for part in 0..<parts { ck_add(dweight, partial + part * width, width) }
  }
}

/// Rotary position embedding, arXiv 2104.09864; pairs dimension i with i + dimensions/2 as Hugging Face does.
package enum Rotary {
  /// Turns the first `heads` heads of each row of x [rows, stride] in place. cosine, sine: [rows, dimensions/2].
  /// `backward` turns the other way, which is the gradient.
  package static func apply(
    _ pool: ThreadPool, _ x: FloatPointer, stride: Int, cosine: ConstFloatPointer, sine: ConstFloatPointer, rows: Int,
    heads: Int, dimensions: Int, backward: Bool = false
  ) {
    pool.split(rows, grain: 8) { range, _ in
      let first = range.lowerBound, half = dimensions / 2
      ck_rotary(
        x + first * stride, stride, cosine + first * half, sine + first * half, range.count, heads, dimensions,
        backward ? -1 : 1)
    }
  }
}

/// silu(gate) · up, arXiv 2002.05202.
package enum SwiGLU {
  /// gateUp [rows, 2·width], gate first; y [rows, width].
  package static func forward(
    _ pool: ThreadPool, _ gateUp: ConstFloatPointer, _ y: FloatPointer, rows: Int, width: Int
  ) {
    pool.split(rows, grain: 4) { range, _ in
      let first = range.lowerBound
      ck_swiglu(gateUp + first * 2 * width, y + first * width, range.count, width)
    }
  }

  /// Overwrites gateUp with its gradient and y with the forward result. dy [rows, width].
  package static func backward(
    _ pool: ThreadPool, _ gateUp: FloatPointer, dy: ConstFloatPointer, _ y: FloatPointer, rows: Int, width: Int
  ) {
    pool.split(rows, grain: 4) { range, _ in
      let first = range.lowerBound
      ck_swiglu_backward(gateUp + first * 2 * width, dy + first * width, y + first * width, range.count, width)
    }
  }
}

/// The version of the C kernels that this processor runs, for provenance.
package var kernelVersion: String { String(cString: ck_processor()) }
