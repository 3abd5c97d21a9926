import Foundation
import Kernels
import Testing

@Suite struct RMSNormTests {
  static let widths = [1, 7, 15, 16, 17, 31, 32, 33, 48, 100, 576]

  @Test(arguments: widths)
  func forwardAsWritten(width: Int) {
    var numbers = Numbers(seed: width)
    for (rows, threads) in [(1, 1), (3, 2), (8, 1), (17, 3), (40, 2)] {
      let pool = ThreadPool(threads: threads)
      let x = Floats(numbers.floats(rows * width, scale: 3)), w = Floats(numbers.floats(width))
      let y = Floats(unset: rows * width), rstd = Floats(unset: rows)
      RMSNorm.forward(
        pool, x.base, weight: w.base, y.base, rstd: rstd.base, rows: rows, width: width, epsilon: 1e-5)
      let expected = Reference.rmsNorm(x.values.doubles, w.values.doubles, rows: rows, epsilon: Double(Float(1e-5)))
      expectClose(y.values, expected.y, relative: 6e-7, "y of \(rows) × \(width)")
      expectClose(rstd.values, expected.rstd, relative: 4e-7, "rstd of \(rows) × \(width)")
      #expect(y.isIntact && rstd.isIntact)
      let alone = Floats(unset: width)
      let last = rows - 1
      RMSNorm.forward(
        pool, x.base + last * width, weight: w.base, alone.base, rstd: nil, rows: 1, width: width, epsilon: 1e-5)
      #expect(alone.values.bits == Array(y.values[(last * width)...]).bits, "a row's bits depend on its batch")
    }
  }

  @Test(arguments: widths)
  func backwardAsWritten(width: Int) {
    var numbers = Numbers(seed: 100 + width)
    for rows in [1, 5, 16, 33] {
      let x = numbers.floats(rows * width, scale: 2), w = numbers.floats(width), dy = numbers.floats(rows * width)
      let before = numbers.floats((rows + 1) * width)
      var results: [[UInt32]] = []
      for threads in 1...3 {
        let pool = ThreadPool(threads: threads)
        let (x, w, dy) = (Floats(x), Floats(w), Floats(dy))
        let dx = Floats(Array(before[..<(rows * width)])), dw = Floats(Array(before[(rows * width)...]))
        let y = Floats(unset: rows * width), rstd = Floats(unset: rows)
        let partial = Floats(unset: RMSNorm.parts * width)
        RMSNorm.forward(
          pool, x.base, weight: w.base, y.base, rstd: rstd.base, rows: rows, width: width, epsilon: 1e-6)
        RMSNorm.backward(
          pool, x.base, weight: w.base, rstd: rstd.base, dy: dy.base, dx: dx.base, dweight: dw.base,
          partial: partial.base, rows: rows, width: width)
        let expected = Reference.rmsNormBackward(
          x.values.doubles, w.values.doubles, dy.values.doubles, rows: rows, epsilon: 1e-6)
        let added = zip(before.doubles, expected.dx + expected.dw).map { $0 + $1 }
        #expect(relativeError(dx.values, Array(added[..<(rows * width)])) < 4e-6, "dx of \(rows) × \(width)")
        #expect(relativeError(dw.values, Array(added[(rows * width)...])) < 2e-6, "dw of \(rows) × \(width)")
        #expect(dx.isIntact && dw.isIntact && partial.isIntact)
        results.append((dx.values + dw.values).bits)
      }
      #expect(results.allSatisfy { $0 == results[0] }, "the gradient depends on the number of threads")
    }
  }

