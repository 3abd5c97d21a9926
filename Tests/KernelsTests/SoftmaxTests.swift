import Foundation
import Kernels
import Testing

@Suite struct SoftmaxTests {
  private func fold(_ z: [Float], chunk: Int, scale: Float) -> Softmax {
    var state = Softmax()
    for start in stride(from: 0, to: z.count, by: chunk) {
      let part = Floats(Array(z[start..<min(z.count, start + chunk)]))
      state.fold(part.base, count: part.count, scale: scale)
    }
    return state
  }

  @Test(arguments: [1, 2, 15, 16, 17, 31, 33, 64, 70, 1000, 4096, 9001])
  func foldAsWritten(count: Int) {
    var numbers = Numbers(seed: count)
    for (spread, scale) in [(1.0, Float(1)), (8, 0.7), (30, 1.3), (0.01, 5), (200, 1)] {
      let z = numbers.floats(count, scale: spread)
      let expected = Reference.softmax(z.map { Double($0 * scale) })
      let top = z.map { abs(Double($0 * scale)) }.max() ?? 0
      for chunk in [count, 16, 37, 4096] {
        let state = fold(z, chunk: chunk, scale: scale)
        let limit = 2e-6 + 3e-7 * top
        #expect(abs(Double(state.logNormalizer) - expected.logNormalizer) <= limit, "\(count) by \(chunk), \(spread)")
        #expect(abs(Double(state.entropy) - expected.entropy) <= 2 * limit, "\(count) by \(chunk), \(spread)")
      }
    }
  }

  /// Rows that one token dominates, that are flat, or that are far from zero.
  @Test func extremes() {
    func check(_ z: [Float], _ limit: Double, _ what: String) {
      for chunk in [z.count, 16, 5] {
        let state = fold(z, chunk: chunk, scale: 1), expected = Reference.softmax(z.doubles)
        #expect(abs(Double(state.logNormalizer) - expected.logNormalizer) <= limit, "\(what), by \(chunk)")
        #expect(abs(Double(state.entropy) - expected.entropy) <= limit, "\(what), by \(chunk)")
      }
    }
    var one = [Float](repeating: -1e4, count: 40)
    one[33] = 1e4
    check(one, 1e-3, "one certain token")
    check([Float](repeating: 0, count: 1000), 2e-6, "flat")
    check([Float](repeating: 3e4, count: 50), 1e-2, "flat and far from zero")
    check((0..<50).map { $0 % 2 == 0 ? 88 : -88 }, 3e-5, "the ends of exp")
    check((0..<50).map { Float($0) * -100 }, 1e-6, "falling")
    check((0..<50).map { Float($0) * 100 }, 1e-3, "rising: every chunk has a new maximum")
  }

  /// A logit of −∞ has probability 0 and does not disturb the others; where its entropy or gradient cannot be told,
  /// the result is NaN, never a wrong number.
  @Test func minusInfinity() {
    for place in [0, 15, 16, 36] {
      var numbers = Numbers(seed: place)
      var z = numbers.floats(37, scale: 3)
      z[place] = -.infinity
      let state = fold(z, chunk: 37, scale: 1), expected = Reference.softmax(z.doubles)
      #expect(abs(Double(state.logNormalizer) - expected.logNormalizer) <= 2e-6)
      #expect(state.entropy.isNaN || abs(Double(state.entropy) - expected.entropy) <= 4e-6)
      let x = Floats(z), p = Floats(unset: 37)
      let sum = Softmax.probabilities(x.base, count: 37, scale: 1, logNormalizer: state.logNormalizer, p.base)
      #expect(p.values[place] == 0 && abs(sum - 1) < 1e-5)
    }
  }

  @Test(arguments: [1, 15, 16, 17, 64, 70])
  func probabilitiesAsWritten(count: Int) {
    var numbers = Numbers(seed: count)
    let z = numbers.floats(count, scale: 5), scale: Float = 0.8
    let expected = Reference.softmax(z.map { Double($0 * scale) })
    let x = Floats(z), p = Floats(unset: count)
    let sum = Softmax.probabilities(
      x.base, count: count, scale: scale, logNormalizer: Float(expected.logNormalizer), p.base)
    expectClose(
      p.values, z.map { exp(Double($0 * scale) - expected.logNormalizer) }, relative: 4e-6, absolute: 1e-37, "p")
    #expect(abs(sum - 1) < 4e-6 && p.isIntact)
  }

