import Kernels
import Testing

@Suite struct AttentionTests {
  static let dimensions = [8, 12, 16, 20, 64, 80, 128]

  /// Lengths and splits for a head size: every number of own rows and every place of the split modulo 16 comes up.
  private static func shapes(_ dimensions: Int, _ heads: Int) -> [(end: Int, split: Int)] {
    let k = dimensions / 4 + 5 * heads
    return [(1 + k % 3, 0), (1 + (7 * k) % 70, 0), (17 + k % 16, 1 + k % 16), (70, 69 - k % 40), (48 + k % 9, 32)]
  }

  @Test(arguments: dimensions, 1...9)
  func asWritten(dimensions: Int, heads: Int) {
    for (index, shape) in Self.shapes(dimensions, heads).enumerated() {
      let c = AttentionCase(
        heads: heads, dimensions: dimensions, end: shape.end, split: shape.split, seed: dimensions * 10 + heads + index)
      // The last rows of the own segment, its first one included when it is short.
      let positions = max(shape.split, shape.end - 9)..<shape.end
      let found = AttentionResult(c, positions: positions, piece: 1 + index * 6)
      let twin = AttentionTwin(c, positions: positions)
      let what = "\(heads) heads of \(dimensions), \(shape.split) + \(shape.end - shape.split) keys"
      // A score sums `dimensions` products, and its rounding is that of the weights.
      let limit = 2e-6 + 5e-8 * Double(dimensions)
      expectClose(found.out, twin.out, absolute: limit, "out, \(what)")
      expectClose(found.logSumExp, twin.logSumExp, relative: 1e-6, absolute: limit, "log-sum-exp, \(what)")
      #expect(relativeError(found.queryGradients, twin.queryGradients, floor: 0.3) < 5e-6, "\(what)")
      #expect(relativeError(found.keyGradients, twin.keyGradients, floor: 0.3) < 5e-6, "\(what)")
      #expect(relativeError(found.valueGradients, twin.valueGradients, floor: 0.3) < 5e-6, "\(what)")
    }
  }

  /// Every length with a split at every position modulo 16, for one head size.
  @Test(arguments: 1...70)
  func everyLengthAndSplit(end: Int) {
    for split in Set([0, end / 3, end / 2, end - 1, max(0, end - 17), min(16, end - 1)]) {
      let c = AttentionCase(
        heads: 3, dimensions: 12, end: end, split: split, shared: split * 2 / 3, seed: end * 100 + split)
      let positions = max(split, end - 2)..<end
      let found = AttentionResult(c, positions: positions), twin = AttentionTwin(c, positions: positions)
      expectClose(found.out, twin.out, relative: 1e-6, absolute: 2e-6, "\(split) + \(end - split)")
      #expect(relativeError(found.queryGradients, twin.queryGradients, floor: 0.3) < 5e-6)
      #expect(relativeError(found.keyGradients, twin.keyGradients, floor: 0.3) < 5e-6)
      #expect(relativeError(found.valueGradients, twin.valueGradients, floor: 0.3) < 5e-6)
    }
  }

