import Objectives
import Testing

/// Settings that together take every branch of the loss.
private let settings: [PolicyLoss] = {
  func changed(_ loss: PolicyLoss, _ change: (inout PolicyLoss) -> Void) -> PolicyLoss {
    var copy = loss
    change(&copy)
    return copy
  }
  let all = PolicyLoss(
    low: 0.1, high: 0.3, delta: 2, dualClip: 3, kl: 0.04, entropy: 0.01, entropyAggregation: .same)
  var list = [
    PolicyLoss(), PolicyLoss(high: 0.28), PolicyLoss(low: nil, high: nil), PolicyLoss(delta: 1.5),
    PolicyLoss(dualClip: 3), PolicyLoss(kl: 0.1, klEstimator: .k1), PolicyLoss(kl: 0.1, klEstimator: .k2),
    PolicyLoss(kl: 0.1, klEstimator: .k3), PolicyLoss(entropy: 0.05),
    PolicyLoss(entropy: 0.05, entropyAggregation: .same), all,
    PolicyLoss(.reinforce), PolicyLoss(.ratio, kl: 0.1), changed(PolicyLoss(.dro)) { $0.droBeta = 0.3 },
    changed(PolicyLoss(kl: 0.1, klEstimator: .k3)) { $0.klBiasCorrection = true },
    changed(all) {
      $0.klBiasCorrection = true; $0.denominator = .behaviour
    },
  ]
  for level in [PolicyLoss.RatioLevel.sequenceMean, .sequenceSum] {
    list.append(changed(PolicyLoss()) { $0.ratioLevel = level })
    list.append(
      changed(PolicyLoss(.ratio)) {
        $0.ratioLevel = level; $0.denominator = .reference
      })
    list.append(
      changed(all) {
        $0.ratioLevel = level; $0.klBiasCorrection = true
      })
  }
  for mode in RolloutCorrection.Mode.allCases {
    list.append(changed(all) { $0.rollout = RolloutCorrection(mode, minimum: 0.9, maximum: 1.1) })
    list.append(
      changed(all) {
        $0.ratioLevel = .sequenceMean
        $0.rollout = RolloutCorrection(mode, minimum: 0.8, maximum: 1.05)
      })
  }
  return list
}()

/// A constant of the loss that a finite difference must not see: CISPO's weight.
private let constants: [PolicyLoss] = [false, true].map { isBounded in
  var loss = PolicyLoss(.cispo)
  loss.cispoCap = isBounded ? 1.2 : nil
  loss.cispoLow = isBounded ? 0.2 : nil
  return loss
}

