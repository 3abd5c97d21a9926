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

/// AdamW's settings and its one pass over parameters, gradients and moments; arXiv 1711.05101, as torch.optim.AdamW.
package struct AdamW: Sendable, Equatable {
  package var learningRate: Float
  package var beta1: Float = 0.9
  package var beta2: Float = 0.999
  package var epsilon: Float = 1e-8
  package var weightDecay: Float = 0

  package init(
    learningRate: Float, beta1: Float = 0.9, beta2: Float = 0.999, epsilon: Float = 1e-8, weightDecay: Float = 0
  ) {
    self.learningRate = learningRate
    self.beta1 = beta1
    self.beta2 = beta2
    self.epsilon = epsilon
    self.weightDecay = weightDecay
  }

  /// p, gradients, m, v: `count` floats each, updated in place; gradients are multiplied by `gradientScale` first.
  /// - Parameter step: the number of this update, from 1.
  package func update(
    _ pool: ThreadPool, _ p: FloatPointer, gradients: ConstFloatPointer, m: FloatPointer, v: FloatPointer, count: Int,
    step: Int, gradientScale: Float
  ) {
    let correction1 = 1 - power(beta1, step), correction2 = 1 - power(beta2, step)
    pool.split(count, grain: 4096) { range, _ in
      let at = range.lowerBound
      ck_adamw(
        p + at, gradients + at, m + at, v + at, range.count, gradientScale, learningRate, beta1, beta2, epsilon,
        weightDecay, Float(correction1), Float(correction2))
    }
  }

  private func power(_ base: Float, _ exponent: Int) -> Double {
    var result = 1.0, square = Double(base), left = exponent
    while left > 0 {
      if left & 1 == 1 { result *= square }
      square *= square
      left >>= 1
    }
    return result
  }
}

/// The 2-norm of `count` floats, in double, the same for any number of threads.
package func norm(_ pool: ThreadPool, _ x: ConstFloatPointer, count: Int) -> Double {
  let block = 1 << 16, blocks = (count + block - 1) / block
  var sums = [Double](repeating: 0, count: blocks)
  sums.withUnsafeMutableBufferPointer { sums in
    nonisolated(unsafe) let sums = sums
    pool.run(parts: blocks) { part, _ in
      sums[part] = ck_sum_of_squares(x + part * block, min(block, count - part * block))
    }
  }
  return sums.reduce(0, +).squareRoot()
}

/// The version of the C kernels that this processor runs, for provenance.
package var kernelVersion: String { String(cString: ck_processor()) }
