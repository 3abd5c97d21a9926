import Rewards
import Testing

@Suite struct RewardTermTests {
  @Test(arguments: [
    ("math", "math", "math", 1.0, ""), ("math=0.5; as right; judge", "math", "right", 0.5, "as right; judge"),
    (
      "o1-pruner=0.1; when math = 1; when format:form=strict >= 0.5; clip -2..4; from-step 100; until-step 200",
      "o1-pruner", "o1-pruner", 0.1,
      "when math = 1.0; when format:form=strict >= 0.5; clip -2.0..4.0; from-step 100; until-step 200"
    ),
    ("format:pattern=a;b=0.2", "format:pattern=a;b", "format:pattern=a;b", 0.2, ""),
    ("format:pattern=a,b=0.2", "format:pattern=a,b", "format:pattern=a,b", 0.2, ""),
    ("o1-pruner:min=0,lambda=2", "o1-pruner:min=0,lambda=2", "o1-pruner:min=0,lambda=2", 1, ""),
    ("command=a:b=0.5", "command=a:b", "command=a:b", 0.5, ""),
    ("o1-pruner:min=0,lambda=2=0.5", "o1-pruner:min=0,lambda=2", "o1-pruner:min=0,lambda=2", 0.5, ""),
    ("format:pattern=a; b; in rm", "format:pattern=a; b", "format:pattern=a; b", 1, "in rm"),
  ])
  func terms(text: String, spec: String, name: String, weight: Double, modifiers: String) throws {
    let term = try RewardTerm(parsing: text)
    #expect(term.spec == spec && term.weight == weight && term.modifiers == modifiers)
    #expect(term.name == name)
  }

  @Test(arguments: [
    ("math; when", "expected COMPONENT"), ("math; when format", "expected COMPONENT"),
    ("math; clip 2..1", "LOW..HIGH"), ("math; clip 1", "LOW..HIGH"), ("math; from-step -1", "a step"),
    ("math; as", "a name"), ("math; judge it", "expected one of"), ("math; in a b", "a name"),
  ])
  func wrongModifiers(text: String, message: String) {
    #expect { try RewardTerm(parsing: text) } throws: { "\($0)".contains(message) }
  }

  @Test(arguments: [
    (["math; when format = 1"], [], "expected one of the set's components math"),
    (["math; in rm"], [], "no such ensemble"), (["math"], ["rm: mean"], "has no members"),
    (["math; as a", "format; as a"], [], "given twice"),
  ])
  func setsThatCannotBe(specs: [String], ensembles: [String], message: String) throws {
    var combination = Combination()
    combination.ensembles = try ensembles.map { try Combination.Ensemble(parsing: $0) }
    let terms = try specs.map { try RewardTerm(parsing: $0) }
    #expect { try RewardSet(terms, combination) } throws: { "\($0)".contains(message) }
  }

  @Test(arguments: ["", "rm", "rm:", "rm: best", "rm: mean 2", "rm=x: mean", ": mean", "rm: uncertainty -1"])
  func wrongEnsembles(text: String) {
    #expect { try Combination.Ensemble(parsing: text) } throws: { "\($0)".contains("expected NAME") }
  }
}

@Suite struct CombinationTests {
  /// Totals of one group from a table of values: a row per response.
  private func totals(
    _ terms: [String], _ values: [[Double?]], steps: [Int]? = nil, _ change: (inout Combination) throws -> Void = { _ in }
  ) throws -> [Double?] {
    var combination = Combination()
    try change(&combination)
    return combination.totals(
      try terms.map { try RewardTerm(parsing: $0) }, values, steps: steps ?? values.map { _ in 0 })
  }

  @Test func gatesHoldBackAndClipsClamp() throws {
    let rows: [[Double?]] = [[1, 0.5], [0, 0.5], [nil, 0.5], [1, 9], [1, -9], [1, nil]]
    #expect(
      try totals(["math", "o1-pruner=0.5; when math = 1; clip -2..4"], rows) == [1.25, 0, 0, 3, 0, 1])
  }

  @Test(arguments: [(">=", [true, true, false]), ("<=", [false, true, true]), ("=", [false, true, false]),
    (">", [true, false, false]), ("<", [false, false, true])])
  func comparisons(sign: String, holds: [Bool]) throws {
    let rows: [[Double?]] = [[2, 1], [1, 1], [0, 1]]
    #expect(try totals(["math=0", "exact; when math \(sign) 1"], rows) == holds.map { $0 ? 1 : 0 })
  }

  /// Kimi k1.5: the length reward is off at first.
  @Test func rewardsBeginAndEnd() throws {
    let rows: [[Double?]] = Array(repeating: [1, 1], count: 4)
    #expect(
      try totals(["math; until-step 3", "exact=10; from-step 2"], rows, steps: [0, 1, 2, 3]) == [1, 1, 11, 10])
  }

  @Test func missingValues() throws {
    let rows: [[Double?]] = [[1, nil], [nil, nil], [1, 1]]
    let terms = ["math", "exact=2"]
    #expect(try totals(terms, rows) == [1, nil, 3])
    #expect(try totals(terms, rows) { $0.missing = .zero } == [1, 0, 3])
    #expect(try totals(terms, rows) { $0.missing = .null } == [nil, nil, 3])
  }

  /// GDPO: two components whose sums are equal keep their own advantages.
  @Test func normalisedByGroup() throws {
    let rows: [[Double?]] = [[0, 2], [1, 1], [2, 0], [3, nil]]
    let got = try totals(["math", "exact=0.5"], rows) { $0.normalise = .group }
    let first = 1.5 / (5.0 / 3).squareRoot()  // std of 0…3 with ddof 1, up to the 1e-4
    let wanted = [-first + 0.5, -first / 3, first / 3 - 0.5, first]
    for (got, wanted) in zip(got, wanted) { #expect(abs(try #require(got) - wanted) < 1e-3) }
    #expect(try totals(["math"], [[7]]) { $0.normalise = .group } == [0])
    #expect(try totals(["math"], [[7], [7]]) { $0.normalise = .group } == [0, 0])
  }

  @Test func ensembles() throws {
    let rows: [[Double?]] = [[0, 1, 5, 10], [0, 4, nil, 10], [0, nil, nil, 10]]
    let terms = ["math=0", "exact; in rm", "format; in rm", "sort-positions"]
    func got(_ rule: String, _ missing: Combination.Missing = .skip) throws -> [Double?] {
      try totals(terms, rows) {
        $0.ensembles = [try .init(parsing: "rm=2: \(rule)")]
        $0.missing = missing
      }
    }
    #expect(try got("mean") == [16, 18, 10])
    #expect(try got("min") == [12, 18, 10])
    #expect(try got("uncertainty 0.5") == [12, 18, 10])  // 3 − 0.5 · 4
    #expect(try got("mean", .null) == [16, nil, nil])
  }

  @Test func theTotalIsClamped() throws {
    #expect(try totals(["math=3"], [[1], [-1], [nil]]) { $0.clip = -2...2 } == [2, -2, nil])
  }

  /// What needs to know right from wrong learns it from the reward marked as judge.
  @Test func theMarkedJudgeDecides() throws {
    let set = try RewardSet(specs: ["exact", "math; judge", "o1-pruner"])
    let input = RewardInput(response: Array("Answer: 5".utf8), answer: Array("5".utf8), responseLength: 4)
    #expect(try set.score([input])[0].components == [0, 1, 0])
    #expect(try set.score([input])[0].correct == true)
  }
}
