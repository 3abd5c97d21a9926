import Rewards
import Testing

@Suite struct LengthRewardTests {
  private func values(
    _ spec: String, _ lengths: [Int], _ correct: [Bool?], reference: Double? = nil, limit: Int? = nil,
    meta: Fact = .object([])
  ) throws -> [Double?] {
    let group = zip(lengths, correct).map { length, correct in
      var input = RewardInput(response: [], responseLength: length, referenceLength: reference, correct: correct)
      input.lengthLimit = limit
      input.meta = meta
      return input
    }
    return try RewardRegistry.reward(spec).score(group).map(\.value)
  }

  @Test func o1Pruner() throws {
    #expect(try values("o1-pruner", [10, 30], [true, true]) == [1, 20.0 / 30 - 1])
    #expect(try values("o1-pruner", [10, 30], [false, nil]) == [0, nil])
    #expect(try values("o1-pruner", [0, 0], [true, true]) == [nil, nil])
    #expect(try values("o1-pruner", [0, 10], [true, true]) == [0, -0.5])
    #expect(try values("o1-pruner:reference=given", [5], [true]) == [nil])
    #expect(try values("o1-pruner:reference=given", [5], [true], reference: 0) == [nil])
    #expect(try values("o1-pruner:reference=given", [5], [true], reference: .infinity) == [nil])
    #expect(try values("o1-pruner:reference=given", [5], [true], reference: 10) == [1])
    #expect(try values("o1-pruner:max=0.5", [10, 30], [true, true]) == [0.5, 20.0 / 30 - 1])
    #expect(try values("o1-pruner", [], []) == [])
    // λ (correct − the group's accuracy) on top of the lengths.
    #expect(try values("o1-pruner:lambda=2", [10, 10], [true, false]) == [1, -1])
    let meta = Fact.object([("reference_length", .number(10))])
    #expect(try values("o1-pruner:reference=meta", [5, 5], [true, false], meta: meta) == [1, 0])
    #expect(try values("o1-pruner:reference=meta,lambda=1", [5], [true], meta: meta) == [nil])
    #expect(try values("o1-pruner:reference=meta", [5], [true]) == [nil])
  }

  @Test func kimi() throws {
    #expect(try values("kimi-length", [10, 20, 30], [true, true, true]) == [0.5, 0, -0.5])
    #expect(try values("kimi-length", [10, 20, 30], [false, nil, false]) == [0, nil, -0.5])
    #expect(try values("kimi-length", [7, 7], [true, false]) == [0, 0])
    #expect(try values("kimi-length", [7], [true]) == [0])
    #expect(try values("kimi-length", [], []) == [])
  }

  @Test func kimiStartsLate() throws {
    let set = try RewardSet(specs: ["exact", "kimi-length; from-step 10"])
    let group = [(9, 4), (9, 8), (10, 4), (10, 8)].map { step, length in
      var input = RewardInput(response: Array("5".utf8), answer: Array("5".utf8), responseLength: length)
      input.step = step
      return input
    }
    #expect(try set.score(group).map(\.total) == [1, 1, 1.5, 0.5])
  }

  @Test func overlong() throws {
    #expect(
      try values("overlong", [79, 80, 90, 100, 200], Array(repeating: nil, count: 5), limit: 100)
        == [0, 0, -0.5, -1, -1])
    #expect(
      try values("overlong:rule=verl,buffer=20", [80, 90, 120], [true, false, nil], limit: 100) == [0, -0.5, -2])
    #expect(try values("overlong", [5], [true]) == [nil])
    #expect(try values("overlong:max=10,cache=10", [0, 5], [nil, nil]) == [0, -0.5])
    #expect(try values("overlong:rule=verl,factor=0", [200], [nil], limit: 100) == [0])
  }

  @Test func cosineAtItsEnds() throws {
    let right = try values("cosine:max=8", [0, 4, 8, 9], [true, true, true, true])
    #expect(right == [1, 0.75, 0.5, 0.5])
    #expect(try values("cosine", [0, 4, 8], [false, false, nil], limit: 8) == [-1, -0.75, nil])
    #expect(try values("cosine", [1], [true]) == [nil])
  }

  @Test func linear() throws {
    #expect(
      try values("linear:from=10,to=30", [5, 10, 20, 30, 99], Array(repeating: true, count: 5))
        == [1, 1, 0.5, 0, 0])
    #expect(try values("linear", [0, 25, 100], [true, true, nil], limit: 100) == [1, 0.75, nil])
    #expect(try values("linear:from=50", [39, 40], [true, true], limit: 40) == [1, 0])
    #expect(try values("linear", [5], [true]) == [nil])
  }

  @Test func target() throws {
    #expect(try values("target-length:target=100,alpha=0.01", [100, 90, 150], [true, false, nil]) == [0, -0.1, -0.5])
    let form = "target-length:form=max,alpha=0.01"
    let meta = Fact.object([("target_length", .number(100)), ("n", .number(50)), ("t", .text("9"))])
    #expect(try values(form, [100, 75, 0, 300], [true, true, true, true], meta: meta) == [0.5, 0.75, 1, 0])
    #expect(try values(form + ",target=n,delta=0", [50, 25], [true, true], meta: meta) == [0, 0.25])
    #expect(try values(form + ",target=t", [50], [true], meta: meta) == [nil])
    #expect(try values(form, [10], [nil], meta: meta) == [nil])
  }

  /// What a paper grants to right answers only is never granted to wrong ones, however short they are.
  @Test func wrongAnswersEarnNothingForBeingShort() throws {
    let specs = [
      "o1-pruner", "o1-pruner:reference=given", "kimi-length", "overlong", "overlong:rule=verl", "cosine", "linear",
      "target-length:target=40", "target-length:target=40,form=max",
    ]
    var draws = Draws(state: 31)
    for _ in 0..<500 {
      let count = 1 + draws.below(8)
      let lengths = (0..<count).map { _ in draws.below(120) }
      let correct = (0..<count).map { _ in draws.below(3) == 0 }
      for spec in specs {
        let got = try values(spec, lengths, correct, reference: 50, limit: 100)
        for (index, value) in got.enumerated() {
          if !correct[index] { #expect((value ?? 0) <= 0, "\(spec) \(lengths[index])") }
          #expect((value ?? 0).isFinite)
          // Among right answers of a group, the shorter never has less (target-length: exact wants the target).
          for other in got.indices where correct[index] && correct[other] && lengths[other] < lengths[index] {
            guard spec != "target-length:target=40", lengths[other] > 0 else { continue }
            #expect((got[other] ?? 0) >= (value ?? 0), "\(spec) \(lengths)")
          }
        }
      }
    }
  }

  @Test(arguments: [
    ("overlong:cache=5,buffer=5", "give one"), ("overlong:max=5,cache=6", "above max"),
    ("overlong:max=0", "above 0"), ("overlong:factor=2", "rule=verl"), ("overlong:rule=verl,factor=-1", "0 or more"),
    ("cosine:min-right=2", "min-right ≤ max-right"), ("linear:from=5,to=5", "not above"),
    ("linear:from=-1", "0 or more"),
    ("target-length:alpha=0", "above 0"), ("target-length:target=-5", "above 0"), ("repetition:ngram=0", "from 1"),
    ("repetition:ngram=2.5", "whole number"), ("repetition:max-penalty=1", "0 or less"),
  ])
  func faults(spec: String, message: String) {
    #expect { try RewardRegistry.reward(spec) } throws: { ($0 as? RewardError)?.description.contains(message) == true }
  }
}
