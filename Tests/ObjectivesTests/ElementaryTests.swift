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
