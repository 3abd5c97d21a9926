import Objectives
import Testing

/// Whole steps through every recipe: prepare, weights, loss.
@Suite struct RecipeStepTests {
  /// Any split into micro-batches of whole groups, in any order, has the same loss, gradient and metrics.
  @Test(arguments: everyRecipe)
  func anySplitAddsUp(name: String) throws {
    var made = try #require(recipe(name))
    for seed in 0..<10 as Range<UInt64> {
      if made.data != .demonstrations, seed % 2 == 1 {
        made.demonstrations = made.demonstrations ?? NegativeLogLikelihood(coefficient: 0.3)
      }
      let fixture = RecipeFixture(seed: seed, demonstrations: seed % 2 == 1)
      let prepared = made.prepare(fixture.data)
      let step = fixture.step(made, prepared)
      let whole = step.evaluate(made)
      #expect(whole.report.loss.isFinite && (whole.report.tokens > 0 || !prepared.isKept.contains(true)))
      var draws = Draws(state: seed &+ 17)
      var groups = (0..<4).map { group in (0..<4).map { 4 * group + $0 }.shuffled(using: &draws) }
      groups.shuffle(using: &draws)
      let parts = [groups[0] + groups[1], groups[2], [], groups[3]]
      let split = step.evaluate(made, parts: parts)
      for (a, b) in zip(split.gradient, whole.gradient) {
        #expect(distance(a.logprob, b.logprob) < 1e-14 && distance(a.entropy, b.entropy) < 1e-14)
        #expect(distance(a.value, b.value) < 1e-14)
      }
      #expect(split.report.metrics.map(\.name) == whole.report.metrics.map(\.name))
      for (a, b) in zip(split.report.metrics, whole.report.metrics) {
        #expect(distance(a.value, b.value) < 1e-12, "\(a.name)")
      }
    }
  }

  /// The gradient is the loss's central difference wherever the loss has a derivative. CISPO's weight is a constant.
  @Test(arguments: everyRecipe.filter { recipe($0)?.policy?.surrogate != .cispo })
  func gradientsAreTheFiniteDifferences(name: String) throws {
    let made = try #require(recipe(name))
    let width = 1e-6
    var kinks = 0, checked = 0
    for seed in 0..<3 as Range<UInt64> {
      let fixture = RecipeFixture(seed: seed + 50)
      let step = fixture.step(made, made.prepare(fixture.data))
      let whole = step.evaluate(made)
      for index in step.tokens.indices {
        let columns: [(WritableKeyPath<TokenStatistics, Double>, KeyPath<TokenGradient, Double>)] = [
          (\.logprob, \.logprob), (\.value, \.value), (\.entropy, \.entropy),
        ]
        for (input, column) in columns {
          var up = step, down = step
          up.tokens[index][keyPath: input] += width
          down.tokens[index][keyPath: input] -= width
          let high = up.evaluate(made).report.loss, low = down.evaluate(made).report.loss
          let right = (high - whole.report.loss) / width, left = (whole.report.loss - low) / width
          checked += 1
          if (right - left).magnitude > 1e-4 * (1 + right.magnitude) {
            kinks += 1
            continue
          }
          let got = whole.gradient[index][keyPath: column]
          #expect(distance((right + left) / 2, got) < 1e-7, "\(name) token \(index)")
        }
      }
    }
    #expect(kinks * 50 < checked, "\(kinks) kinks of \(checked)")
  }

  /// Advantages belong to the whole step, weights to the minibatch: minibatches are separate steps with the same
  /// advantages.
  @Test(arguments: everyRecipe)
  func minibatchesAreWeightedOnTheirOwn(name: String) throws {
    let made = try #require(recipe(name))
    let fixture = RecipeFixture(seed: 4)
    let prepared = made.prepare(fixture.data)
    let first = Array(0..<8), second = Array(8..<16)
    for part in [first, second] {
      let step = fixture.step(made, prepared, part: part)
      let pairs = fixture.data.pairs.filter { part.contains($0.chosen) }
      if made.data == .pairs {
        #expect(step.weights.pairs.count == pairs.count)
        #expect(distance(step.weights.pairs.reduce(0) { $0 + $1.weight }, 1) < 1e-14)
      }
      #expect(step.weights.tokens <= part.reduce(0) { $0 + fixture.data.responses[$1].trainedTokens })
      #expect(step.evaluate(made).report.loss.isFinite)
    }
  }

  /// What masked tokens, absent statistics and the responses of other parts hold is never touched.
  @Test(arguments: everyRecipe)
  func maskedTokensCountNowhere(name: String) throws {
    let made = try #require(recipe(name))
    let fixture = RecipeFixture(seed: 9)
    let step = fixture.step(made, made.prepare(fixture.data))
    var poisoned = fixture
    for (index, response) in fixture.data.responses.enumerated() {
      for t in response.trains.indices where !response.trains[t] {
        poisoned.tokens[index][t] = TokenStatistics(
          logprob: .nan, behaviour: .infinity, old: -.infinity, reference: .nan, entropy: .nan, value: .nan,
          weight: 0)
        poisoned.data.responses[index].old[t] = .nan
        poisoned.data.responses[index].reference[t] = .infinity
        poisoned.data.responses[index].values[t] = .nan
      }
    }
    let after = poisoned.step(made, made.prepare(poisoned.data))
    #expect(after.tokens.contains { $0.weight == 0 && $0.logprob.isNaN })
    #expect(after.evaluate(made).report == step.evaluate(made).report)
    #expect(after.evaluate(made).gradient == step.evaluate(made).gradient)
  }

