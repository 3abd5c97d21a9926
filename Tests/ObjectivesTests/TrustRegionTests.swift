import Formats
import Objectives
import Testing

/// A softmax policy whose logits are linear in its weights.
private struct LinearPolicy {
  let features: [[Double]]
  let actions: [Int]
  let advantages: [Double]
  let rows: Int
  let columns: Int

  func logits(_ weights: [Double]) -> [[Double]] {
    features.map { row in
      (0..<columns).map { column in
        row.indices.reduce(0.0) { $0 + row[$1] * weights[$1 * columns + column] }
      }
    }
  }

  /// features transposed times rows of logits' slopes, over the number of states.
  func pullBack(_ slopes: [[Double]]) -> [Double] {
    var out = [Double](repeating: 0, count: rows * columns)
    for (row, slope) in zip(features, slopes) {
      for i in 0..<rows { for j in 0..<columns { out[i * columns + j] += row[i] * slope[j] / Double(features.count) } }
    }
    return out
  }

  func fisherProduct(_ weights: [Double], _ vector: [Double]) -> [Double] {
    pullBack(zip(logits(weights), logits(vector)).map { Categorical(logits: $0).fisherProduct($1) })
  }

  func gradient(_ weights: [Double]) -> [Double] {
    pullBack(
      zip(logits(weights), zip(actions, advantages)).map { row, sample in
        Categorical(logits: row).logProbabilityGradient(sample.0).map { $0 * sample.1 }
      })
  }

  func evaluate(_ weights: [Double], from old: [Double]) -> (surrogate: Double, kl: Double) {
    var surrogate = 0.0, kl = 0.0
    for (index, pair) in zip(logits(old), logits(weights)).enumerated() {
      let before = Categorical(logits: pair.0), after = Categorical(logits: pair.1)
      let action = actions[index]
      surrogate += exponential(after.logProbabilities[action] - before.logProbabilities[action]) * advantages[index]
      kl += before.divergence(from: after)
    }
    return (surrogate / Double(features.count), kl / Double(features.count))
  }
}

enum TrustRegionGolden {
  private static func categoricals(_ golden: GoldenCase, _ key: String) throws -> [Categorical] {
    try golden.ragged(key).map { Categorical(logits: $0) }
  }

  static func surrogate(_ golden: GoldenCase) throws {
    let old = try categoricals(golden, "old_logits"), new = try categoricals(golden, "new_logits")
    let actions = try #require(golden.inputs["actions"]?.array).compactMap(\.int)
    let advantages = try golden.numbers("advantages")
    // The recipe's loss, one token per state, and its derivative carried on to the logits.
    let recipe = try #require(Recipe.named("trpo"))
    var step = Step(weights: Weights(.tokenMean)(lengths: old.map { _ in 1 }, responseLimit: 1))
    for (n, action) in actions.enumerated() {
      step.append([
        TokenStatistics(
          logprob: new[n].logProbabilities[action], old: old[n].logProbabilities[action], advantage: advantages[n],
          weight: step.weights.perSequence[n])
      ])
    }
    let (report, gradient) = step.evaluate(recipe)
    try golden.close(report.loss, golden.expected["loss"], "loss")
    try golden.close(-report.loss, golden.expected["surrogate"], "surrogate")
    let slopes = actions.enumerated().map { n, action in
      new[n].logProbabilityGradient(action).map { $0 * gradient[n].logprob }
    }
    try golden.close(slopes, golden.expected["grad"]?["new_logits"], "grad")
    let divergences = zip(old, new).map { $0.divergence(from: $1) }
    let count = Double(old.count)
    try golden.close(divergences.reduce(0, +) / count, golden.expected["mean_kl_old_new"], "mean_kl_old_new")
    try golden.close(
      report.metrics + [
        ("max_kl_old_new", divergences.max() ?? 0), ("entropy_new_mean", new.map(\.entropy).reduce(0, +) / count),
      ])
    golden.covers(["loss", "surrogate", "grad", "mean_kl_old_new", "metrics"])
  }

