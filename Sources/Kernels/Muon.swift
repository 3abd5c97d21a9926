/// Muon (K. Jordan, "Muon: an optimizer for hidden layers in neural networks", 2024; as torch.optim.Muon): momentum,
/// whose Nesterov form is replaced by the nearest matrix with orthonormal rows or columns. For matrices of hidden
/// layers; everything else goes to AdamW.
///
/// The update is scaled by 0.2 √max(rows, columns), so that its entries are about as large as AdamW's and both take
/// the same learning rate (J. Liu et al., arXiv 2502.16982). Newton and Schulz's steps are in f32.
package struct Muon: Sendable, Equatable {
  package var learningRate: Float
  package var momentum: Float = 0.95
  package var weightDecay: Float = 0
  /// The quintic's coefficients as published: singular values end within about 0.7 and 1.2 of 1 after five steps.
  package static let coefficients: (a: Float, b: Float, c: Float) = (3.4445, -4.7750, 2.0315)
  package static let steps = 5
  private static let epsilon = 1e-7

  package init(learningRate: Float, momentum: Float = 0.95, weightDecay: Float = 0) {
    (self.learningRate, self.momentum, self.weightDecay) = (learningRate, momentum, weightDecay)
  }

  package static func scale(rows: Int, columns: Int) -> Float { 0.2 * Float(max(rows, columns)).squareRoot() }

  /// Floats of scratch that a matrix takes.
  package static func scratch(rows: Int, columns: Int) -> Int {
    let short = min(rows, columns)
    return 2 * Arena.padded(rows * columns) + 2 * Arena.padded(short * short)
  }

  /// p, gradients, buffer (the momentum): [rows, columns], p and buffer updated in place.
  /// - Parameter matmul: of f32.
  package func update(
    _ matmul: Matmul, _ p: FloatPointer, gradients: ConstFloatPointer, buffer: FloatPointer, rows: Int, columns: Int,
    gradientScale: Float, scratch: FloatPointer
  ) {
    let count = rows * columns, pool = matmul.pool, turned = rows > columns
    let x = scratch, next = x + Arena.padded(count), momentum = momentum
    pool.split(count, grain: 4096) { range, _ in
      for i in range {
        let g = gradients[i] * gradientScale
        buffer[i] += (1 - momentum) * (g - buffer[i])
        next[i] = g + momentum * (buffer[i] - g)
      }
    }
    let size = Float(max(norm(pool, next, count: count), Self.epsilon))
    pool.split(turned ? columns : rows, grain: 8) { range, _ in
      for r in range {
        if turned {
          for i in 0..<rows { x[r * rows + i] = next[i * columns + r] / size }
        } else {
          for i in 0..<columns { x[r * columns + i] = next[r * columns + i] / size }
        }
      }
    }
    let found = Self.orthogonalize(matmul, x, next, short: min(rows, columns), long: max(rows, columns))
    let keep = 1 - learningRate * weightDecay, rate = learningRate * Self.scale(rows: rows, columns: columns)
    pool.split(rows, grain: 8) { range, _ in
      for r in range {
        for i in 0..<columns {
          let at = r * columns + i
          p[at] = p[at] * keep - rate * (turned ? found[i * rows + r] : found[at])
        }
      }
    }
  }

  /// The steps X ← aX + (bA + cA²)X with A = XXᵀ; returns which of the two holds the result.
  /// x: [short, long]; next: the same, with room for two [short, short] behind it.
  private static func orthogonalize(
    _ matmul: Matmul, _ x: FloatPointer, _ next: FloatPointer, short: Int, long: Int
  ) -> FloatPointer {
    let gram = next + Arena.padded(short * long), mix = gram + Arena.padded(short * short)
    var (x, next) = (x, next)
    let (a, b, c) = coefficients
    for _ in 0..<steps {
      matmul.forward(x, rows: short, Linear(inputs: long, outputs: short, plain: x), gram)
      // A is symmetric: A · Aᵀ is its square.
      matmul.forward(gram, rows: short, Linear(inputs: short, outputs: short, plain: gram), mix)
      matmul.pool.split(short * short, grain: 4096) { range, _ in
        for i in range { mix[i] = b * gram[i] + c * mix[i] }
      }
      matmul.inputGradient(mix, rows: short, Linear(inputs: long, outputs: short, plain: x), next)
      let (from, to) = (x, next)
      matmul.pool.split(short * long, grain: 4096) { range, _ in
        for i in range { to[i] += a * from[i] }
      }
      swap(&x, &next)
    }
    return x
  }
}
