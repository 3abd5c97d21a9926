internal import CKernels

/// Adafactor (N. Shazeer and M. Stern, arXiv 1804.04235) with a given learning rate: no relative step, no scaling by
/// the parameter, no first moment; as transformers' Adafactor with those off. A matrix keeps the means of its squared
/// gradient's rows and columns instead of all of it.
package struct Adafactor: Sendable, Equatable {
  package var learningRate: Float
  package var weightDecay: Float = 0
  /// The update's root mean square is cut to this.
  package var clipThreshold = 1.0
  /// β₂ of update t is 1 − t^decayRate.
  package var decayRate = -0.8
  /// Added to squared gradients.
  package var epsilon = 1e-30

  package init(learningRate: Float, weightDecay: Float = 0) {
    (self.learningRate, self.weightDecay) = (learningRate, weightDecay)
  }

  private func beta2(_ step: Int) -> Double { 1 - power(Double(step), decayRate) }

  /// p, gradients [rows, columns]; rowMeans [rows] and columnMeans [columns], the state; scratch of
  /// `scratch(rows:columns:)` floats.
  /// - Parameter step: the number of this update, from 1.
  package func update(
    _ pool: ThreadPool, _ p: FloatPointer, gradients g: ConstFloatPointer, rowMeans: FloatPointer,
    columnMeans: FloatPointer, rows: Int, columns: Int, step: Int, gradientScale: Float, scratch: FloatPointer
  ) {
    let beta = beta2(step), squaredScale = Double(gradientScale) * Double(gradientScale), epsilon = epsilon
    pool.split(rows, grain: 8) { range, _ in
      for r in range {
        let mean = squaredScale * ck_sum_of_squares(g + r * columns, columns) / Double(columns) + epsilon
        rowMeans[r] = Float(beta * Double(rowMeans[r]) + (1 - beta) * mean)
      }
    }
    // Each column's sum goes over the rows in their order, whoever computes it.
    let factor = scratch, rowFactor = scratch + Arena.padded(columns)
    pool.split(columns, grain: 64) { range, _ in
      var sums = [Double](repeating: 0, count: range.count)
      for r in 0..<rows {
        let row = g + r * columns + range.lowerBound
        for i in 0..<range.count { sums[i] += Double(row[i]) * Double(row[i]) }
      }
      for (i, column) in range.enumerated() {
        let mean = squaredScale * sums[i] / Double(rows) + epsilon
        columnMeans[column] = Float(beta * Double(columnMeans[column]) + (1 - beta) * mean)
        factor[column] = 1 / columnMeans[column].squareRoot()
      }
    }
    var whole = 0.0
    for r in 0..<rows { whole += Double(rowMeans[r]) }
    let mean = Float(whole / Double(rows))
    for r in 0..<rows { rowFactor[r] = 1 / (rowMeans[r] / mean).squareRoot() }
    let size = squaredSize(pool, g, factor, rowFactor, rows: rows, columns: columns, gradientScale: gradientScale)
    let (keep, rate) = rates(size / Double(rows * columns))
    pool.split(rows, grain: 8) { range, _ in
      for r in range {
        let row = rowFactor[r]
        for i in r * columns..<(r + 1) * columns {
          p[i] = p[i] * keep - rate * (row * (factor[i - r * columns] * (g[i] * gradientScale)))
        }
      }
    }
  }

  package static func scratch(rows: Int, columns: Int) -> Int { Arena.padded(columns) + Arena.padded(rows) }

  /// The update's squared 2-norm before it is clipped.
  private func squaredSize(
    _ pool: ThreadPool, _ g: ConstFloatPointer, _ factor: FloatPointer, _ rowFactor: FloatPointer, rows: Int,
    columns: Int, gradientScale: Float
  ) -> Double {
    var sizes = [Double](repeating: 0, count: rows)
    sizes.withUnsafeMutableBufferPointer { sizes in
      nonisolated(unsafe) let sizes = sizes
      pool.split(rows, grain: 8) { range, _ in
        for r in range {
          var sum = 0.0
          for i in 0..<columns {
            let u = Double(factor[i] * (g[r * columns + i] * gradientScale))
            sum += u * u
          }
          sizes[r] = sum * Double(rowFactor[r]) * Double(rowFactor[r])
        }
      }
    }
    return sizes.reduce(0, +)
  }

  /// p, gradients, squares (the state): `count` floats, for what is no matrix.
  package func update(
    _ pool: ThreadPool, _ p: FloatPointer, gradients g: ConstFloatPointer, squares: FloatPointer, count: Int, step: Int,
    gradientScale: Float
  ) {
    let beta = beta2(step)
    var size = 0.0
    // Vectors are short: one thread.
    for i in 0..<count {
      let x = Double(g[i] * gradientScale)
      squares[i] = Float(beta * Double(squares[i]) + (1 - beta) * (x * x + epsilon))
      size += x * x / Double(squares[i])
    }
    let (keep, rate) = rates(size / Double(max(1, count)))
    for i in 0..<count { p[i] = p[i] * keep - rate * (g[i] * gradientScale / squares[i].squareRoot()) }
  }

  /// What p and the update are multiplied with, given the mean of the update's squares.
  private func rates(_ mean: Double) -> (keep: Float, rate: Float) {
    let cut = max(1, mean.squareRoot() / clipThreshold)
    return (1 - learningRate * weightDecay, Float(Double(learningRate) / cut))
  }
}