  static func divergence(_ golden: GoldenCase) throws {
    let old = try categoricals(golden, "old_logits"), new = try categoricals(golden, "new_logits")
    let count = Double(old.count)
    let sum = zip(old, new).map { $0.divergence(from: $1) }.reduce(0, +)
    try golden.close(sum / count, golden.expected["loss"], "loss")
    let slopes = zip(old, new).map { $0.divergenceGradient(of: $1).map { $0 / count } }
    try golden.close(slopes, golden.expected["grad"]?["new_logits"], "grad")
    golden.covers(["loss", "grad"])
  }

  static func fisherProduct(_ golden: GoldenCase) throws {
    let vector = try golden.ragged("vector")
    let product: [Double]
    if golden.setting("parameters")?.string == "logits" {
      let rows = try categoricals(golden, "logits")
      product = zip(rows, vector).flatMap { row, v in row.fisherProduct(v).map { $0 / Double(rows.count) } }
    } else {
      let policy = try policy(golden)
      product = policy.fisherProduct(try golden.ragged("weights").flatMap { $0 }, vector.flatMap { $0 })
    }
    let flat = vector.flatMap { $0 }
    var damped = product
    damped.add(try golden.number("damping"), flat)
    let width = try #require(vector.first).count
    try golden.close(rows(product, width), golden.expected["product_undamped"], "product_undamped")
    try golden.close(rows(damped, width), golden.expected["product"], "product")
    try golden.close(flat.dot(damped), golden.expected["curvature"], "curvature")
    golden.covers(["product", "product_undamped", "curvature"])
  }

  private static func policy(_ golden: GoldenCase) throws -> LinearPolicy {
    let features = try golden.ragged("features"), weights = try golden.ragged("weights")
    return LinearPolicy(
      features: features, actions: golden.inputs["actions"]?.array?.compactMap(\.int) ?? [],
      advantages: vector(golden.inputs["advantages"]) ?? [], rows: weights.count,
      columns: try #require(weights.first).count)
  }

  private static func rows(_ flat: [Double], _ width: Int) -> [[Double]] {
    stride(from: 0, to: flat.count, by: width).map { Array(flat[$0..<$0 + width]) }
  }

  static func step(_ golden: GoldenCase) throws {
    let policy = try policy(golden)
    let weights = try golden.ragged("weights").flatMap { $0 }
    let region = TrustRegion(
      maxKL: try golden.number("max_kl"), damping: try golden.number("damping"), iterations: weights.count)
    let gradient = policy.gradient(weights)
    try golden.close(rows(gradient, policy.columns), golden.expected["gradient"], "gradient")
    let step = region.step(gradient: gradient) { policy.fisherProduct(weights, $0) }
    try golden.close(rows(step.direction, policy.columns), golden.expected["direction"], "direction")
    try golden.close(step.curvature, golden.expected["curvature"], "curvature")
    try golden.close(step.scale, golden.expected["scale"], "scale")
    var moved = weights
    moved.add(step.scale, step.direction)
    try golden.close(rows(moved, policy.columns), golden.expected["new_weights"], "new_weights")
    let found = policy.evaluate(moved, from: weights)
    try golden.close(found.surrogate, golden.expected["new_surrogate"], "new_surrogate")
    try golden.close(found.kl, golden.expected["new_mean_kl_old_new"], "new_mean_kl_old_new")
    golden.covers([
      "gradient", "direction", "curvature", "scale", "new_weights", "new_surrogate", "new_mean_kl_old_new",
    ])
  }
}

@Suite struct TrustRegionTests {
  /// Every accepted step keeps the constraint and improves the surrogate; so it does over many steps in a row.
  @Test func theConstraintHoldsOnEveryAcceptedStep() {
    var draws = Draws(state: 7)
    for _ in 0..<20 {
      let features = (0..<12).map { _ in (0..<4).map { _ in draws.uniform(-2...2) } }
      let policy = LinearPolicy(
        features: features, actions: features.map { _ in Int(draws.next() % 5) },
        advantages: features.map { _ in draws.uniform(-3...3) }, rows: 4, columns: 5)
      let region = TrustRegion(maxKL: 0.05, damping: 1e-3, iterations: 8)
      var weights = (0..<20).map { _ in draws.uniform(-1...1) }
      for _ in 0..<5 {
        let start = policy.evaluate(weights, from: weights)
        let step = region.step(gradient: policy.gradient(weights)) { policy.fisherProduct(weights, $0) }
        let accepted = region.lineSearch(scale: step.scale, surrogate: start.surrogate) { scale in
          var moved = weights
          moved.add(scale, step.direction)
          return policy.evaluate(moved, from: weights)
        }
        guard let accepted else { continue }
        var moved = weights
        moved.add(accepted.scale, step.direction)
        let found = policy.evaluate(moved, from: weights)
        #expect(found.kl <= region.maxKL && found.surrogate > start.surrogate)
        weights = moved
      }
    }
  }