  /// exp to about one unit in the last place, seen through probabilities with a normaliser of 0.
  @Test func exponentialAccuracy() {
    var worst = 0.0
    for start in stride(from: -87.29, to: 88.0, by: 0.512) {
      let xs = (0..<512).map { Float(start + Double($0) * 0.001) }.filter { $0 < 88 }
      let x = Floats(xs), p = Floats(unset: xs.count)
      _ = Softmax.probabilities(x.base, count: xs.count, scale: 1, logNormalizer: 0, p.base)
      for (x, p) in zip(xs, p.values) {
        worst = max(worst, abs(Double(p) - exp(Double(x))) / Double(Float(exp(Double(x))).ulp))
      }
    }
    #expect(worst < 1.5, "exp is off by \(worst) units in the last place")
    let ends = Floats([-88, -104, -1e10, -.infinity] + [Float](repeating: 0, count: 12)), p = Floats(unset: 16)
    _ = Softmax.probabilities(ends.base, count: 16, scale: 1, logNormalizer: 0, p.base)
    #expect(p.values[..<4].allSatisfy { $0 == 0 } && p.values[4...].allSatisfy { $0 == 1 })
  }

  @Test(arguments: [1, 15, 16, 17, 37, 70])
  func gradientAsWrittenAndAsTheSlope(count: Int) {
    var numbers = Numbers(seed: count)
    for target in Set([-1, 0, count / 2, count - 1]) {
      let z = numbers.floats(count, scale: 3), scale: Float = 0.7, gLogprob: Float = -1.25, gEntropy: Float = 0.375
      func loss(_ z: [Double]) -> Double {
        let scaled = z.map { $0 * Double(scale) }, s = Reference.softmax(scaled)
        return Double(gLogprob) * ((target < 0 ? 0 : scaled[target]) - s.logNormalizer) + Double(gEntropy) * s.entropy
      }
      let s = Reference.softmax(z.map { Double($0) * Double(scale) }), x = Floats(z)
      Softmax.gradient(
        x.base, count: count, scale: scale, logNormalizer: Float(s.logNormalizer), entropy: Float(s.entropy),
        target: target, gLogprob: gLogprob, gEntropy: gEntropy)
      let slopes = z.indices.map { i in
        var up = z.doubles, down = up
        up[i] += 1e-5
        down[i] -= 1e-5
        return (loss(up) - loss(down)) / 2e-5
      }
      expectClose(x.values, slopes, absolute: 3e-6, "gradient, target \(target) of \(count)")
      #expect(x.isIntact)
    }
  }

  @Test func aNaNIsNeverDropped() {
    for count in [5, 16, 40] {
      for place in [0, count / 2, count - 1] {
        var numbers = Numbers(seed: place)
        var z = numbers.floats(count)
        z[place] = .nan
        for chunk in [count, 7] {
          let state = fold(z, chunk: chunk, scale: 1)
          #expect(state.logNormalizer.isNaN && state.entropy.isNaN)
        }
        let x = Floats(z), p = Floats(zeros: count)
        let sum = Softmax.probabilities(x.base, count: count, scale: 1, logNormalizer: 0, p.base)
        #expect(sum.isNaN && p.values[place].isNaN)
        Softmax.gradient(
          x.base, count: count, scale: 1, logNormalizer: 1, entropy: 1, target: -1, gLogprob: 1, gEntropy: 0)
        #expect(x.values[place].isNaN)
      }
    }
    for bad in [[Float](repeating: .nan, count: 20), [1, .infinity, 0]] {
      #expect(fold(bad, chunk: 20, scale: 1).logNormalizer.isNaN, "no distribution has this row")
    }
  }

  @Test func maximum() {
    var numbers = Numbers(seed: 4)
    for count in 1...70 {
      let z = numbers.floats(count), x = Floats(z)
      #expect(Softmax.maximum(x.base, count: count) == z.max())
    }
  }
}