  /// On the policy a ratio is exactly 1 and nothing is clipped.
  @Test(arguments: everyRecipe.filter { recipe($0)?.policy?.denominator == .old })
  func onThePolicyRatiosAreOne(name: String) throws {
    let made = try #require(recipe(name))
    let fixture = RecipeFixture(seed: 21, onPolicy: true)
    let report = fixture.step(made, made.prepare(fixture.data)).evaluate(made).report
    #expect(report.ratio.min == 1 && report.ratio.max == 1)
    #expect((report.ratio.clippedLow ?? 0) + (report.ratio.clippedHigh ?? 0) == 0)
    #expect(report.approxKL == Report.KLSums())
  }

  /// From rewards to gradients: a step whose groups are uniform trains nothing where the baseline is the group's.
  @Test(arguments: [
    "grpo trl", "grpo verl", "grpo openrlhf", "grpo gdpo", "dr-grpo trl", "dr-grpo verl", "dapo trl", "dapo paper",
    "gspo trl", "cispo trl", "rloo verl", "opo verl", "reinforce centered", "reinforce normalized", "trpo paper",
    "reinforce++-baseline verl",
  ])
  func uniformGroupsTrainNothing(name: String) throws {
    var made = try #require(recipe(name))
    made.policy?.kl = 0
    var fixture = RecipeFixture(seed: 2)
    for index in fixture.data.responses.indices {
      fixture.data.responses[index].reward = [1, 0.3, 0.1, -7][fixture.data.responses[index].group]
      fixture.data.responses[index].components = []
    }
    let (report, gradient) = fixture.step(made, made.prepare(fixture.data)).evaluate(made)
    #expect(report.loss.magnitude < 1e-12)
    #expect(gradient.allSatisfy { $0.logprob.magnitude < 1e-12 })
    #expect(report.tokens == 0 || name != "dapo paper")
  }

  /// Groups that are left out count in no mean: the rest weighs as if they were not there.
  @Test func droppedGroupsDoNotWeigh() throws {
    let made = try #require(recipe("dapo paper"))
    var fixture = RecipeFixture(seed: 6)
    for index in 4..<8 { fixture.data.responses[index].reward = 1 }
    let prepared = made.prepare(fixture.data)
    #expect(prepared.isKept == (0..<16).map { !(4..<8).contains($0) })
    #expect(prepared.metrics.contains { $0.name == "groups_kept" && $0.value == 3 })
    let all = made.weights(fixture.data, prepared)
    let rest = made.weights(fixture.data, prepared, part: (0..<16).filter { prepared.isKept[$0] })
    #expect(all.tokens == rest.tokens)
    #expect(all.perSequence.filter { $0 > 0 } == rest.perSequence.filter { $0 > 0 })
    #expect(all.perSequence[4..<8].allSatisfy { $0 == 0 })
  }

  /// Without a recipe for them, demonstrations among rollouts take no part.
  @Test func demonstrationsNeedACoefficient() throws {
    let made = try #require(recipe("grpo trl"))
    var with = RecipeFixture(seed: 3, demonstrations: true)
    let prepared = made.prepare(with.data)
    let step = with.step(made, prepared)
    for (response, sequence) in zip(with.data.responses, step.sequences) where response.isDemonstration {
      #expect(sequence.isDemonstration && step.tokens[sequence.tokens].allSatisfy { $0.weight == 0 })
    }
    let before = step.evaluate(made).report
    for index in with.data.responses.indices where with.data.responses[index].isDemonstration {
      with.data.responses[index].reward = 99
    }
    #expect(with.step(made, made.prepare(with.data)).evaluate(made).report == before)
  }

  @Test(arguments: everyRecipe)
  func emptyStepsAreDefined(name: String) throws {
    let made = try #require(recipe(name))
    let nothing = made.prepare(StepData())
    #expect(made.weights(StepData(), nothing).perSequence.isEmpty)
    #expect(nothing.metrics.allSatisfy { $0.value.isFinite })
    var data = StepData(responses: [StepData.Response(trains: [])])
    data.responses[0].isDesirable = true
    let prepared = made.prepare(data)
    #expect(prepared.advantages == [[]])
    #expect(prepared.metrics.allSatisfy { $0.value.isFinite })
    var step = Step(weights: made.weights(data, prepared))
    step.append([]) { $0 = made.sequence(0, data, prepared, tokens: $0.tokens, weight: $0.weight) }
    #expect(step.evaluate(made).report.loss.isFinite)
  }

  /// Pairs come from the rewards where the step has none, labels where a response has none.
  @Test func rewardsBecomePairsAndLabels() throws {
    var dpo = try #require(recipe("dpo sigmoid"))
    var fixture = RecipeFixture(seed: 12)
    fixture.data.pairs = []
    let rewards = fixture.data.responses.map(\.reward), groups = fixture.data.responses.map(\.group)
    #expect(dpo.prepare(fixture.data).pairs == PairRule()(rewards: rewards, groups: groups))
    try dpo.set("pair_rule", "threshold")
    try dpo.set("pair_threshold", "0")
    let made = dpo.prepare(fixture.data).pairs
    #expect(!made.isEmpty && made.allSatisfy { (rewards[$0.chosen] ?? -1) >= 0 && (rewards[$0.rejected] ?? 0) < 0 })
    let kto = try #require(recipe("kto trl"))
    for index in fixture.data.responses.indices { fixture.data.responses[index].isDesirable = nil }
    let prepared = kto.prepare(fixture.data)
    #expect(prepared.isKept == rewards.map { $0 != nil })
    let step = fixture.step(kto, prepared)
    #expect(step.sequences.map(\.isDesirable) == rewards.map { ($0 ?? 0) >= 0.5 })
  }
}
