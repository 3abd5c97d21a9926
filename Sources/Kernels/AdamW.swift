internal import CKernels

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
  /// - Returns: The sum of the squares of what p changed by.
  @discardableResult
  package func update(
    _ pool: ThreadPool, _ p: FloatPointer, gradients: ConstFloatPointer, m: FloatPointer, v: FloatPointer, count: Int,
    step: Int, gradientScale: Float
  ) -> Double {
    let correction1 = 1 - power(beta1, step), correction2 = 1 - power(beta2, step)
    let block = 1 << 14
    return sum(pool, parts: (count + block - 1) / block) { part in
      let at = part * block
      return ck_adamw(
        p + at, gradients + at, m + at, v + at, min(block, count - at), gradientScale, learningRate, beta1, beta2,
        epsilon, weightDecay, Float(correction1), Float(correction2))
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
  sumOfSquares(pool, x, count: count).squareRoot()
}

/// The sum of the squares of `count` floats, in double, the same for any number of threads.
package func sumOfSquares(_ pool: ThreadPool, _ x: ConstFloatPointer, count: Int) -> Double {
  let block = 1 << 16
  return sum(pool, parts: (count + block - 1) / block) { part in
    ck_sum_of_squares(x + part * block, min(block, count - part * block))
  }
}

/// Adds what every part gives, in their order: the same for any number of threads.
package func sum(_ pool: ThreadPool, parts: Int, _ body: (_ part: Int) -> Double) -> Double {
  var sums = [Double](repeating: 0, count: parts)
  sums.withUnsafeMutableBufferPointer { sums in
    nonisolated(unsafe) let sums = sums
    pool.run(parts: parts) { part, _ in sums[part] = body(part) }
  }
  return sums.reduce(0, +)
}
