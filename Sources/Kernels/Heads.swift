internal import CKernels

// What some architectures do to queries, keys and values between their projection and the rotary embedding.
// Forward treats a row by itself and in a fixed order; gradients of weights do not depend on the threads.

/// Biases of a linear layer.
package enum Bias {
  /// x[rows, width] += bias[width]
  package static func forward(
    _ pool: ThreadPool, _ x: FloatPointer, bias: ConstFloatPointer, rows: Int, width: Int
  ) {
    pool.split(rows, grain: 8) { range, _ in
      for row in range { ck_add(x + row * width, bias, width) }
    }
  }

  /// dbias[width] += Σ over rows of dy[rows, width], row by row for every column.
  package static func backward(
    _ pool: ThreadPool, dy: ConstFloatPointer, dbias: FloatPointer, rows: Int, width: Int
  ) {
    pool.split(width, grain: 64) { columns, _ in
      let first = columns.lowerBound
      for row in 0..<rows { ck_add(dbias + first, dy + row * width + first, columns.count) }
    }
  }
}

/// RMSNorm of every head of queries and keys by itself, as Qwen3 does.
package struct HeadNorm {
  package let heads: Int, keyValueHeads: Int, dimensions: Int
  package let epsilon: Float
  private var width: Int { (heads + keyValueHeads) * dimensions }

  package init(heads: Int, keyValueHeads: Int, dimensions: Int, epsilon: Float) {
    (self.heads, self.keyValueHeads, self.dimensions, self.epsilon) = (heads, keyValueHeads, dimensions, epsilon)
  }

  /// Norms the first heads + keyValueHeads heads of each row of x [rows, stride]. What they were is left in
  /// raw [rows, (heads + kv)·dimensions], the reciprocal norms in rstd [rows, heads + kv].
  package func forward(
    _ pool: ThreadPool, _ x: FloatPointer, stride: Int, query: ConstFloatPointer, key: ConstFloatPointer,
    raw: FloatPointer, rstd: FloatPointer, rows: Int
  ) {
    pool.split(rows, grain: 8) { range, _ in
      for row in range {
        let y = x + row * stride, before = raw + row * width, r = rstd + row * (heads + keyValueHeads)
        before.update(from: y, count: width)
        ck_rmsnorm(before, query, y, r, heads, dimensions, epsilon)
        let at = heads * dimensions
        ck_rmsnorm(before + at, key, y + at, r + heads, keyValueHeads, dimensions, epsilon)
      }
    }
  }

  /// Scratch floats for `backward`.
  package var scratch: Int { RMSNorm.parts * (2 * dimensions + width) }

  /// Turns dx [rows, stride], the gradient of the normed heads, into that of the raw ones;
  /// dquery, dkey [dimensions] += the weights' gradients, summed in a fixed number of parts.
  package func backward(
    _ pool: ThreadPool, raw: ConstFloatPointer, rstd: ConstFloatPointer, query: ConstFloatPointer,
    key: ConstFloatPointer, dx: FloatPointer, stride: Int, dquery: FloatPointer, dkey: FloatPointer,
    scratch: FloatPointer, rows: Int
  ) {
    let parts = RMSNorm.parts, size = 2 * dimensions + width
    scratch.update(repeating: 0, count: parts * size)
    pool.run(parts: parts) { part, _ in
      let sums = scratch + part * size, dy = sums + 2 * dimensions
      for row in rows * part / parts..<rows * (part + 1) / parts {
        let before = raw + row * width, r = rstd + row * (heads + keyValueHeads), target = dx + row * stride
        dy.update(from: target, count: width)
        target.update(repeating: 0, count: width)
        ck_rmsnorm_backward(before, query, r, dy, target, sums, heads, dimensions)
        let at = heads * dimensions
        ck_rmsnorm_backward(
          before + at, key, r + heads, dy + at, target + at, sums + dimensions, keyValueHeads, dimensions)
      }
    }
    for part in 0..<parts {
      ck_add(dquery, scratch + part * size, dimensions)
      ck_add(dkey, scratch + part * size + dimensions, dimensions)
    }
  }
}
