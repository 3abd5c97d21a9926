import Objectives
import Testing

/// Settings that together take every branch of the loss.
private let settings: [ClippedSurrogate] = [
  ClippedSurrogate(), ClippedSurrogate(high: 0.28), ClippedSurrogate(low: nil, high: nil),
  ClippedSurrogate(delta: 1.5), ClippedSurrogate(dualClip: 3), ClippedSurrogate(kl: 0.1, klEstimator: .k1),
  ClippedSurrogate(kl: 0.1, klEstimator: .k2), ClippedSurrogate(kl: 0.1, klEstimator: .k3),
  ClippedSurrogate(entropy: 0.05), ClippedSurrogate(entropy: 0.05, entropyAggregation: .same),
  ClippedSurrogate(
    low: 0.1, high: 0.3, delta: 2, dualClip: 3, kl: 0.04, entropy: 0.01, entropyAggregation: .same),
]

@Suite struct ClippedSurrogateTests {
  /// A random step with every aggregation, some masked tokens and an empty sequence.
  private func randomStep(_ seed: UInt64, onPolicy: Bool = false) -> Step {
    var draws = Draws(state: seed)
    let lengths = [5, 0, 1, 9, 3]
    let masks = lengths.map { length in (0..<length).map { _ in draws.next() % 5 != 0 } }
    let aggregation = Weights.Aggregation.allCases[Int(draws.next() % 4)]
    let weights = Weights(aggregation)(lengths: masks.map { mask in mask.count { $0 } }, responseLimit: 12)
    var step = Step(weights: weights)
    for (sequence, mask) in masks.enumerated() {
      let start = step.tokens.count
      for trains in mask {
        let old = draws.uniform(-4 ... -0.1)
        step.tokens.append(
          TokenStatistics(
            logprob: onPolicy ? old : old + draws.uniform(-1.4...1.4), behaviour: old + draws.uniform(-0.1...0.1),
            old: old, reference: old + draws.uniform(-0.5...0.5), entropy: draws.uniform(0.1...3),
            advantage: draws.uniform(-2...2), weight: weights.weight(sequence: sequence, trains: trains)))
      }
      step.sequences.append(start..<step.tokens.count)
    }
    return step
  }

  @Test(arguments: settings.indices)
  func gradientsAreTheFiniteDifferences(setting: Int) {
    let loss = settings[setting]
    let width = 1e-6
    for seed in 0..<20 as Range<UInt64> {
      let step = randomStep(seed)
      let gradient = step.evaluate(loss).gradient
      for index in step.tokens.indices where !isNearKink(step.tokens[index], loss) {
        for path in [\TokenStatistics.logprob, \TokenStatistics.entropy] {
          var up = step
          var down = step
          up.tokens[index][keyPath: path] += width
          down.tokens[index][keyPath: path] -= width
          let slope = (up.evaluate(loss).report.loss - down.evaluate(loss).report.loss) / (2 * width)
          let got = path == \.logprob ? gradient[index].logprob : gradient[index].entropy
          #expect((got - slope).magnitude < 2e-8 + 2e-7 * slope.magnitude)
        }
      }
    }
  }

  private func isNearKink(_ token: TokenStatistics, _ loss: ClippedSurrogate) -> Bool {
    let ratio = exponential(token.logprob - token.old)
    let bounds = [loss.low.map { 1 - $0 }, loss.high.map { 1 + $0 }, loss.delta, loss.dualClip]
    return bounds.contains { bound in bound.map { (ratio - $0).magnitude < 1e-4 } ?? false }
  }

