import Foundation
import Objectives
import Testing

@Test func exponentialIsWithinOneUnitOfTheLibrary() {
  var draws = Draws(state: 1)
  var worst = 0.0
  for _ in 0..<200_000 {
    let x = draws.uniform(-40...40) * (draws.next() % 2 == 0 ? 1 : 0.01)
    let expected = exp(x)
    worst = max(worst, (exponential(x) - expected).magnitude / expected.ulp)
  }
  #expect(worst <= 1)
}

@Test func exponentialAtTheEdges() {
  #expect(exponential(0) == 1)
  #expect(exponential(-0.0) == 1)
  #expect(exponential(.infinity) == .infinity)
  #expect(exponential(-.infinity) == 0)
  #expect(exponential(.nan).isNaN)
  #expect(exponential(1000) == .infinity)
  #expect(exponential(-1000) == 0)
  for x in [709.7, -708.0, -720.0, -745.0, 88.7, -103.9] {
    let expected = exp(x)
    #expect((exponential(x) - expected).magnitude <= 2 * expected.ulp, "exp(\(x))")
  }
}

@Test func logarithmIsWithinOneUnitOfTheLibrary() {
  var draws = Draws(state: 2)
  var worst = 0.0
  for _ in 0..<200_000 {
    let x = exp(draws.uniform(-700...700) * (draws.next() % 2 == 0 ? 1 : 0.001))
    let expected = log(x)
    worst = max(worst, (logarithm(x) - expected).magnitude / expected.ulp)
  }
  #expect(worst <= 1)
  #expect(logarithm(1) == 0)
  #expect(logarithm(0) == -.infinity && logarithm(.infinity) == .infinity)
  #expect(logarithm(-1).isNaN && logarithm(.nan).isNaN)
  #expect((logarithm(.leastNonzeroMagnitude) - log(.leastNonzeroMagnitude)).magnitude < 1e-12)
}

@Test func sigmoidsAreStable() {
  for x in [-1e308, -1000.0, -40, -1, -1e-9, 0, 1e-9, 1, 40, 1000, 1e308] {
    #expect(distance(sigmoid(x), 1 / (1 + exp(-x))) < 1e-15)
    #expect(distance(logSigmoid(x), min(x, 0) - log1p(exp(-abs(x)))) < 1e-15)
  }
  #expect(logSigmoid(50) < 0)
  #expect(logSigmoid(-.infinity) == -.infinity && logSigmoid(.infinity) == 0)
  #expect(sigmoid(.nan).isNaN && logSigmoid(.nan).isNaN)
}

@Test func sumsOfExponentials() {
  #expect(distance(logSumExp([1.0, 2, 3]), log(exp(1.0) + exp(2.0) + exp(3.0))) < 1e-15)
  #expect(logSumExp([1e4, 1e4]) == 1e4 + logarithm(2))
  #expect(logSumExp([-.infinity, 1]) == 1)
  #expect(logSumExp([Double]()) == -.infinity)
  #expect(logSumExp([-.infinity, -.infinity]) == -.infinity)
  #expect(logSumExp([1, .nan]).isNaN && logSumExp([.nan, -.infinity]).isNaN)
}
