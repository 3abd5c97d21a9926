import Formats
import Rewards
import Testing

@Suite struct SimpleRewardTests {
  /// The cases of rewards.json whose objective one of these rewards has.
  @Test func goldenRewards() throws {
    var supported = 0
    var unsupported = 0
    for golden in try Fixtures.rewardCases() {
      let name = golden["name"]?.string ?? ""
      switch golden["config"]?["objective"]?.string {
      case "sort": try checkSort(golden, name)
      case "composite_step": try checkComposite(golden, name)
      case "length_harmonizing" where golden["config"]?["standardize"]?.bool == false: try checkLengths(golden, name)
      default:
        unsupported += 1
        continue
      }
      supported += 1
    }
    print("rewards.json: \(supported) cases, unsupported \(unsupported)")
    #expect(supported > 0)
  }

  private func isClose(_ got: Double?, _ expected: Double?) -> Bool {
    guard let got, let expected else { return false }
    return (got - expected).magnitude <= 1e-10 * (1 + expected.magnitude)
  }

  /// The golden rewards are sums; ours are shares of their maximum.
  private func checkSort(_ golden: JSON, _ name: String) throws {
    let isDistance = golden["config"]?["reward"]?.string == "sort_distance"
    let prompts = try #require(golden["inputs"]?["prompts"]?.array)
    let responses = try #require(golden["inputs"]?["responses"]?.array)
    let expected = try #require(golden["expected"]?["rewards"]?.array)
    let reward = try RewardRegistry.reward(isDistance ? "sort-positions" : "sort-neighbours")
    for (index, prompt) in prompts.enumerated() {
      let numbers = prompt.array?.compactMap(\.int) ?? []
      let text = (responses[index].array?.compactMap(\.int) ?? []).map(String.init).joined(separator: " ")
      let value = reward.score([RewardInput(response: Array(text.utf8), numbers: numbers)])[0].value
      let most = isDistance ? numbers.count : 2 * numbers.count - 1
      #expect(isClose(value.map { $0 * Double(most) }, expected[index].double), "\(name) \(index)")
    }
  }

  private func checkLengths(_ golden: JSON, _ name: String) throws {
    let inputs = try #require(golden["inputs"])
    var spec = "o1-pruner:reference=given,lambda=\(golden["config"]?["lambda"]?.double ?? 0)"
    if let clip = golden["config"]?["reward_clip"]?.array?.compactMap(\.double), clip.count == 2 {
      spec += ",min=\(clip[0]),max=\(clip[1])"
    }
    let group = try #require(inputs["lengths"]?.array).indices.map { index in
      RewardInput(
        response: [], responseLength: inputs["lengths"]?[index]?.int ?? 0,
        referenceLength: inputs["ref_lengths"]?[index]?.double,
        referenceAccuracy: inputs["ref_accuracy"]?[index]?.double, correct: inputs["correct"]?[index]?.bool)
    }
    let outputs = try RewardRegistry.reward(spec).score(group)
    for (index, output) in outputs.enumerated() {
      #expect(isClose(output.value, golden["expected"]?["rewards"]?[index]?.double), "\(name) \(index)")
    }
  }

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

  @Test(arguments: [
    ("exact", "  blue\n", "blue", 1), ("exact", "Blue", "blue", 0), ("exact:case=fold", "Blue", "bLUE", 1),
    ("exact", "", "", 1), ("exact", "", "x", 0), ("exact:from=tag", "<answer> 5 </answer>", "5", 1),
    ("exact:from=tag", "5", "5", 0), ("exact:from=tag,case=fold", "<answer>a</answer><answer>B</answer>", "b", 1),
  ])
  func exactMatch(spec: String, response: String, answer: String, value: Double) throws {
    #expect(try score(spec, response, answer: answer).value == value)
  }

  @Test func exactMatchWithoutAnAnswerIsNotScored() throws {
    #expect(try score("exact", "x").value == nil)
  }

  @Test func sortingAtTheEdges() throws {
    let (positions, neighbours) = (
      try RewardRegistry.reward("sort-positions"), try RewardRegistry.reward("sort-neighbours")
    )
    func both(_ numbers: [Int]?, _ response: String, prompt: String = "") -> [Double?] {
      let input = RewardInput(response: Array(response.utf8), prompt: Array(prompt.utf8), numbers: numbers)
      return [positions.score([input])[0].value, neighbours.score([input])[0].value]
    }
    #expect(both([3, 1, 2], "1 2 3") == [1, 1])
    #expect(both([3, 1, 2], "") == [0, 0])
    #expect(both([], "1") == [nil, nil])
    #expect(both(nil, "1 2", prompt: "Sort 2 1") == [1, 1])
    #expect(both(nil, "1", prompt: "hello") == [nil, nil])
    #expect(both([5], "5") == [1, 1])
    #expect(both([-1, 4, -3], "-3, -1, 4") == [1, 1])
    // Padding does not help: six numbers for three.
    #expect(both([3, 1, 2], "1 2 3 3 3 3") == [0.5, 1])
    #expect(both([1, 2], "99999999999999999999999999 2") == [0.5, 1 / 3])
  }

  @Test func lengthRewardAtTheEdges() throws {
    func values(_ spec: String, _ lengths: [Int], _ correct: [Bool?], reference: Double? = nil) throws -> [Double?] {
      let group = zip(lengths, correct).map {
        RewardInput(response: [], responseLength: $0, referenceLength: reference, correct: $1)
      }
      return try RewardRegistry.reward(spec).score(group).map(\.value)
    }
    #expect(try values("o1-pruner", [10, 30], [true, true]) == [1, 20.0 / 30 - 1])
    #expect(try values("o1-pruner", [10, 30], [false, nil]) == [0, nil])
    #expect(try values("o1-pruner", [0, 0], [true, true]) == [nil, nil])
    #expect(try values("o1-pruner", [0, 10], [true, true]) == [0, -0.5])
    #expect(try values("o1-pruner:reference=given", [5], [true]) == [nil])
    #expect(try values("o1-pruner:reference=given", [5], [true], reference: 0) == [nil])
    #expect(try values("o1-pruner:reference=given", [5], [true], reference: 10) == [1])
    #expect(try values("o1-pruner:max=0.5", [10, 30], [true, true]) == [0.5, 20.0 / 30 - 1])
    #expect(try values("o1-pruner", [], []) == [])
    // λ (correct − the group's accuracy) on top of the lengths.
    #expect(try values("o1-pruner:lambda=2", [10, 10], [true, false]) == [1, -1])
  }

  @Test func rewardsOfAnyBytes() throws {
    var draws = Draws(state: 21)
    let rewards = try ["exact", "exact:from=tag", "sort-positions", "sort-neighbours"].map(RewardRegistry.reward)
    for _ in 0..<5000 {
      let (answer, prompt) = (draws.bytes(upTo: 10), draws.bytes(upTo: 20))
      let input = RewardInput(response: draws.bytes(upTo: 40), answer: answer, prompt: prompt)
      for reward in rewards {
        if let value = reward.score([input])[0].value { #expect(value >= 0 && value <= 1) }
      }
    }
  }
}
