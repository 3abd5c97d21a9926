import Kernels
import Testing

@Suite struct MatmulTests {
  static let rows = [1, 7, 64, 65]
  static let inputs = [1, 15, 16, 20, 63, 64, 130]
  static let outputs = [1, 8, 17, 63, 64, 65, 200]
  static let outputsInEach = precisions.flatMap { precision in outputs.enumerated().map { (precision, $0) } }

  /// The rounding of a sum of k products in any order: k · 2⁻²⁴ · Σ|terms|.
  private func expectProduct(
    _ found: [Float], _ expected: (y: [Double], size: [Double]), before: [Float]? = nil, k: Int, _ what: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    for i in found.indices {
      let start = before.map { Double($0[i]) } ?? 0
      let limit = Double(k + 2) * 0x1p-24 * (expected.size[i] + abs(start)) + 1e-30
      if !(abs(Double(found[i]) - expected.y[i] - start) <= limit) {
        Issue.record(
          "\(what): [\(i)] is \(found[i]), expected \(expected.y[i] + start)", sourceLocation: sourceLocation)
        return
      }
    }
  }

  @Test(arguments: rows, inputs)
  func forwardPlainAndPacked(rows: Int, k: Int) {
    for (precision, (index, n)) in Self.outputsInEach {
      var numbers = Numbers(seed: rows * 1000 + k * 10 + index)
      let matmul = Matmul(pool: ThreadPool(threads: 1 + index % 3), precision: precision)
      let x = Floats(numbers.floats(rows * k, in: precision)), w = Floats(numbers.floats(n * k, in: precision)), before = numbers.floats(rows * n)
      let expected = Reference.product(x.values, w.values, rows: rows, k: k, n: n)
      let plain = w.linear(inputs: k, outputs: n), packed = matmul.packing(plain)
      #expect(packed.plain == nil && packed.inputs == k && packed.outputs == n)
      for (name, linear) in [("plain", plain), ("packed", packed)] {
        let y = Floats(unset: rows * n), added = Floats(before), what = "\(name) \(rows) × \(k) × \(n)"
        matmul.forward(x.base, rows: rows, linear, y.base)
        expectProduct(y.values, expected, k: k, what)
        matmul.forward(x.base, rows: rows, linear, added.base, accumulate: true)
        expectProduct(added.values, expected, before: before, k: k, "adding, \(what)")
        let row = Floats(unset: rows * n)
        matmul.rowForward(x.base, rows: rows, linear, row.base, accumulate: false, thread: 0)
        expectProduct(row.values, expected, k: k, "one thread, \(what)")
        #expect(y.isIntact && added.isIntact && row.isIntact && x.isIntact)
      }
    }
  }

  @Test(arguments: rows, [1, 20, 64, 130])
  func columnPanels(rows: Int, k: Int) {
    for precision in precisions { columnPanels(rows: rows, k: k, precision) }
  }

  private func columnPanels(rows: Int, k: Int, _ precision: Precision) {
    let n = 200, matmul = Matmul(pool: ThreadPool(threads: 1), precision: precision)
    var numbers = Numbers(seed: rows + k)
    let x = Floats(numbers.floats(rows * k, in: precision)), w = Floats(numbers.floats(n * k, in: precision))
    let plain = w.linear(inputs: k, outputs: n), packed = matmul.packing(plain)
    for columns in [0..<64, 64..<128, 64..<200, 128..<193, 192..<200, 0..<200] {
      let part = Array(w.values[(columns.lowerBound * k)..<(columns.upperBound * k)])
      let expected = Reference.product(x.values, part, rows: rows, k: k, n: columns.count)
      for (name, linear) in [("plain", plain), ("packed", packed)] {
        let panel = Floats(unset: rows * columns.count)
        matmul.columnPanel(x.base, rows: rows, linear, columns: columns, panel.base, thread: 0)
        expectProduct(panel.values, expected, k: k, "\(name) columns \(columns)")
        #expect(panel.isIntact)
      }
    }
  }

  @Test(arguments: rows, inputs)
  func inputGradient(rows: Int, k: Int) {
    for (precision, (index, n)) in Self.outputsInEach {
      var numbers = Numbers(seed: rows * 1000 + k * 10 + index)
      let matmul = Matmul(pool: ThreadPool(threads: 1 + index % 3), precision: precision)
      let dy = Floats(numbers.floats(rows * n, in: precision)), w = Floats(numbers.floats(n * k, in: precision))
      let before = numbers.floats(rows * k)
      // dx = dy · w, that is dy · (wᵀ)ᵀ
      let turned = Reference.transposed(w.values, rows: n, columns: k)
      let expected = Reference.product(dy.values, turned, rows: rows, k: n, n: k)
      let linear = w.linear(inputs: k, outputs: n)
      let dx = Floats(unset: rows * k), added = Floats(before)
      matmul.inputGradient(dy.base, rows: rows, linear, dx.base)
      expectProduct(dx.values, expected, k: n, "\(rows) × \(n) × \(k)")
      matmul.inputGradient(dy.base, rows: rows, linear, added.base, accumulate: true)
      expectProduct(added.values, expected, before: before, k: n, "adding, \(rows) × \(n) × \(k)")
      #expect(dx.isIntact && added.isIntact)
    }
  }

