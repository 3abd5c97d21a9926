import Kernels
import Testing

@Suite struct OptimizerTests {
  @Test(arguments: [1, 15, 16, 17, 100, 5000, 20_001])
  func adamWAsWritten(count: Int) {
    let settings: [AdamW] = [
      AdamW(learningRate: 1e-3), AdamW(learningRate: 0.1, beta1: 0.8, beta2: 0.95, epsilon: 1e-6, weightDecay: 0.1),
    ]
    for (index, optimizer) in settings.enumerated() {
      var numbers = Numbers(seed: count + index)
      let start = numbers.floats(count), gradients = (0..<4).map { _ in numbers.floats(count, scale: 3) }
      let twin = Reference.AdamW(
        rate: Double(optimizer.learningRate), beta1: Double(optimizer.beta1), beta2: Double(optimizer.beta2),
        epsilon: Double(optimizer.epsilon), decay: Double(optimizer.weightDecay))
      var expected = start.doubles, m = [Double](repeating: 0, count: count), v = m
      for (step, gradient) in gradients.enumerated() {
        for i in 0..<count { twin.update(&expected[i], Double(gradient[i]) * 0.25, &m[i], &v[i], step: step + 1) }
      }
      let results = (1...3).map { threads in
        let pool = ThreadPool(threads: threads)
        let p = Floats(start), mean = Floats(zeros: count), square = Floats(zeros: count)
        for (step, gradient) in gradients.enumerated() {
          let g = Floats(gradient)
          optimizer.update(
            pool, p.base, gradients: g.base, m: mean.base, v: square.base, count: count, step: step + 1,
            gradientScale: 0.25)
          #expect(g.values == gradient)
        }
        #expect(p.isIntact && mean.isIntact && square.isIntact)
        expectClose(mean.values, m, relative: 1e-6, absolute: 1e-6, "m")
        expectClose(square.values, v, relative: 2e-6, "v")
        expectClose(
          p.values, expected, relative: 4e-7, absolute: 4e-6 * Double(optimizer.learningRate), "p, settings \(index)")
        return p.values.bits
      }
      #expect(results[1] == results[0] && results[2] == results[0], "the update depends on the number of threads")
    }
  }

  /// A late step, where 1 − β₂^t is near 1, and the first, where it is 0.001.
  @Test(arguments: [1, 2, 10, 1000, 100_000])
  func biasCorrection(step: Int) {
    let optimizer = AdamW(learningRate: 0.01, weightDecay: 0.5)
    let p = Floats([1]), m = Floats([0.5]), v = Floats([0.25]), g = Floats([2])
    var (expected, mean, square) = (1.0, 0.5, 0.25)
    Reference.AdamW(
      rate: Double(Float(0.01)), beta1: Double(Float(0.9)), beta2: Double(Float(0.999)), epsilon: 1e-8, decay: 0.5
    ).update(&expected, 2, &mean, &square, step: step)
    optimizer.update(
      ThreadPool(threads: 1), p.base, gradients: g.base, m: m.base, v: v.base, count: 1, step: step, gradientScale: 1)
    expectClose(p.values, [expected], relative: 1e-6, "step \(step)")
  }

  @Test func aNaNGradientSpoilsItsParameterAndNoOther() {
    let p = Floats([Float](repeating: 1, count: 40)), m = Floats(zeros: 40), v = Floats(zeros: 40)
    var gradient = [Float](repeating: 0.5, count: 40)
    gradient[35] = .nan
    let g = Floats(gradient)
    AdamW(learningRate: 0.1).update(
      ThreadPool(threads: 1), p.base, gradients: g.base, m: m.base, v: v.base, count: 40, step: 1, gradientScale: 1)
    for (i, value) in p.values.enumerated() { #expect(value.isNaN == (i == 35)) }
    #expect(norm(ThreadPool(threads: 1), g.base, count: 40).isNaN)
  }

  @Test(arguments: [0, 1, 15, 17, 1000, 65_536, 200_001])
  func globalNorm(count: Int) {
    var numbers = Numbers(seed: count)
    let values = numbers.floats(count, scale: 100), x = Floats(values)
    let expected = values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
    let found = (1...3).map { norm(ThreadPool(threads: $0), x.base, count: count) }
    #expect(abs(found[0] - expected) <= 1e-12 * expected)
    #expect(found[1] == found[0] && found[2] == found[0])
  }

  @Test(arguments: [0, 1, 16, 33])
  func addition(count: Int) {
    var numbers = Numbers(seed: count)
    let a = numbers.floats(count), b = numbers.floats(count), y = Floats(a), x = Floats(b)
    add(y.base, x.base, count: count)
    #expect(y.values == zip(a, b).map { $0 + $1 } && y.isIntact)
  }

  @Test func arenaRegions() {
    var plan = ArenaPlan()
    let places = [plan.region(1), plan.region(16), plan.region(17), plan.region(0), plan.region(3)]
    #expect(places == [0, 16, 32, 64, 64] && plan.count == 80)
    let arena = Arena(count: plan.count)
    #expect((0..<80).allSatisfy { arena.base[$0] == 0 })
    #expect(UInt(bitPattern: arena.base) % 64 == 0)
    arena.base[79] = 3
    arena.zero()
    #expect(arena.base[79] == 0)
  }
}