  /// The Fisher product from log-probabilities of sampled tokens alone: the gradient of KL k2 to the old policy near it.
  @Test func fisherProductsFromLogProbabilities() {
    var draws = Draws(state: 3)
    let features = (0..<6).map { _ in (0..<3).map { _ in draws.uniform(-1...1) } }
    let policy = LinearPolicy(features: features, actions: [], advantages: [], rows: 3, columns: 4)
    let weights = (0..<12).map { _ in draws.uniform(-1...1) }
    let vector = weights.map { _ in draws.uniform(-1...1) }
    let width = 1e-5
    var moved = weights
    moved.add(width, vector)
    let old = policy.logits(weights).map { Categorical(logits: $0) }
    let new = policy.logits(moved).map { Categorical(logits: $0) }
    // Every action of every state, weighted by how often it is drawn.
    var step = Step(weights: StepWeights(perSequence: [], tokenMean: 0, tokens: 0))
    for (before, after) in zip(old, new) {
      step.append(
        before.probabilities.indices.map { action in
          TokenStatistics(
            logprob: after.logProbabilities[action], reference: before.logProbabilities[action],
            weight: before.probabilities[action])
        })
    }
    let gradient = step.evaluate(PolicyLoss(.reinforce, kl: 1, klEstimator: .k2)).gradient
    let slopes = zip(new, step.rows(gradient, \.logprob)).map { row, slopes in
      slopes.enumerated().reduce(into: [Double](repeating: 0, count: 4)) { sum, slope in
        sum.add(slope.element / width, row.logProbabilityGradient(slope.offset))
      }
    }
    for (a, b) in zip(policy.pullBack(slopes), policy.fisherProduct(weights, vector)) {
      #expect((a - b).magnitude < 1e-4 * (1 + b.magnitude))
    }
  }

  @Test func nothingIsAcceptedWhereNothingHelps() {
    let region = TrustRegion()
    #expect(region.lineSearch(scale: 1, surrogate: 0) { _ in (-1, 0) } == nil)
    #expect(region.lineSearch(scale: 1, surrogate: 0) { _ in (1, 1) } == nil)
    #expect(region.lineSearch(scale: 1, surrogate: 0) { _ in (.nan, .nan) } == nil)
    let still = region.step(gradient: [0, 0]) { $0 }
    #expect(still.scale == 0)
    #expect(region.lineSearch(scale: still.scale, surrogate: 0) { _ in (1, 0) } == nil)
  }

  @Test func conjugateGradientsSolve() {
    let matrix = [[4.0, 1, 0], [1, 3, -1], [0, -1, 2]]
    let solved = conjugateGradient([1, 2, 3], iterations: 3) { vector in matrix.map { $0.dot(vector) } }
    for (row, b) in zip(matrix, [1.0, 2, 3]) { #expect(distance(row.dot(solved.solution), b) < 1e-12) }
    let flat = conjugateGradient([1, 2], iterations: 3) { $0.map { -$0 } }
    #expect(flat.solution == [0, 0])
  }

  /// Tokens that cannot be have no part in anything.
  @Test func impossibleTokens() {
    let row = Categorical(logits: [1, -.infinity, 2])
    #expect(row.probabilities[1] == 0)
    #expect(row.entropy.isFinite && row.divergence(from: row) == 0)
    #expect(row.fisherProduct([1, 5, 2])[1] == 0)
    #expect(row.divergence(from: Categorical(logits: [1, 2, -.infinity])) == .infinity)
    let extreme = Categorical(logits: [1e4, -1e4, 9.999e3])
    #expect(extreme.entropy.isFinite && extreme.probabilities[0] > 0.7)
  }
}