  @Test func aNaNSpoilsItsRowAndNoOther() {
    let pool = ThreadPool(threads: 2), rows = 20, width = 37
    var numbers = Numbers(seed: 3)
    for place in [0, 15, 36] {
      var values = numbers.floats(rows * width)
      values[9 * width + place] = .nan
      let x = Floats(values), w = Floats(numbers.floats(width)), y = Floats(unset: rows * width)
      RMSNorm.forward(pool, x.base, weight: w.base, y.base, rstd: nil, rows: rows, width: width, epsilon: 1e-5)
      for (i, value) in y.values.enumerated() { #expect(value.isNaN == (i / width == 9)) }
    }
  }
}

@Suite struct RotaryTests {
  @Test(arguments: [2, 8, 12, 16, 20, 64, 80, 128])
  func turnsAndTurnsBack(dimensions: Int) {
    var numbers = Numbers(seed: dimensions)
    for (rows, heads, rest, threads) in [(1, 1, 0, 1), (5, 3, 4, 2), (21, 4, dimensions, 3)] {
      let pool = ThreadPool(threads: threads), stride = heads * dimensions + rest, half = dimensions / 2
      let values = numbers.floats(rows * stride)
      let angles = (0..<rows * half).map { _ in numbers.uniform() * 100 }
      let x = Floats(values)
      let cosine = Floats(angles.map { Float(cos($0)) }), sine = Floats(angles.map { Float(sin($0)) })
      Rotary.apply(
        pool, x.base, stride: stride, cosine: cosine.base, sine: sine.base, rows: rows, heads: heads,
        dimensions: dimensions)
      var expected = values.doubles
      for row in 0..<rows {
        for head in 0..<heads {
          let place = row * stride + head * dimensions..<row * stride + (head + 1) * dimensions
          expected.replaceSubrange(
            place, with: Reference.rotate(expected[place], Array(angles[row * half..<(row + 1) * half])))
        }
      }
      expectClose(x.values, expected, absolute: 1e-6, "\(rows) × \(heads) × \(dimensions)")
      Rotary.apply(
        pool, x.base, stride: stride, cosine: cosine.base, sine: sine.base, rows: rows, heads: heads,
        dimensions: dimensions, backward: true)
      expectClose(x.values, values.doubles, absolute: 1e-6, "back again")
      for row in 0..<rows {
        let outside = row * stride + heads * dimensions..<(row + 1) * stride
        #expect(Array(x.values[outside]).bits == Array(values[outside]).bits, "what is not turned stays as it is")
      }
      #expect(x.isIntact)
    }
  }
}

@Suite struct SwiGLUTests {
  @Test(arguments: [1, 7, 15, 16, 17, 100, 160])
  func forwardAndBackwardAsWritten(width: Int) {
    var numbers = Numbers(seed: width)
    for (rows, threads) in [(1, 1), (5, 2), (13, 3)] {
      let pool = ThreadPool(threads: threads), count = rows * width
      var values = numbers.floats(2 * count, scale: 4)
      values[0] = 90
      values[width] = -3
      let gateUp = Floats(values), dy = Floats(numbers.floats(count)), y = Floats(unset: count)
      SwiGLU.forward(pool, gateUp.base, y.base, rows: rows, width: width)
      var expected: [Double] = [], slopes = [Double](repeating: 0, count: 2 * count)
      for i in 0..<count {
        let gate = i / width * 2 * width + i % width, up = gate + width
        expected.append(Reference.swiGLU(Double(values[gate]), Double(values[up])))
        let slope = Reference.swiGLUGradient(Double(values[gate]), Double(values[up]))
        (slopes[gate], slopes[up]) = (slope.gate * Double(dy.values[i]), slope.up * Double(dy.values[i]))
      }
      expectClose(y.values, expected, relative: 1e-6, absolute: 1e-30, "y of \(rows) × \(width)")
      let again = Floats(unset: count)
      SwiGLU.backward(pool, gateUp.base, dy: dy.base, again.base, rows: rows, width: width)
      #expect(again.values.bits == y.values.bits, "backward recomputes other bits than forward")
      expectClose(gateUp.values, slopes, relative: 2e-6, absolute: 2e-6, "gradient of \(rows) × \(width)")
      #expect(gateUp.isIntact && y.isIntact && again.isIntact)
    }
  }

  @Test func extremesAndNaN() {
    let pool = ThreadPool(threads: 1)
    let gates: [Float] = [88, -88, 1000, -1000, 1e30, -1e30, 0, .nan, 1]
    let ups: [Float] = [1, 1, 2, 2, 1, 1, 5, 1, .nan]
    let y = Floats(unset: 9), gateUp = Floats(gates + ups)
    SwiGLU.forward(pool, gateUp.base, y.base, rows: 1, width: 9)
    expectClose(
      Array(y.values[..<7]), [88, 0, 2000, 0, 1e30, 0, 0], relative: 1e-6, absolute: 1e-6, "extremes")
    #expect(y.values[7].isNaN && y.values[8].isNaN)
    let dy = Floats([Float](repeating: 1, count: 9))
    SwiGLU.backward(pool, gateUp.base, dy: dy.base, y.base, rows: 1, width: 9)
    #expect(gateUp.values[7].isNaN && gateUp.values[8].isNaN)
    expectClose(
      Array(gateUp.values[..<7]), [1, 0, 2, 0, 1, 0, 2.5], relative: 1e-6, absolute: 1e-6, "gradients of extremes")
  }
}
