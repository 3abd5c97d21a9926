import Formats
import Objectives
import Testing

@Suite struct AdvantageTests {
  @Test func goldenGroupZScores() throws {
    var supported = 0
    for golden in try GoldenCase.all("advantages.json") where golden.config["objective"]?.string == "group_zscore" {
      let normalization = try #require(groupNormalization(golden.config), "\(golden)")
      let rewards = try #require(golden.inputs["rewards"]?.array).map(\.double)
      let groups = try #require(golden.inputs["group"]?.array).compactMap(\.int)
      let result = normalization(rewards: rewards, groups: groups)
      try compare(result.advantages, golden.expected["advantages"], "\(golden) advantages")
      try compare(result.groupMean, golden.expected["group_mean"], "\(golden) group_mean")
      try compare(result.groupStd, golden.expected["group_std"], "\(golden) group_std")
      for member in golden.expected["metrics"]?.object?.members ?? [] {
        let value = try #require(result.metrics.first { $0.name == member.key }?.value, "\(golden) \(member.key)")
        let expected = try #require(member.value.double)
        #expect(distance(value, expected) <= tolerance, "\(golden) \(member.key)")
      }
      supported += 1
    }
    print("advantages.json: \(supported) group_zscore cases")
    #expect(supported > 0)
  }

  /// A case that names one of our presets must spell out that preset's values.
  @Test func presetsAreTheGoldenOnes() throws {
    var named = 0
    for golden in try GoldenCase.all("advantages.json") where golden.config["objective"]?.string == "group_zscore" {
      guard let preset = golden.config["preset"]?.string.flatMap(GroupNormalization.preset) else { continue }
      #expect(preset == groupNormalization(golden.config), "\(golden)")
      named += 1
    }
    #expect(named > 0)
  }

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

  private func groupNormalization(_ config: JSON) -> GroupNormalization? {
    guard let ddof = config["ddof"]?.int, let eps = config["eps"]?.double,
      let scale = config["scale"]?.string.flatMap(GroupNormalization.Scale.init),
      let singleton = config["singleton"]?.string.flatMap(GroupNormalization.Singleton.init)
    else { return nil }
    return GroupNormalization(ddof: ddof, eps: eps, scale: scale, singleton: singleton)
  }

  private func compare(_ got: [Double], _ json: JSON?, _ what: String) throws {
    let expected = try #require(vector(json), "\(what)")
    #expect(got.count == expected.count, "\(what)")
    for (a, b) in zip(got, expected) { #expect(distance(a, b) <= tolerance, "\(what): \(a), expected \(b)") }
  }
}
