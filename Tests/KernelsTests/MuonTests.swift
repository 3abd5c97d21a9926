import Kernels
import Testing

@Suite struct MuonTests {
  /// The steps of torch.optim.Muon in double, with the scale of arXiv 2502.16982.
  private static func twin(
    _ p: inout [Double], _ g: [Double], _ buffer: inout [Double], rows: Int, columns: Int, _ rule: Muon
  ) {
    let momentum = Double(rule.momentum)
    var x = g.indices.map { i -> Double in
      buffer[i] = momentum * buffer[i] + (1 - momentum) * g[i]
      return (1 - momentum) * g[i] + momentum * buffer[i]
    }
    let size = max(x.reduce(0) { $0 + $1 * $1 }.squareRoot(), 1e-7)
    for i in x.indices { x[i] /= size }
    let (a, b, c) = (3.4445, -4.7750, 2.0315)
    func product(_ l: [Double], _ r: [Double], _ n: Int, _ k: Int, _ m: Int) -> [Double] {
      (0..<n * m).map { at in (0..<k).reduce(0.0) { $0 + l[at / m * k + $1] * r[$1 * m + at % m] } }
    }
    func turned(_ x: [Double], _ n: Int, _ m: Int) -> [Double] { (0..<n * m).map { x[$0 % n * m + $0 / n] } }
    if rows > columns { x = turned(x, rows, columns) }
    let (n, m) = (min(rows, columns), max(rows, columns))
    for _ in 0..<5 {
      let gram = product(x, turned(x, n, m), n, m, n), square = product(gram, gram, n, n, n)
      let mix = zip(gram, square).map { b * $0 + c * $1 }
      x = zip(x, product(mix, x, n, n, m)).map { a * $0 + $1 }
    }
    if rows > columns { x = turned(x, n, m) }
    let rate = Double(rule.learningRate), scale = 0.2 * Double(m).squareRoot()
    for i in p.indices { p[i] = p[i] * (1 - rate * Double(rule.weightDecay)) - rate * scale * x[i] }
  }

  @Test(arguments: [(1, 1), (3, 5), (5, 3), (16, 16), (40, 17), (24, 70), (130, 33)])
  func asWritten(rows: Int, columns: Int) {
    let count = rows * columns, rule = Muon(learningRate: 0.02, momentum: 0.9, weightDecay: 0.1)
    var numbers = Numbers(seed: count)
    let start = numbers.floats(count), gradients = (0..<3).map { _ in numbers.floats(count, scale: 3) }
    var expected = start.doubles, momentum = [Double](repeating: 0, count: count)
    for g in gradients {
      Self.twin(&expected, g.map { 0.5 * Double($0) }, &momentum, rows: rows, columns: columns, rule)
    }
    let results = (1...3).map { threads in
      let matmul = Matmul(pool: ThreadPool(threads: threads))
      let p = Floats(start), buffer = Floats(zeros: count)
      let scratch = Floats(zeros: Muon.scratch(rows: rows, columns: columns))
      for gradient in gradients {
        let g = Floats(gradient)
        rule.update(
          matmul, p.base, gradients: g.base, buffer: buffer.base, rows: rows, columns: columns, gradientScale: 0.5,
          scratch: scratch.base)
        #expect(g.values == gradient && scratch.isIntact)
      }
      #expect(p.isIntact && buffer.isIntact)
      expectClose(buffer.values, momentum, relative: 1e-5, absolute: 1e-5, "momentum")
      expectClose(p.values, expected, relative: 1e-4, absolute: 1e-4, "p")
      return p.values.bits
    }
    if Matmul.library.hasPrefix("oneDNN") {
      #expect(results[1] == results[0] && results[2] == results[0], "the update depends on the number of threads")
    }
  }

  /// Every singular value of an update ends near 1: its square's eigenvalues, by the trace and the row norms.
  @Test func theUpdateIsNearlyOrthogonal() {
    let rows = 12, columns = 40, count = rows * columns
    var numbers = Numbers(seed: 5)
    let g = Floats(numbers.floats(count)), p = Floats(zeros: count), buffer = Floats(zeros: count)
    let scratch = Floats(zeros: Muon.scratch(rows: rows, columns: columns))
    Muon(learningRate: 1).update(
      Matmul(pool: ThreadPool(threads: 1)), p.base, gradients: g.base, buffer: buffer.base, rows: rows,
      columns: columns, gradientScale: 1, scratch: scratch.base)
    #expect(g.isIntact && buffer.isIntact && scratch.isIntact)
    let scale = Double(Muon.scale(rows: rows, columns: columns)), x = p.values.map { Double($0) / scale }
    let trace = x.reduce(0) { $0 + $1 * $1 } / Double(rows)
    #expect(trace > 0.5 && trace < 1.4, "the mean of the squared singular values is \(trace)")
  }
}