  @Test(arguments: rows, inputs)
  func weightGradient(rows: Int, k: Int) {
    for (precision, (index, n)) in Self.outputsInEach {
      var numbers = Numbers(seed: rows * 1000 + k * 10 + index)
      let matmul = Matmul(pool: ThreadPool(threads: 1 + index % 3), precision: precision)
      let dy = Floats(numbers.floats(rows * n, in: precision)), x = Floats(numbers.floats(rows * k, in: precision))
      let before = numbers.floats(n * k)
      let expected = Reference.product(
        Reference.transposed(dy.values, rows: rows, columns: n), Reference.transposed(x.values, rows: rows, columns: k),
        rows: n, k: rows, n: k)
      let dw = Floats(before)
      matmul.weightGradient(dy.base, rows: rows, outputs: n, x.base, inputs: k, dw.base)
      expectProduct(dw.values, expected, before: before, k: rows, "\(n) × \(rows) × \(k)")
      #expect(dw.isIntact)
    }
  }

  @Test(arguments: precisions) func noRowsIsNoWork(precision: Precision) {
    let matmul = Matmul(pool: ThreadPool(threads: 2), precision: precision), w = Floats(zeros: 12), y = Floats(zeros: 0)
    let linear = w.linear(inputs: 3, outputs: 4), packed = matmul.packing(linear)
    let dw = Floats([Float](repeating: 1, count: 12))
    for each in [linear, packed] {
      matmul.forward(y.base, rows: 0, each, y.base)
      matmul.columnPanel(y.base, rows: 0, each, columns: 0..<4, y.base, thread: 0)
    }
    matmul.inputGradient(y.base, rows: 0, linear, y.base)
    matmul.weightGradient(y.base, rows: 0, outputs: 4, y.base, inputs: 3, dw.base)
    #expect(y.isIntact && dw.values == [Float](repeating: 1, count: 12))
  }

