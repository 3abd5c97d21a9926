import Foundation

// What each kernel computes, written out plainly in double: the slow twins.

enum Reference {
  /// y = x · rstd · w and rstd = 1/√(mean(x²) + ε), row by row.
  static func rmsNorm(_ x: [Double], _ w: [Double], rows: Int, epsilon: Double) -> (y: [Double], rstd: [Double]) {
    let n = w.count
    var y = x, rstd: [Double] = []
    for t in 0..<rows {
      let square = (0..<n).reduce(0.0) { $0 + x[t * n + $1] * x[t * n + $1] }
      let r = 1 / (square / Double(n) + epsilon).squareRoot()
      rstd.append(r)
      for i in 0..<n { y[t * n + i] = x[t * n + i] * r * w[i] }
    }
    return (y, rstd)
  }

  /// d(Σ y·dy)/dx and /dw. y_i = x_i r w_i and dr/dx_j = −r³ x_j / n.
  static func rmsNormBackward(
    _ x: [Double], _ w: [Double], _ dy: [Double], rows: Int, epsilon: Double
  ) -> (dx: [Double], dw: [Double]) {
    let n = w.count, rstd = rmsNorm(x, w, rows: rows, epsilon: epsilon).rstd
    var dx = x, dw = [Double](repeating: 0, count: n)
    for t in 0..<rows {
      let r = rstd[t]
      let dr = (0..<n).reduce(0.0) { $0 + dy[t * n + $1] * x[t * n + $1] * w[$1] }
      for i in 0..<n {
        dw[i] += dy[t * n + i] * x[t * n + i] * r
        dx[t * n + i] = dy[t * n + i] * r * w[i] - dr * r * r * r * x[t * n + i] / Double(n)
      }
    }
    return (dx, dw)
  }

  /// One head of `dim` values, turned by the angles: pairs i with i + dim/2.
  static func rotate(_ x: ArraySlice<Double>, _ angles: [Double]) -> [Double] {
    let x = Array(x), half = x.count / 2
    var y = x
    for i in 0..<half {
      y[i] = x[i] * cos(angles[i]) - x[i + half] * sin(angles[i])
      y[i + half] = x[i + half] * cos(angles[i]) + x[i] * sin(angles[i])
    }
    return y
  }

  static func swiGLU(_ gate: Double, _ up: Double) -> Double { gate / (1 + exp(-gate)) * up }

  /// d(silu(gate)·up)/d gate and /d up.
  static func swiGLUGradient(_ gate: Double, _ up: Double) -> (gate: Double, up: Double) {
    let s = 1 / (1 + exp(-gate))
    return ((s + gate * s * (1 - s)) * up, gate * s)
  }

  /// x[rows, k] · w[n, k]ᵀ, and the sum of the products' sizes, which bounds the rounding.
  static func product(_ x: [Float], _ w: [Float], rows: Int, k: Int, n: Int) -> (y: [Double], size: [Double]) {
    var y = [Double](repeating: 0, count: rows * n), size = y
    for r in 0..<rows {
      for c in 0..<n {
        for i in 0..<k {
          let term = Double(x[r * k + i]) * Double(w[c * k + i])
          y[r * n + c] += term
          size[r * n + c] += abs(term)
        }
      }
    }
    return (y, size)
  }

  /// [rows, columns] → [columns, rows]
  static func transposed(_ x: [Float], rows: Int, columns: Int) -> [Float] {
    (0..<columns).flatMap { c in (0..<rows).map { x[$0 * columns + c] } }
  }

  /// log Σ exp z and −Σ p log p.
  static func softmax(_ z: [Double]) -> (logNormalizer: Double, entropy: Double) {
    let top = z.max() ?? -.infinity
    let normalizer = top + log(z.reduce(0) { $0 + exp($1 - top) })
    let entropy = z.reduce(0.0) { $1 == -.infinity ? $0 : $0 - exp($1 - normalizer) * ($1 - normalizer) }
    return (normalizer, entropy)
  }

  /// torch.optim.AdamW's update of one parameter, after `scale` on the gradient.
  struct AdamW {
    var rate: Double, beta1: Double, beta2: Double, epsilon: Double, decay: Double

    func update(_ p: inout Double, _ gradient: Double, _ m: inout Double, _ v: inout Double, step: Int) {
      p *= 1 - rate * decay
      m = beta1 * m + (1 - beta1) * gradient
      v = beta2 * v + (1 - beta2) * gradient * gradient
      let mean = m / (1 - pow(beta1, Double(step))), square = v / (1 - pow(beta2, Double(step)))
      p -= rate * mean / (square.squareRoot() + epsilon)
    }
  }
}