@Suite struct AdafactorTests {
  private static func twin(
    _ p: inout [Double], _ g: [Double], _ r: inout [Double], _ c: inout [Double], rows: Int, columns: Int, step: Int,
    _ rule: Adafactor
  ) {
    let beta = 1 - power(Double(step), -0.8)
    for i in 0..<rows {
      let mean = (0..<columns).reduce(0.0) { $0 + g[i * columns + $1] * g[i * columns + $1] + 1e-30 } / Double(columns)
      r[i] = beta * r[i] + (1 - beta) * mean
    }
    for j in 0..<columns {
      let mean = (0..<rows).reduce(0.0) { $0 + g[$1 * columns + j] * g[$1 * columns + j] + 1e-30 } / Double(rows)
      c[j] = beta * c[j] + (1 - beta) * mean
    }
    let whole = r.reduce(0, +) / Double(rows)
    let u = g.indices.map { g[$0] / (r[$0 / columns] / whole * c[$0 % columns]).squareRoot() }
    step2(&p, u, rule)
  }

  private static func step2(_ p: inout [Double], _ u: [Double], _ rule: Adafactor) {
    let size = (u.reduce(0) { $0 + $1 * $1 } / Double(u.count)).squareRoot(), rate = Double(rule.learningRate)
    for i in p.indices { p[i] = p[i] * (1 - rate * Double(rule.weightDecay)) - rate * u[i] / max(1, size) }
  }

  @Test(arguments: [(1, 1), (1, 30), (30, 1), (17, 65), (200, 9), (64, 130)])
  func matricesAsWritten(rows: Int, columns: Int) {
    let count = rows * columns, rule = Adafactor(learningRate: 0.05, weightDecay: 0.1)
    var numbers = Numbers(seed: count)
    let start = numbers.floats(count), gradients = (0..<4).map { _ in numbers.floats(count, scale: 3) }
    var expected = start.doubles, r = [Double](repeating: 0, count: rows), c = [Double](repeating: 0, count: columns)
    for (step, g) in gradients.enumerated() {
      Self.twin(
        &expected, g.map { 0.25 * Double($0) }, &r, &c, rows: rows, columns: columns, step: step + 1, rule)
    }
    let results = (1...3).map { threads in
      let pool = ThreadPool(threads: threads), p = Floats(start)
      let rowMeans = Floats(zeros: rows), columnMeans = Floats(zeros: columns)
      let scratch = Floats(zeros: Adafactor.scratch(rows: rows, columns: columns))
      for (step, gradient) in gradients.enumerated() {
        let g = Floats(gradient)
        rule.update(
          pool, p.base, gradients: g.base, rowMeans: rowMeans.base, columnMeans: columnMeans.base,
          rows: rows, columns: columns, step: step + 1, gradientScale: 0.25, scratch: scratch.base)
        #expect(g.values == gradient && scratch.isIntact)
      }
      #expect(p.isIntact && rowMeans.isIntact && columnMeans.isIntact)
      expectClose(rowMeans.values, r, relative: 1e-6, "rows")
      expectClose(columnMeans.values, c, relative: 1e-6, "columns")
      expectClose(p.values, expected, relative: 1e-5, absolute: 1e-6, "p")
      return p.values.bits
    }
    #expect(results[1] == results[0] && results[2] == results[0], "the update depends on the number of threads")
  }

  @Test func vectorsAsWritten() {
    let rule = Adafactor(learningRate: 0.05, weightDecay: 0.2), count = 37
    var numbers = Numbers(seed: 3)
    let start = numbers.floats(count)
    var expected = start.doubles, v = [Double](repeating: 0, count: count)
    let p = Floats(start), squares = Floats(zeros: count), pool = ThreadPool(threads: 1)
    for step in 1...4 {
      let g = numbers.floats(count, scale: 2), gradients = Floats(g), beta = 1 - power(Double(step), -0.8)
      for i in 0..<count { v[i] = beta * v[i] + (1 - beta) * (Double(g[i]) * Double(g[i]) + 1e-30) }
      Self.step2(&expected, (0..<count).map { Double(g[$0]) / v[$0].squareRoot() }, rule)
      rule.update(
        pool, p.base, gradients: gradients.base, squares: squares.base, count: count, step: step, gradientScale: 1)
      #expect(gradients.values == g)
    }
    #expect(p.isIntact && squares.isIntact)
    expectClose(p.values, expected, relative: 1e-5, absolute: 1e-6, "p")
  }

