import Kernels
import Testing

@Suite struct HeadTests {
  @Test(arguments: [1, 15, 64, 65, 200])
  func biases(width: Int) {
    var numbers = Numbers(seed: width)
    for rows in [1, 7, 40] {
      let values = numbers.floats(rows * width), bias = numbers.floats(width), start = numbers.floats(width)
      let expected = values.indices.map { values[$0] + bias[$0 % width] }
      let sums = start.indices.map { i in (0..<rows).reduce(Double(start[i])) { $0 + Double(values[$1 * width + i]) } }
      var gradients: [[UInt32]] = []
      for threads in 1...3 {
        let pool = ThreadPool(threads: threads), x = Floats(values), db = Floats(start)
        Bias.backward(pool, dy: x.base, dbias: db.base, rows: rows, width: width)
        #expect(x.values.bits == values.bits)
        Bias.forward(pool, x.base, bias: Floats(bias).base, rows: rows, width: width)
        #expect(x.values.bits == expected.bits && x.isIntact && db.isIntact)
        #expect(relativeError(db.values, sums) < 4e-6)
        gradients.append(db.values.bits)
      }
      #expect(gradients.allSatisfy { $0 == gradients[0] }, "the gradient depends on the number of threads")
    }
  }

  /// Every head is a row of its own to RMSNorm; values and what lies behind them stay as they were.
  @Test(arguments: [2, 8, 12, 16, 20, 64, 128], [(4, 2), (3, 3), (5, 1)])
  func normsOfHeads(dimensions: Int, counts: (Int, Int)) {
    let (heads, kv) = counts, norm = HeadNorm(heads: heads, keyValueHeads: kv, dimensions: dimensions, epsilon: 1e-6)
    let width = (heads + kv) * dimensions, stride = width + kv * dimensions
    var numbers = Numbers(seed: dimensions * 10 + heads)
    for rows in [1, 6, 35] {
      let values = numbers.floats(rows * stride, scale: 2), dy = numbers.floats(rows * stride)
      let query = numbers.floats(dimensions), key = numbers.floats(dimensions), before = numbers.floats(2 * dimensions)
      let expected = expectation(norm, values, dy, query, key, stride: stride, rows: rows)
      var found: [[UInt32]] = []
      for threads in 1...3 {
        let pool = ThreadPool(threads: threads), x = Floats(values), dx = Floats(dy)
        let q = Floats(query), k = Floats(key)
        let raw = Floats(unset: rows * width), rstd = Floats(unset: rows * (heads + kv))
        let scratch = Floats(unset: norm.scratch), sums = Floats(before)
        norm.forward(
          pool, x.base, stride: stride, query: q.base, key: k.base, raw: raw.base, rstd: rstd.base, rows: rows)
        expectClose(x.values, expected.y, relative: 6e-7, "y")
        norm.backward(
          pool, raw: raw.base, rstd: rstd.base, query: q.base, key: k.base, dx: dx.base, stride: stride,
          dquery: sums.base, dkey: sums.base + dimensions, scratch: scratch.base, rows: rows)
        #expect(relativeError(dx.values, expected.dx) < 4e-6, "dx")
        #expect(relativeError(sums.values, zip(before.doubles, expected.dw).map { $0 + $1 }) < 4e-6, "dw")
        for memory in [x, dx, raw, rstd, scratch, sums] { #expect(memory.isIntact) }
        let alone = Floats(Array(values.suffix(stride)))
        norm.forward(
          pool, alone.base, stride: stride, query: q.base, key: k.base, raw: raw.base, rstd: rstd.base, rows: 1)
        #expect(alone.values.bits == Array(x.values.suffix(stride)).bits, "a row's bits depend on its batch")
        found.append((x.values + dx.values + sums.values).bits)
      }
      #expect(found.allSatisfy { $0 == found[0] }, "results depend on the number of threads")
    }
  }

  /// The slow twin: heads one by one.
  private func expectation(
    _ norm: HeadNorm, _ x: [Float], _ dy: [Float], _ query: [Float], _ key: [Float], stride: Int, rows: Int
  ) -> (y: [Double], dx: [Double], dw: [Double]) {
    let n = norm.dimensions
    var y = x.doubles, dx = dy.doubles, dw = [Double](repeating: 0, count: 2 * n)
    for row in 0..<rows {
      for head in 0..<norm.heads + norm.keyValueHeads {
        let range = row * stride + head * n..<row * stride + (head + 1) * n, isQuery = head < norm.heads
        let w = (isQuery ? query : key).doubles, epsilon = Double(norm.epsilon)
        let part = x[range].map { Double($0) }
        y.replaceSubrange(range, with: Reference.rmsNorm(part, w, rows: 1, epsilon: epsilon).y)
        let slopes = Reference.rmsNormBackward(part, w, dy[range].map { Double($0) }, rows: 1, epsilon: epsilon)
        dx.replaceSubrange(range, with: slopes.dx)
        for i in 0..<n { dw[(isQuery ? 0 : n) + i] += slopes.dw[i] }
      }
    }
    return (y, dx, dw)
  }
}
