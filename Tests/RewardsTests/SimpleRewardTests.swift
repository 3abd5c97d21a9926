import Rewards
import Testing

@Suite struct SimpleRewardTests {
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
}