  /// A step without any gradient changes nothing and leaves no NaN behind.
  @Test func noGradient() {
    let rule = Adafactor(learningRate: 0.1), p = Floats([1, 2, 3, 4, 5, 6]), r = Floats(zeros: 2), c = Floats(zeros: 3)
    let scratch = Floats(zeros: Adafactor.scratch(rows: 2, columns: 3)), pool = ThreadPool(threads: 1)
    let g = Floats(zeros: 6)
    for step in 1...3 {
      rule.update(
        pool, p.base, gradients: g.base, rowMeans: r.base, columnMeans: c.base, rows: 2, columns: 3,
        step: step, gradientScale: 1, scratch: scratch.base)
    }
    #expect(p.values == [1, 2, 3, 4, 5, 6])
    #expect(g.isIntact && r.isIntact && c.isIntact && scratch.isIntact)
  }
}

@Suite struct DropoutTests {
  /// Rounds of Philox in Swift, word by word.
  private static func half(_ place: Int, row: UInt64, stream: Int, seed: UInt64, update: Int) -> UInt32 {
    let key = RolloutRandom.mix(RolloutRandom.mix(seed) ^ UInt64(update))
    let words = Philox.block(
      counter: (
        UInt32(place / 8), UInt32(stream), UInt32(truncatingIfNeeded: row), UInt32(truncatingIfNeeded: row >> 32)
      ),
      key: (UInt32(truncatingIfNeeded: key), UInt32(truncatingIfNeeded: key >> 32)))
    let word = [words.0, words.1, words.2, words.3][place % 8 / 2]
    return place % 2 == 0 ? word & 0xFFFF : word >> 16
  }

  @Test(arguments: [1, 7, 8, 127, 128, 129, 300])
  func asWritten(width: Int) {
    let names: [UInt64] = [0, 1, 0xFEDC_BA98_7654_3210, 77]
    var numbers = Numbers(seed: width)
    let x = Floats(numbers.floats(names.count * width)), before = numbers.floats(names.count * width)
    for (share, threads) in [(0.0, 1), (0.3, 2), (0.75, 3)] {
      let dropout = Dropout(share: share, seed: 9, update: 4), pool = ThreadPool(threads: threads)
      let y = Floats(unset: x.count), added = Floats(before)
      dropout.apply(pool, x.base, y.base, rows: names, width: width, stream: 321)
      dropout.apply(pool, x.base, added.base, rows: names, width: width, stream: 321, accumulate: true)
      let threshold = UInt32((share * 65536).rounded()), scale = Float(65536 / (65536 - Double(threshold)))
      for (row, name) in names.enumerated() {
        for i in 0..<width {
          let at = row * width + i
          let keeps = Self.half(i, row: name, stream: 321, seed: 9, update: 4) >= threshold
          #expect(y.values[at] == (keeps ? x.values[at] * scale : 0))
          #expect(abs(added.values[at] - (before[at] + y.values[at])) <= 1e-6)
        }
      }
      #expect(y.isIntact && added.isIntact)
    }
  }

  @Test func theStatedShareIsLeftOut() {
    let width = 1000, names = (0..<40).map { UInt64($0) }, x = Floats([Float](repeating: 1, count: 40_000))
    let y = Floats(unset: 40_000)
    Dropout(share: 0.2, seed: 1, update: 1).apply(
      ThreadPool(threads: 1), x.base, y.base, rows: names, width: width, stream: 0)
    let share = Double(y.values.count { $0 == 0 }) / 40_000
    #expect(abs(share - 0.2) < 0.01, "\(share)")
    let other = Floats(unset: 40_000)
    Dropout(share: 0.2, seed: 1, update: 2).apply(
      ThreadPool(threads: 1), x.base, other.base, rows: names, width: width, stream: 0)
    #expect(other.values != y.values && x.isIntact, "every update draws anew")
  }
}