  @Test(arguments: precisions) func aNaNIsNeverDropped(precision: Precision) {
    let matmul = Matmul(pool: ThreadPool(threads: 2), precision: precision), rows = 40, k = 20, n = 70
    var numbers = Numbers(seed: 8)
    var values = numbers.floats(rows * k)
    values[13 * k + 7] = .nan
    let x = Floats(values), w = Floats([Float](repeating: 0, count: n * k)), y = Floats(unset: rows * n)
    let linear = w.linear(inputs: k, outputs: n)
    for each in [linear, matmul.packing(linear)] {
      matmul.forward(x.base, rows: rows, each, y.base)
      for (i, value) in y.values.enumerated() { #expect(value.isNaN == (i / n == 13), "0 · NaN is NaN") }
    }
    let dw = Floats(zeros: n * k), dy = Floats(zeros: rows * n)
    matmul.weightGradient(dy.base, rows: rows, outputs: n, x.base, inputs: k, dw.base)
    for (i, value) in dw.values.enumerated() { #expect(value.isNaN == (i % k == 7)) }
  }
}

/// What "sampling and training agree" rests on.
@Suite(.enabled(if: productsAreInvariant, needsInvariance)) struct InvarianceTests {
  /// The programs' own test of the machine, whose outcome they keep with what they make.
  @Test(arguments: 1...3, precisions)
  func theSelfTestFindsIt(threads: Int, precision: Precision) {
    #expect(Matmul(pool: ThreadPool(threads: threads), precision: precision).isBatchInvariant)
  }

  @Test(arguments: [(576, 960), (64, 64), (20, 130), (100, 37), (1536, 576), (33, 4096), (3000, 70)], precisions)
  func rowsDoNotDependOnTheBatch(shape: (k: Int, n: Int), precision: Precision) {
    let (k, n) = shape
    var numbers = Numbers(seed: k)
    let w = Floats(numbers.floats(n * k, scale: 0.05)), row = numbers.floats(k), start = numbers.floats(n)
    let plain = w.linear(inputs: k, outputs: n)
    var seen: [[UInt32]] = [], added: [[UInt32]] = []
    for threads in 1...3 {
      let matmul = Matmul(pool: ThreadPool(threads: threads), precision: precision), packed = matmul.packing(plain)
      for rows in [1, 2, 3, 7, 16, 31, 33, 64, 100, 390] {
        for place in Set([0, rows / 2, rows - 1]) {
          var values = numbers.floats(rows * k)
          values.replaceSubrange(place * k..<(place + 1) * k, with: row)
          let x = Floats(values)
          for linear in [plain, packed] {
            let y = Floats(unset: rows * n)
            matmul.forward(x.base, rows: rows, linear, y.base)
            seen.append(Array(y.values[place * n..<(place + 1) * n]).bits)
            let sum = Floats((0..<rows).flatMap { _ in start })
            matmul.forward(x.base, rows: rows, linear, sum.base, accumulate: true)
            added.append(Array(sum.values[place * n..<(place + 1) * n]).bits)
          }
        }
      }
    }
    #expect(seen.allSatisfy { $0 == seen[0] }, "\(seen.count { $0 != seen[0] }) of \(seen.count) rows differ")
    #expect(added.allSatisfy { $0 == added[0] }, "\(added.count { $0 != added[0] }) of \(added.count) sums differ")
  }

  @Test(arguments: [(576, 4096), (20, 200)], precisions)
  func panelsHaveTheBitsOfTheWholeProduct(shape: (k: Int, n: Int), precision: Precision) {
    let (k, n) = shape
    var numbers = Numbers(seed: k)
    let rows = 9, x = Floats(numbers.floats(rows * k)), w = Floats(numbers.floats(n * k))
    let matmul = Matmul(pool: ThreadPool(threads: 1), precision: precision), plain = w.linear(inputs: k, outputs: n)
    let whole = Floats(unset: rows * n)
    matmul.forward(x.base, rows: rows, plain, whole.base)
    for linear in [plain, matmul.packing(plain)] {
      for columns in [0..<64, 64..<192, 128..<n] {
        let panel = Floats(unset: rows * columns.count)
        matmul.columnPanel(x.base, rows: rows, linear, columns: columns, panel.base, thread: 0)
        for r in 0..<rows {
          let part = panel.values[r * columns.count..<(r + 1) * columns.count]
          #expect(
            Array(part).bits == Array(whole.values[r * n + columns.lowerBound..<r * n + columns.upperBound]).bits)
        }
      }
    }
  }

  /// Many rows too: oneDNN sums more than 384 of them in pieces.
  @Test(arguments: [(576, 960), (20, 130), (100, 7), (64, 4096)], [100, 385, 950])
  func gradientsDoNotDependOnTheThreads(shape: (k: Int, n: Int), rows: Int) {
    for precision in precisions { gradientsDoNotDependOnTheThreads(shape, rows, precision) }
  }

  private func gradientsDoNotDependOnTheThreads(_ shape: (k: Int, n: Int), _ rows: Int, _ precision: Precision) {
    let (k, n) = shape
    var numbers = Numbers(seed: n)
    let w = Floats(numbers.floats(n * k)), dy = Floats(numbers.floats(rows * n)), x = Floats(numbers.floats(rows * k))
    let results = (1...4).map { threads in
      let matmul = Matmul(pool: ThreadPool(threads: threads), precision: precision)
      let dx = Floats(unset: rows * k), dw = Floats(zeros: n * k)
      matmul.inputGradient(dy.base, rows: rows, w.linear(inputs: k, outputs: n), dx.base)
      matmul.weightGradient(dy.base, rows: rows, outputs: n, x.base, inputs: k, dw.base)
      return (dx.values + dw.values).bits
    }
    #expect(results.allSatisfy { $0 == results[0] })
  }
}

@Suite struct PrecisionTests {
  /// Every float: to the nearest of its two neighbours with half as many bits, ties to the even one.
  @Test func roundingIsToTheNearestEven() {
    var numbers = Numbers(seed: 5)
    var values: [Float] = [
      0, -0.0, 1, -1, .infinity, -.infinity, .greatestFiniteMagnitude, .leastNonzeroMagnitude, .leastNormalMagnitude,
      Float(bitPattern: 0x3F80_8000), Float(bitPattern: 0x3F81_8000), Float(bitPattern: 0x3F80_8001),
    ]
    values += (0..<5000).map { _ in Float(bitPattern: UInt32(truncatingIfNeeded: numbers.word())) }
    let x = Floats(values)
    for threads in 1...2 {
      var found = [BFloat16](repeating: 0, count: values.count)
      found.withUnsafeMutableBufferPointer { found in
        Matmul(pool: ThreadPool(threads: threads)).round(x.base, count: x.count, to: found.baseAddress!)
      }
      for (value, half) in zip(values, found) {
        let rounded = Float(bitPattern: UInt32(half) << 16)
        if value.isNaN {
          #expect(rounded.isNaN)
          continue
        }
        let low = Float(bitPattern: value.bitPattern & 0xFFFF_0000), high = UInt32(value.bitPattern >> 16 + 1) << 16
        let rest = value.bitPattern & 0xFFFF, isOdd = value.bitPattern >> 16 & 1 == 1
        let up = rest > 0x8000 || rest == 0x8000 && isOdd
        #expect(rounded.bitPattern == (up ? high : low.bitPattern), "\(value)")
      }
    }
  }

  @Test func f32IsAlwaysThere() {
    #expect(Precision.f32.isSupported && Precision.native.isSupported)
  }
}
