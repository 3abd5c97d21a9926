import Objectives
import Testing

@Suite struct AdvantageTests {
  @Test(arguments: GroupNormalization.presets.map(\.name))
  func equalRewardsHaveNoAdvantage(name: String) throws {
    let normalization = try #require(GroupNormalization.preset(name))
    for reward in [0, 0.1, 1, -2.3, 1e9] {
      let result = normalization(rewards: Array(repeating: reward, count: 7), groups: Array(repeating: 4, count: 7))
      #expect(result.advantages.allSatisfy { $0 == 0 })
      #expect(result.fracRewardZeroStd == 1)
    }
  }

  @Test(arguments: GroupNormalization.presets.map(\.name))
  func emptyAndUnscoredStepsAreDefined(name: String) throws {
    let normalization = try #require(GroupNormalization.preset(name))
    #expect(normalization(rewards: [], groups: []).advantages.isEmpty)
    let unscored = normalization(rewards: [nil, nil, nil], groups: [0, 0, 1])
    #expect(unscored.advantages == [0, 0, 0])
    #expect(unscored.rewardMean == 0)
  }

  /// Members of a group need not be adjacent, and group ids are only names.
  @Test func orderOfResponsesDoesNotMatter() {
    let adjacent = GroupNormalization.trl(rewards: [1, 0, 3, 5], groups: [0, 0, 1, 1]).advantages
    let shuffled = GroupNormalization.trl(rewards: [3, 1, 5, 0], groups: [-9, 7, -9, 7]).advantages
    #expect(shuffled == [adjacent[2], adjacent[0], adjacent[3], adjacent[1]])
  }

  /// Unscored responses change nobody else's advantage and have none.
  @Test func unscoredResponsesAreLeftOut() {
    let rewards: [Double?] = [1, nil, 0, 3, nil, 5], groups = [0, 0, 0, 1, 2, 1]
    let few: [Double?] = [1, 0, 3, 5], fewGroups = [0, 0, 1, 1]
    func check(_ all: [Double], _ some: [Double]) {
      #expect(all[1] == 0 && all[4] == 0)
      #expect([all[0], all[2], all[3], all[5]] == some)
    }
    check(
      LeaveOneOut(normalize: true)(rewards: rewards, groups: groups).advantages,
      LeaveOneOut(normalize: true)(rewards: few, groups: fewGroups).advantages)
    for baseline in Baseline.allCases {
      check(
        baseline(rewards: rewards, groups: groups, lengths: [1, 2, 3, 4, 5, 6]).advantages,
        baseline(rewards: few, groups: fewGroups, lengths: [1, 3, 4, 6]).advantages)
    }
    check(
      KimiBaseline.logMeanExp(rewards: rewards, groups: groups, tau: 0.5).advantages,
      KimiBaseline.logMeanExp(rewards: few, groups: fewGroups, tau: 0.5).advantages)
  }

  /// γ = λ = 1 without a critic is the reward to go; masked tokens are as if they were not there.
  @Test func estimationSkipsMaskedTokens() {
    let gae = GAE(gamma: 0.9, lambda: 0.8)
    let whole = gae([[1, 9, 2]], values: [[0.5, .nan, 0.25]], bootstrap: [0.1], mask: [[true, false, true]])
    let short = gae([[1, 2]], values: [[0.5, 0.25]], bootstrap: [0.1], mask: [[true, true]])
    #expect(whole.advantages == [[short.advantages[0][0], 0, short.advantages[0][1]]])
    #expect(whole.returns == [[short.returns[0][0], 0, short.returns[0][1]]])
    let plain = GAE(gamma: 1, lambda: 1)([[0, 0, 3]], values: [[0, 0, 0]], mask: [[true, true, true]])
    #expect(plain.advantages == [[3, 3, 3]])
  }

  @Test func whiteningOfNothingAndOfOne() {
    #expect(Whitening.verl([[], [5]], mask: [[], [true]]) == [[], [0]])
    #expect(Whitening.openrlhf([[1, .nan]], mask: [[true, false]]) == [[0, 0]])
    #expect(Whitening.verl([], mask: []).isEmpty)
  }

  /// TRL's controller: at most a fifth per horizon in either direction, and nothing for what is not finite.
  @Test func controllerSteers() {
    var controller = KLController(value: 0.2, target: 6, horizon: 1000)
    controller.update(kl: 60, samples: 100)
    #expect(distance(controller.value, 0.2 * 1.02) < 1e-15)
    controller = KLController(value: 0.2, target: 6, horizon: 1000)
    controller.update(kl: 5.4, samples: 50)
    #expect(distance(controller.value, 0.2 * (1 - 0.1 * 50 / 1000)) < 1e-15)
    let before = controller
    controller.update(kl: .nan, samples: 50)
    controller.update(kl: .infinity, samples: 50)
    #expect(controller == before)
  }

  @Test func referencesAreDrawnFromTheSeed() {
    let groups = (0..<60).map { $0 / 6 }
    let first = BRPO.references(groups: groups, seed: 3)
    #expect(first == BRPO.references(groups: groups, seed: 3))
    #expect(first != BRPO.references(groups: groups, seed: 4))
    for (group, reference) in first.enumerated() { #expect(groups[reference] == group) }
    var seen: Set<Int> = []
    for seed in 0..<100 as Range<UInt64> { seen.insert(BRPO.references(groups: [0, 0, 0, 0], seed: seed)[0]) }
    #expect(seen == [0, 1, 2, 3])
  }

  /// The response without a reward is the one that a judge compared the others with; rewards are its verdicts.
  @Test func judgedReferencesAreTheUnscoredResponses() throws {
    var recipe = try #require(Recipe.named("brpo"))
    try recipe.set("pair_reference", "judged")
    let rewards: [Double?] = [1, nil, -1, 0, 1, 1, 1, nil, 1, -1]
    let groups = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2]
    let responses = zip(rewards, groups).map { StepData.Response(trains: [true], reward: $0, group: $1) }
    let prepared = recipe.prepare(StepData(responses: responses, seed: 7))
    #expect(prepared.advantages == [1, 0, -1, -1, 0, 0, 0, 0, 1, -1].map { [$0] })
    #expect(prepared.isKept == [true, true, true, true, false, false, false, false, true, true])
  }

  @Test func pairsAreMadeByTheRule() {
    let rewards: [Double?] = [0.2, 1, nil, 1, 0.7, 0.7], groups = [0, 0, 0, 0, 1, 1]
    func made(_ rule: PairRule) -> [[Int]] { rule(rewards: rewards, groups: groups).map { [$0.chosen, $0.rejected] } }
    #expect(made(PairRule(.bestWorst)) == [[1, 0]])
    #expect(made(PairRule(.bestWorst, margin: 0.9)).isEmpty)
    #expect(made(PairRule(.threshold, threshold: 0.5)) == [[1, 0], [3, 0]])
    #expect(made(PairRule(.margin)) == [[1, 0], [3, 0]])
    #expect(PairRule(.margin)(rewards: rewards, groups: groups)[0].margin == 0.8)
    let weighted = PairWeights.prompt(
      [Pair(chosen: 1, rejected: 0), Pair(chosen: 3, rejected: 0), Pair(chosen: 4, rejected: 5)], groups: groups)
    #expect(weighted.map(\.weight) == [0.25, 0.25, 0.5])
  }
}