@Suite struct PolicyLossTests {
  /// A random step with every aggregation, some masked tokens and an empty sequence.
  private func randomStep(_ seed: UInt64, onPolicy: Bool = false) -> Step {
    var draws = Draws(state: seed)
    let lengths = [5, 0, 1, 9, 3]
    let masks = lengths.map { length in (0..<length).map { _ in draws.next() % 5 != 0 } }
    let aggregation = Weights.Aggregation.allCases[Int(draws.next() % 6)]
    let weights = Weights(aggregation)(lengths: masks.map { mask in mask.count { $0 } }, responseLimit: 12)
    var step = Step(weights: weights)
    for (sequence, mask) in masks.enumerated() {
      step.append(
        mask.map { trains in
          let old = draws.uniform(-4 ... -0.1)
          return TokenStatistics(
            logprob: onPolicy ? old : old + draws.uniform(-1.4...1.4), behaviour: old + draws.uniform(-0.1...0.1),
            old: old, reference: old + draws.uniform(-0.5...0.5), entropy: draws.uniform(0.1...3),
            advantage: draws.uniform(-2...2), weight: weights.weight(sequence: sequence, trains: trains))
        })
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
      if isNearKink(step, loss) { continue }
      for index in step.tokens.indices {
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

  /// Whether a weight of the step is so close to a bound that a difference would cross it.
  private func isNearKink(_ step: Step, _ loss: PolicyLoss) -> Bool {
    let bounds = [loss.low.map { 1 - $0 }, loss.high.map { 1 + $0 }, loss.delta, loss.dualClip].compactMap { $0 }
    return step.sequences.contains { sequence in
      let trained = step.tokens[sequence.tokens].filter { $0.weight != 0 }
      let gaps = trained.map { token in
        switch loss.denominator {
        case .old: token.logprob - token.old
        case .behaviour: token.logprob - token.behaviour
        case .reference: token.logprob - token.reference
        }
      }
      let sum = gaps.reduce(0, +)
      let levels =
        switch loss.ratioLevel {
        case .token: gaps
        case .sequenceMean: [sum / Double(max(gaps.count, 1))]
        case .sequenceSum: [sum]
        }
      return levels.contains { level in bounds.contains { (exponential(level) - $0).magnitude < 1e-4 } }
    }
  }

  /// CISPO's derivative is the weight, held, times REINFORCE's.
  @Test func cispoHoldsItsWeight() {
    for loss in constants {
      let step = randomStep(11)
      let gradient = step.evaluate(loss).gradient
      for (token, got) in zip(step.tokens, gradient) where token.weight != 0 {
        let weight = exponential(token.logprob - token.old)
        let held = loss.cispoCap == nil ? weight : max(0.8, min(1.2, weight))
        #expect(distance(got.logprob, -token.weight * held * token.advantage) < 1e-14)
      }
    }
  }

  @Test(arguments: settings.indices)
  func anySplitAddsUp(setting: Int) {
    let loss = settings[setting]
    for seed in 0..<50 as Range<UInt64> {
      let step = randomStep(seed)
      let whole = step.evaluate(loss)
      var draws = Draws(state: seed &+ 99)
      var order = step.sequences.indices.shuffled(using: &draws)
      var parts: [[Int]] = []
      while !order.isEmpty {
        let count = min(Int(draws.next() % 3), order.count)
        parts.append(Array(order.prefix(count)))
        order.removeFirst(count)
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
    let (report, gradient) = step.evaluate(PolicyLoss())
    for (token, got) in zip(step.tokens, gradient) { #expect(got.logprob == -token.weight * token.advantage) }
    #expect(report.ratio.min == 1 && report.ratio.max == 1)
    #expect(report.ratio.clippedLow == 0 && report.ratio.clippedHigh == 0)
    #expect(report.approxKL == Report.KLSums())
  }

  @Test func noAdvantageIsNoGradient() {
    var step = randomStep(4)
    for index in step.tokens.indices { step.tokens[index].advantage = 0 }
    let (report, gradient) = step.evaluate(PolicyLoss(dualClip: 3))
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
    let once = step.evaluate(PolicyLoss()).gradient
    var twice = [TokenGradient](repeating: TokenGradient(), count: step.tokens.count)
    for _ in 0..<2 {
      var span = twice.mutableSpan
      let recipe = Recipe(name: "test", preset: "test", loss: .policy(PolicyLoss()))
      _ = recipe.loss(step.tokens.span, sequences: step.sequences, weights: step.weights, &span)
    }
    #expect(twice.map(\.logprob) == once.map { 2 * $0.logprob })
  }

  @Test func missingStatisticsAreLeftOutOfTheMetrics() {
    let token = TokenStatistics(logprob: -1, old: -1.1, advantage: 1, weight: 1)
    let weights = StepWeights(perSequence: [1], tokenMean: 1, tokens: 1)
    var step = Step(weights: weights)
    step.append([token])
    let names = step.evaluate(PolicyLoss()).report.metrics.map(\.name)
    #expect(!names.contains { $0.hasPrefix("ref_kl") || $0.hasPrefix("rollout") || $0.hasPrefix("entropy") })
    #expect(Report().metrics.map(\.name) == ["loss", "tokens"])
  }

  @Test func clipSidesOfUpdateRows() {
    let loss = PolicyLoss(low: 0.2, high: 0.28)
    #expect(loss.clip(ratio: 0.79, advantage: -1) == -1)
    #expect(loss.clip(ratio: 0.79, advantage: 1) == 0)
    #expect(loss.clip(ratio: 1.29, advantage: 1) == 1)
    #expect(loss.clip(ratio: 1.29, advantage: -1) == 0)
    #expect(loss.clip(ratio: 1, advantage: 1) == 0)
    #expect(PolicyLoss(low: nil, high: nil).clip(ratio: 9, advantage: 1) == 0)
  }

  /// Sequence-level weights on the policy: exactly 1, and REINFORCE's gradient divided over the sequence.
  @Test(arguments: [PolicyLoss.RatioLevel.sequenceMean, .sequenceSum])
  func sequencesOnPolicy(level: PolicyLoss.RatioLevel) {
    var loss = PolicyLoss()
    loss.ratioLevel = level
    let report = randomStep(3, onPolicy: true).evaluate(loss).report
    #expect(report.ratio.min == 1 && report.ratio.max == 1)
    #expect((1...4).contains(report.ratio.count))
  }

  /// Policies infinitely far apart: a clip or a mask answers with a number, what has none is not finite and shows.
  @Test func extremeRatios() {
    func outcome(_ loss: PolicyLoss, advantage: Double) -> (loss: Double, slope: Double) {
      var step = Step(weights: StepWeights(perSequence: [1], tokenMean: 1, tokens: 1))
      step.append([TokenStatistics(logprob: -1, behaviour: -2000, old: -2000, advantage: advantage, weight: 1)])
      let result = step.evaluate(loss)
      return (result.report.loss, result.gradient[0].logprob)
    }
    #expect(outcome(PolicyLoss(), advantage: 1) == (-1.2, 0))
    #expect(outcome(PolicyLoss(), advantage: -1).loss == .infinity)
    #expect(outcome(PolicyLoss(dualClip: 3), advantage: -1) == (3, 0))
    #expect(outcome(PolicyLoss(), advantage: 0) == (0, 0))
    var masked = PolicyLoss()
    masked.denominator = .behaviour
    masked.rollout = RolloutCorrection(.tokenMask, minimum: 2)
    #expect(outcome(masked, advantage: -1) == (0, 0))
  }

  /// What is not a number is not hidden by a clip or a mask.
  @Test func notANumberShows() {
    for loss in settings {
      var step = randomStep(8)
      for index in step.tokens.indices where step.tokens[index].weight != 0 { step.tokens[index].logprob = .nan }
      #expect(step.evaluate(loss).report.loss.isNaN)
    }
  }
}
