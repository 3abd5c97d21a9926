/// What conjugate gradients need of a vector: a list of numbers, or all parameters of a model.
package protocol InnerProductSpace {
  func dot(_ other: Self) -> Double
  /// self += scale · other
  mutating func add(_ scale: Double, _ other: Self)
  /// A new vector, self times `factor`; 0 gives zeros.
  func scaled(_ factor: Double) -> Self
}

extension [Double]: InnerProductSpace {
  package func dot(_ other: [Double]) -> Double { zip(self, other).reduce(0) { $0 + $1.0 * $1.1 } }
  package mutating func add(_ scale: Double, _ other: [Double]) {
    for index in indices { self[index] += scale * other[index] }
  }
  package func scaled(_ factor: Double) -> [Double] { map { factor == 0 ? 0 : factor * $0 } }
}

/// Solves A x = b for a positive definite A given as products (Hestenes & Stiefel 1952), from x = 0.
///
/// Stops after `iterations`, when the residual's 2-norm is below `tolerance` times b's, or when a product shows a
/// direction without positive curvature (A is not what it should be; x is then the best so far).
/// - Returns: x and the squared 2-norm of the last residual.
package func conjugateGradient<Vector: InnerProductSpace>(
  _ b: Vector, iterations: Int, tolerance: Double = 1e-10, product: (Vector) throws -> Vector
) rethrows -> (solution: Vector, residual: Double) {
  var solution = b.scaled(0)
  var residual = b.scaled(1)
  var direction = b.scaled(1)
  var square = residual.dot(residual)
  let goal = square * tolerance * tolerance
  for _ in 0..<iterations where square > goal {
    let image = try product(direction)
    let curvature = direction.dot(image)
    guard curvature > 0, curvature < .infinity else { break }
    let length = square / curvature
    solution.add(length, direction)
    residual.add(-length, image)
    let next = residual.dot(residual)
    direction = direction.scaled(next / square)
    direction.add(1, residual)
    square = next
  }
  return (solution, square)
}

/// TRPO's step (arXiv 1502.05477, appendix C): the natural gradient scaled to the KL radius, then a line search.
///
///     x ≈ (F + damping I)⁻¹ g,   scale = √( 2 maxKL / x·(F + damping I) x )
///     accepted: the first of scale · shrinkⁱ with mean KL(old ‖ new) ≤ maxKL and a surrogate above the one at the start
///
/// g is the gradient of the surrogate mean(w A) at the old policy, to be ascended; F the Hessian of the mean KL there.
/// Where only log-probabilities of sampled tokens are at hand, F v is the gradient of the mean of ½ (new − old)² at
/// old + ε v, divided by ε: a ``PolicyLoss`` with A = 0 and KL k2 of weight 1 to the old policy. It is unbiased on the
/// policy.
///
/// Peer: Spinning Up `trpo.py` (10 iterations, 10 backtracks, shrink 0.8, damping 0.1, max KL 0.01). The constraint
/// holds on every accepted step, being measured, not estimated; when nothing is accepted the policy stays.
package struct TrustRegion: Equatable, Sendable {
  /// δ in nats per token, mean over the step.
  package var maxKL: Double
  package var damping: Double
  package var iterations: Int
  package var backtracks: Int
  package var shrink: Double

  package init(
    maxKL: Double = 0.01, damping: Double = 0.1, iterations: Int = 10, backtracks: Int = 10, shrink: Double = 0.8
  ) {
    self.maxKL = maxKL
    self.damping = damping
    self.iterations = iterations
    self.backtracks = backtracks
    self.shrink = shrink
  }

  package struct Step<Vector> {
    package var direction: Vector
    /// direction · (F + damping I) direction
    package var curvature: Double
    /// 0 where the gradient is.
    package var scale: Double
    package var residual: Double
  }

  /// The step before the line search.
  ///
  /// - Parameter fisherProduct: F v, without damping.
  package func step<Vector: InnerProductSpace>(
    gradient: Vector, fisherProduct: (Vector) throws -> Vector
  ) rethrows -> Step<Vector> {
    func damped(_ vector: Vector) throws -> Vector {
      var image = try fisherProduct(vector)
      image.add(damping, vector)
      return image
    }
    let solved = try conjugateGradient(gradient, iterations: iterations) { try damped($0) }
    let curvature = try solved.solution.dot(damped(solved.solution))
    let isUsable = curvature > 0 && curvature < .infinity
    return Step(
      direction: solved.solution, curvature: curvature, scale: isUsable ? (2 * maxKL / curvature).squareRoot() : 0,
      residual: solved.residual)
  }

  package struct Accepted: Equatable, Sendable {
    package var scale: Double
    package var surrogate: Double
    package var kl: Double
    /// Steps tried before this one.
    package var backtracks: Int
  }

  /// - Parameters:
  ///   - scale: of the full step.
  ///   - surrogate: at the start.
  ///   - evaluate: surrogate and mean KL(old ‖ new) at start + scale · direction. It is called with one scale after the
  ///     other; the last one called is the accepted one, if there is one.
  /// - Returns: nil when no step is accepted: the caller goes back to the start.
  package func lineSearch(
    scale: Double, surrogate: Double, evaluate: (_ scale: Double) throws -> (surrogate: Double, kl: Double)
  ) rethrows -> Accepted? {
    guard scale > 0, scale < .infinity else { return nil }
    var scale = scale
    for attempt in 0..<max(backtracks, 1) {
      let found = try evaluate(scale)
      if found.kl <= maxKL, found.surrogate > surrogate {
        return Accepted(scale: scale, surrogate: found.surrogate, kl: found.kl, backtracks: attempt)
      }
      scale *= shrink
    }
    return nil
  }
}
