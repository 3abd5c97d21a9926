import Formats
import Rewards
import TestSupport
import Testing

/// Every line of reasoning_gym.jsonl, by its task. Where the file's README says that a re-implementation should differ,
/// a rule says how, never a list of lines.
@Suite struct ReasoningGymTests {
  static let tasks = [
    "countdown": "countdown", "chain_sum": "chain-sum", "number_sorting": "number-sorting",
    "gsm_symbolic": "gsm-symbolic",
  ]

  private func fact(_ json: JSON?) -> Fact {
    guard let json else { return .null }
    if let bool = json.bool { return .bool(bool) }
    if let number = json.double { return .number(number) }
    if let text = json.string { return .text(text) }
    if let list = json.array { return .list(list.map(fact)) }
    return json.object.map { .object($0.members.map { ($0.key, fact($0.value)) }) } ?? .null
  }

  /// The scores that a line allows.
  private func allowed(_ line: JSON, _ candidate: String) -> [Double] {
    // The reference did not come back: refused as no expression, or as one with another value.
    if line["error"]?.string == "timeout" { return [0.01, 0.05] }
    // Nothing compares with NaN, so the reference takes a list of them; it is a list of no numbers.
    if line["task"]?.string == "number_sorting", candidate.lowercased().contains("nan") { return [0] }
    return line["score"]?.double.map { [$0] } ?? []
  }

  @Test func everyLine() throws {
    var counts: [String: Int] = [:]
    for line in try Fixtures.lines("reasoning_gym.jsonl") {
      let id = line["id"]?.string ?? ""
      let name = try #require(Self.tasks[line["task"]?.string ?? ""], "\(id): no reward for this task")
      let candidate = line["candidate"]?.string ?? ""
      var input = RewardInput(
        response: Array(candidate.utf8), answer: line["answer"]?.string.map { Array($0.utf8) })
      input.meta = fact(line["metadata"])
      let value = try #require(try RewardRegistry.reward(name).score([input])[0].value, "\(id)")
      let allowed = allowed(line, candidate)
      #expect(
        allowed.contains { ($0 - value).magnitude <= 1e-12 }, "\(id): \(value), expected \(allowed) for \(candidate)")
      counts[name, default: 0] += 1
      // The same candidate in an answer tag; no answer at all scores like none.
      guard !candidate.contains("<answer>"), !candidate.isEmpty else { continue }
      input.response = Array("<think>1</think><answer>\(candidate)</answer>".utf8)
      let tagged = try RewardRegistry.reward("\(name):from=tag").score([input])[0].value
      let trims = candidate != candidate.trimmingSpaces
      #expect(tagged == value || trims, "\(id): \(tagged ?? .nan) in a tag, \(value) outside")
    }
    print("reasoning_gym.jsonl: \(counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" })")
    #expect(counts.count == Self.tasks.count)
  }

  private func countdown(_ text: String, _ numbers: [Int], _ target: Int) throws -> Double? {
    var input = RewardInput(response: Array(text.utf8))
    input.meta = .object([
      ("numbers", .list(numbers.map { .number(Double($0)) })), ("target", .number(Double(target))),
    ])
    return try RewardRegistry.reward("countdown").score([input])[0].value
  }

  @Test(arguments: [
    ("(2 + 3) / (4 / 4)", [2, 3, 4, 4], 5, 1), ("1/3*3", [1, 3, 3], 1, 1), ("7 // 2", [7, 2], 3, 1),
    ("7 % 4", [7, 4], 3, 1),
    ("-7 // 2", [7, 2], -4, 1), ("2**3", [2, 3], 8, 1), ("-2**2", [2, 2], -4, 1), ("2**-1*4", [2, 1, 4], 2, 1),
    ("4!", [4], 24, 1), ("abs(3-5)", [3, 5], 2, 1), ("(1 +\n 2)", [1, 2], 3, 1), ("1 +\n 2", [1, 2], 3, 0.01),
    ("2 == 2", [2, 2], 1, 0.05), ("2**(1/2)", [2, 1, 2], 1, 0.05), ("9**9**9", [9, 9, 9], 9, 0.05),
    ("99999999!", [99_999_999], 1, 0.05), ("0**-1", [0, 1], 1, 0.01), ("(-1)!", [1], 1, 0.01),
    ("1**9**9**9", [1, 9, 9, 9], 1, 0.05),
    ("max(1,2)", [1, 2], 2, 0.01), ("__import__('os')", [1], 1, 0.01), ("1e3", [1, 3], 1000, 0.05), ("٣", [3], 3, 0.01),
    ("170141183460469231731687303715884105727+1", [1], 1, 0.05), ("5", [6], 6, 0.05), ("", [1], 1, 0.01),
  ])
  func countdownExpressions(text: String, numbers: [Int], target: Int, value: Double) throws {
    #expect(try countdown(text, numbers, target) == value, "\(text)")
  }

  @Test func tasksWithoutTheirFacts() throws {
    #expect(try score("countdown", "1").value == nil)
    #expect(try score("chain-sum", "1").value == nil)
    #expect(try score("chain-sum", "1", answer: "one").value == nil)
    #expect(try score("number-sorting", "[1]", answer: "1 2").value == nil)
    #expect(try score("number-sorting", "[1]").value == nil)
    #expect(try score("gsm-symbolic", "1", answer: "?").value == nil)
    #expect(try score("gsm-symbolic:from=tag", "5", answer: "5").value == 0)
    #expect(try score("chain-sum:from=tag", "5", answer: "5").value == 0)
  }

  @Test(arguments: [
    ("gsm-symbolic", "x-80", "-80", 1), ("gsm-symbolic", "80.5kg", "80", 1), ("gsm-symbolic", "a80 81", "81", 1),
    ("gsm-symbolic", "８0", "80", 1), ("gsm-symbolic", "80.", "80", 1), ("chain-sum", "1e1000000000000", "5", 0),
    ("chain-sum", "0e99999999999999999999", "0", 1), ("chain-sum", "0.5e1", "5", 1),
    ("number-sorting", "[\"0x1\"]", "['1']", 0),
    ("number-sorting", "[\"inf\"]", "['1']", 0), ("number-sorting", "[1e999]", "['1']", 0),
    ("number-sorting", "[true]", "[1]", 0),
    ("number-sorting", "[2, 1]", "[1, 2]", 0), ("number-sorting", "[\" 1 \", 2]", "['1', '2']", 1),
  ])
  func edges(spec: String, response: String, answer: String, value: Double) throws {
    #expect(try score(spec, response, answer: answer).value == value, "\(response)")
  }
}

extension String {
  /// Without spaces and line breaks at both ends.
  fileprivate var trimmingSpaces: String {
    var text = self[...]
    while let first = text.first, first.isWhitespace { text.removeFirst() }
    while let last = text.last, last.isWhitespace { text.removeLast() }
    return String(text)
  }
}