  @Test(arguments: settings.indices)
  func anySplitAddsUp(setting: Int) {
    let loss = settings[setting]
    for seed in 0..<50 as Range<UInt64> {
      let step = randomStep(seed)
      let whole = step.evaluate(loss)
      var draws = Draws(state: seed &+ 99)
      var parts: [Range<Int>] = []
      var start = 0
      while start < step.tokens.count {
        let end = min(start + Int(draws.next() % 6), step.tokens.count)
        parts.append(start..<end)
        start = end
      }
      let split = step.evaluate(loss, parts: parts)
      #expect(split.gradient == whole.gradient)
      #expect(distance(split.report.loss, whole.report.loss) < 1e-13)
      #expect(split.report.metrics.map(\.name) == whole.report.metrics.map(\.name))
      for (a, b) in zip(split.report.metrics, whole.report.metrics) {
        #expect(distance(a.value, b.value) < 1e-12, "\(a.name)")
      }
    }
  }

  @Test func onPolicyIsREINFORCE() {
    let step = randomStep(3, onPolicy: true)
    let (report, gradient) = step.evaluate(ClippedSurrogate())
    for (token, got) in zip(step.tokens, gradient) { #expect(got.logprob == -token.weight * token.advantage) }
    #expect(report.ratioMin == 1 && report.ratioMax == 1)
    #expect(report.clippedLow == 0 && report.clippedHigh == 0)
    #expect(report.approxKL == Report.KLSums())
  }

  @Test func noAdvantageIsNoGradient() {
    var step = randomStep(4)
    for index in step.tokens.indices { step.tokens[index].advantage = 0 }
    let (report, gradient) = step.evaluate(ClippedSurrogate(dualClip: 3))
    #expect(report.loss == 0)
    #expect(gradient.allSatisfy { $0.logprob == 0 && $0.entropy == 0 && $0.value == 0 })
  }

  @Test func maskedTokensCountNowhere() {
    var step = randomStep(5)
    let before = step.evaluate(settings[10])
    for index in step.tokens.indices where step.tokens[index].weight == 0 {
      step.tokens[index] = TokenStatistics(logprob: .nan, old: .infinity, advantage: .nan, weight: 0)
    }
    #expect(step.tokens.contains { $0.weight == 0 })
    let after = step.evaluate(settings[10])
    #expect(after.report == before.report)
    #expect(after.gradient == before.gradient)
  }

  /// Terms compose: evaluating twice into the same gradient doubles it.
  @Test func gradientsAreAdded() {
    let step = randomStep(6)
    let once = step.evaluate(ClippedSurrogate()).gradient
    var twice = [TokenGradient](repeating: TokenGradient(), count: step.tokens.count)
    for _ in 0..<2 {
      var span = twice.mutableSpan
      _ = ClippedSurrogate()(step.tokens.span, step: step.weights, &span)
    }
    #expect(twice.map(\.logprob) == once.map { 2 * $0.logprob })
  }

  @Test func missingStatisticsAreLeftOutOfTheMetrics() {
    let token = TokenStatistics(logprob: -1, old: -1.1, advantage: 1, weight: 1)
    let weights = StepWeights(perSequence: [1], tokenMean: 1, tokens: 1)
    let names = Step(tokens: [token], weights: weights).evaluate(ClippedSurrogate()).report.metrics.map(\.name)
    #expect(!names.contains { $0.hasPrefix("ref_kl") || $0.hasPrefix("rollout") || $0.hasPrefix("entropy") })
    #expect(Report().metrics.map(\.name) == ["loss", "policy_loss", "tokens"])
  }

  @Test func clipSidesOfUpdateRows() {
    let loss = ClippedSurrogate(low: 0.2, high: 0.28)
    #expect(loss.clip(ratio: 0.79, advantage: -1) == -1)
    #expect(loss.clip(ratio: 0.79, advantage: 1) == 0)
    #expect(loss.clip(ratio: 1.29, advantage: 1) == 1)
    #expect(loss.clip(ratio: 1.29, advantage: -1) == 0)
    #expect(loss.clip(ratio: 1, advantage: 1) == 0)
    #expect(ClippedSurrogate(low: nil, high: nil).clip(ratio: 9, advantage: 1) == 0)
  }
}