  /// Central differences of the forward twin: independent of any derivation of the gradient.
  @Test(arguments: [(8, 1, 5, 0), (12, 2, 19, 16), (16, 5, 20, 7), (20, 4, 18, 3)])
  func backwardIsTheSlope(dimensions: Int, heads: Int, end: Int, split: Int) {
    let c = AttentionCase(heads: heads, dimensions: dimensions, end: end, split: split, seed: end)
    let positions = split..<end, found = AttentionResult(c, positions: positions), step = 1e-5
    func loss(_ queries: [Double], _ keys: [Double], _ values: [Double]) -> Double {
      AttentionTwin(c, queries: queries, keys: keys, values: values, positions: positions, backward: false).loss
    }
    func slopes(_ x: [Double], _ indices: some Sequence<Int>, _ loss: ([Double]) -> Double) -> [Double] {
      indices.map { i in
        var up = x, down = x
        up[i] += step
        down[i] -= step
        return (loss(up) - loss(down)) / (2 * step)
      }
    }
    let (q, k, v) = (c.queries.doubles, c.keys.doubles, c.values.doubles)
    let first = split * heads * dimensions
    let queryPlaces = stride(from: 0, to: found.queryGradients.count, by: 7)
    let queries = slopes(q, queryPlaces.map { first + $0 }) { loss($0, k, v) }
    let keyPlaces = stride(from: 0, to: k.count, by: 5)
    let keys = slopes(k, keyPlaces) { loss(q, $0, v) }, values = slopes(v, keyPlaces) { loss(q, k, $0) }
    #expect(relativeError(queryPlaces.map { found.queryGradients[$0] }, queries) < 3e-6)
    #expect(relativeError(keyPlaces.map { found.keyGradients[$0] }, keys) < 3e-6)
    #expect(relativeError(keyPlaces.map { found.valueGradients[$0] }, values) < 3e-6)
  }

  /// A prompt's keys shared or copied: the same bits, whatever the number of positions before.
  @Test(arguments: dimensions)
  func sharedPrefixHasTheBitsOfACopy(dimensions: Int) {
    for heads in [1, 3, 4, 7] {
      for (end, split) in [(2, 1), (16, 15), (17, 16), (33, 17), (40, 31), (64, 48), (70, 5)] {
        let copy = AttentionCase(heads: heads, dimensions: dimensions, end: end, split: 0, seed: end)
        let expected = AttentionResult(copy, positions: split..<end, backward: false, piece: end)
        for shared in Set([0, split / 2, split - 1]) {
          let c = AttentionCase(heads: heads, dimensions: dimensions, end: end, split: split, shared: shared, seed: end)
          let found = AttentionResult(c, positions: split..<end, backward: false, piece: 3)
          let what = "\(heads) heads, \(shared) of \(split) + \(end - split) keys"
          #expect(found.out.bits == expected.out.bits, "\(what)")
          #expect(found.logSumExp.bits == expected.logSumExp.bits, "\(what)")
        }
      }
    }
  }

  @Test func extremeScoresStayFinite() {
    var c = AttentionCase(heads: 2, dimensions: 16, end: 40, split: 17, seed: 1)
    c.keys = c.keys.map { $0 * 1000 }
    c.queries = c.queries.map { $0 * 100 }
    let found = AttentionResult(c, positions: 17..<40), twin = AttentionTwin(c, positions: 17..<40)
    #expect((found.out + found.keyGradients + found.valueGradients).allSatisfy { $0.isFinite })
    // Scores of some 10^5 are only known to a hundredth, so only the clear winners can be compared.
    #expect(relativeError(found.out, twin.out) < 0.05)
  }

  @Test(arguments: [0, 5, 16, 20, 39])
  func aNaNKeyReachesEveryLaterQueryAndNoEarlierOne(position: Int) {
    for split in [0, 16, 21] where split <= position || split > 0 {
      var c = AttentionCase(heads: 3, dimensions: 12, end: 40, split: split, seed: 2)
      c.keys[position * 12 + 4] = .nan
      let found = AttentionResult(c, positions: split..<40, backward: false)
      for (i, value) in found.out.enumerated() {
        #expect(value.isNaN == (split + i / 36 >= position), "query \(split + i / 36), split \(split)")
      }
    }
  }

  @Test func aNaNValueReachesItsDimension() {
    var c = AttentionCase(heads: 2, dimensions: 20, end: 30, split: 10, seed: 2)
    c.values[12 * 20 + 17] = .nan
    let found = AttentionResult(c, positions: 10..<30)
    for (i, value) in found.out.enumerated() {
      #expect(value.isNaN == (10 + i / 40 >= 12 && i % 20 == 17))
    }
    #expect(found.queryGradients.contains { $0.isNaN })
  }
}
