import Formats
import Rewards
import TestSupport
import Testing

/// Every case of rewards.json, through the rewards. What decides is the case's objective and settings, never its name.
@Suite struct GoldenRewardTests {
  static let tolerance = 1e-10

  @Test func everyCase() throws {
    var cases = 0
    for golden in try Fixtures.rewardCases() {
      let name = golden["name"]?.string ?? "case \(cases)"
      let expected = golden["expected"]?["rewards"]?.array ?? []
      let rewards: [Double?]
      switch golden["config"]?["objective"]?.string {
      case "sort": rewards = try sorting(golden)
      case "length_harmonizing": rewards = try harmonizing(golden)
      case "kimi_length": rewards = try kimi(golden)
      case "soft_overlong": rewards = try overlong(golden)
      case "cosine_scaled": rewards = try cosine(golden)
      case "repetition_penalty": rewards = try repetition(golden)
      case "composite_step":
        try checkComposite(golden, name)
        rewards = []
      case let other:
        Issue.record("\(name): no reward for the objective \(other ?? "")")
        rewards = []
      }
      #expect(rewards.count == expected.count, "\(name)")
      for (index, (got, wanted)) in zip(rewards, expected).enumerated() {
        #expect(isClose(got, wanted.double), "\(name) \(index): \(got ?? .nan), expected \(wanted.double ?? .nan)")
      }
      cases += 1
    }
    print("rewards.json: \(cases) cases")
    #expect(cases > 0)
  }

  private func isClose(_ got: Double?, _ expected: Double?) -> Bool {
    guard let got, let expected else { return false }
    return (got - expected).magnitude <= Self.tolerance * (1 + expected.magnitude)
  }

  /// One input for every length of the case.
  private func inputs(_ golden: JSON) throws -> [RewardInput] {
    let inputs = try #require(golden["inputs"])
    return try #require(inputs["lengths"]?.array).indices.map { index in
      RewardInput(
        response: [], responseLength: inputs["lengths"]?[index]?.int ?? 0,
        referenceLength: inputs["ref_lengths"]?[index]?.double,
        referenceAccuracy: inputs["ref_accuracy"]?[index]?.double, correct: inputs["correct"]?[index]?.bool)
    }
  }

  private func setting(_ golden: JSON, _ key: String) throws -> Double {
    try #require(golden["config"]?[key]?.double, "\(key)")
  }

  /// The golden rewards are sums; ours are shares of their maximum.
  private func sorting(_ golden: JSON) throws -> [Double?] {
    let isDistance = golden["config"]?["reward"]?.string == "sort_distance"
    let prompts = try #require(golden["inputs"]?["prompts"]?.array)
    let responses = try #require(golden["inputs"]?["responses"]?.array)
    let reward = try RewardRegistry.reward(isDistance ? "sort-positions" : "sort-neighbours")
    return zip(prompts, responses).map { prompt, response in
      let numbers = prompt.array?.compactMap(\.int) ?? []
      let text = (response.array?.compactMap(\.int) ?? []).map(String.init).joined(separator: " ")
      let value = reward.score([RewardInput(response: Array(text.utf8), numbers: numbers)])[0].value
      let most = isDistance ? numbers.count : 2 * numbers.count - 1
      return value.map { $0 * Double(most) }
    }
  }

  /// The same with the lengths and accuracies from a reference's rollouts and from the data set's fields.
  private func harmonizing(_ golden: JSON) throws -> [Double?] {
    var settings = "lambda=\(try setting(golden, "lambda"))"
    if let clip = golden["config"]?["reward_clip"]?.array?.compactMap(\.double), clip.count == 2 {
      settings += ",min=\(clip[0]),max=\(clip[1])"
    }
    let given = try inputs(golden)
    let described = given.map { input in
      var other = input
      other.meta = .object([
        ("reference_length", input.referenceLength.map(Fact.number) ?? .null),
        ("reference_accuracy", input.referenceAccuracy.map(Fact.number) ?? .null),
      ])
      (other.referenceLength, other.referenceAccuracy) = (nil, nil)
      return other
    }
    let values = try RewardRegistry.reward("o1-pruner:reference=given,\(settings)").score(given).map(\.value)
    #expect(try RewardRegistry.reward("o1-pruner:reference=meta,\(settings)").score(described).map(\.value) == values)
    // The z-score over the batch (ddof 0, no epsilon) belongs to the advantage; what it is taken of is ours.
    guard golden["config"]?["standardize"]?.bool == true else { return values }
    let all = values.compactMap { $0 }
    let mean = all.reduce(0, +) / Double(all.count)
    let deviation = (all.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(all.count)).squareRoot()
    return values.map { $0.map { ($0 - mean) / deviation } }
  }

  private func kimi(_ golden: JSON) throws -> [Double?] {
    let inputs = try inputs(golden)
    let groups = try #require(golden["inputs"]?["group"]?.array).map { $0.int ?? 0 }
    let reward = try RewardRegistry.reward("kimi-length")
    var values = [Double?](repeating: nil, count: inputs.count)
    for group in Set(groups) {
      let members = inputs.indices.filter { groups[$0] == group }
      for (member, output) in zip(members, reward.score(members.map { inputs[$0] })) { values[member] = output.value }
    }
    return values
  }

  /// The limit once as a setting, once as the rollouts' own.
  private func overlong(_ golden: JSON) throws -> [Double?] {
    let rule = try #require(golden["config"]?["convention"]?.string)
    let limit = try setting(golden, "max_length")
    var spec = "overlong:rule=\(rule),cache=\(try setting(golden, "cache"))"
    if let factor = golden["config"]?["penalty_factor"]?.double { spec += ",factor=\(factor)" }
    let inputs = try inputs(golden)
    let values = try RewardRegistry.reward(spec + ",max=\(limit)").score(inputs).map(\.value)
    let limited = inputs.map { input in
      var input = input
      input.lengthLimit = Int(limit)
      return input
    }
    #expect(try RewardRegistry.reward(spec).score(limited).map(\.value) == values)
    return values
  }

  private func cosine(_ golden: JSON) throws -> [Double?] {
    let spec =
      "cosine:max=\(try setting(golden, "max_length")),min-wrong=\(try setting(golden, "min_value_wrong"))"
      + ",max-wrong=\(try setting(golden, "max_value_wrong")),min-right=\(try setting(golden, "min_value_correct"))"
      + ",max-right=\(try setting(golden, "max_value_correct"))"
    return try RewardRegistry.reward(spec).score(try inputs(golden)).map(\.value)
  }

  /// By tokens, and by words that stand for them.
  private func repetition(_ golden: JSON) throws -> [Double?] {
    let settings = "ngram=\(Int(try setting(golden, "ngram_size"))),max-penalty=\(try setting(golden, "max_penalty"))"
    let rows = try #require(golden["inputs"]?["completion_ids"]?.array).map { $0.array?.compactMap(\.int) ?? [] }
    let inputs = rows.map { row in
      var input = RewardInput(response: Array(row.map { "w\($0)" }.joined(separator: " ").utf8))
      input.responseTokens = row.map { Int32(truncatingIfNeeded: $0) }
      return input
    }
    let values = try RewardRegistry.reward("repetition:\(settings)").score(inputs).map(\.value)
    #expect(try RewardRegistry.reward("repetition:of=words,\(settings)").score(inputs).map(\.value) == values)
    return values
  }

  /// Only the rewards of the step are this module's; loss and advantage are an objective's.
  private func checkComposite(_ golden: JSON, _ name: String) throws {
    let (config, inputs) = (try #require(golden["config"]), try #require(golden["inputs"]))
    let correct = inputs["correct"]?.bool == true
    let input = RewardInput(
      response: [], responseLength: inputs["length"]?.int ?? 0, referenceLength: inputs["ref_length"]?.double,
      correct: correct)
    let length = try RewardRegistry.reward("o1-pruner:reference=given").score([input])[0].value
    #expect(isClose(length, golden["expected"]?["length_reward"]?.double), "\(name)")
    let weights = ["w_acc", "w_fmt", "w_len"].map { config[$0]?.double ?? 0 }
    let total = weightedSum([correct ? 1 : 0, inputs["formatted"]?.bool == true ? 1 : 0, length], weights: weights)
    #expect(isClose(total, golden["expected"]?["reward"]?.double), "\(name)")
  }
}
