import Formats
import Foundation
import Rewards
import Testing

@Suite struct FormatRewardTests {
  static let columns: Set<String> = [
    "id", "category", "text", "think_format_reward", "r1_line_format", "tag_count", "strict", "answer",
  ]

  @Test func goldenForms() throws {
    var lines = 0
    for line in try Fixtures.lines("format.jsonl") {
      let id = line["id"]?.string ?? ""
      let columns = Set(line.object?.members.map(\.key) ?? [])
      #expect(columns == Self.columns, "\(id): a column that nothing checks, or one that is missing")
      let text = try #require(line["text"]?.string)
      let strict = try score("format:form=strict", text)
      #expect(strict.value == (line["strict"]?.bool == true ? 1 : 0), "\(id)")
      let answer = line["answer"]?.string
      if let answer, answer.utf8.count <= RewardOutput.extractedLimit { #expect(strict.extracted == answer, "\(id)") }
      #expect((strict.extracted == nil) == (answer == nil), "\(id)")
      // What is strictly right is leniently right.
      let lenient = try score("format:form=lenient", text)
      #expect(lenient.value == 1 || strict.value == 0, "\(id)")
      if strict.value == 1 { #expect(lenient.extracted == strict.extracted, "\(id)") }
      #expect(try score("format:form=think", text).value == line["think_format_reward"]?.double, "\(id)")
      #expect(try score("format:form=r1-line", text).value == line["r1_line_format"]?.double, "\(id)")
      #expect(try score("format:form=tag-count", text).value == line["tag_count"]?.double, "\(id)")
      lines += 1
    }
    print("format.jsonl: \(lines) lines")
    #expect(lines > 0)
  }

  @Test(
    arguments: [
      ("Answer: 5", "5"), ("Answer:\n\n -12.", "-12"), ("Answer: 5\nAnswer: 6", "6"), ("Answer: 5\nAnswer: x", "5"),
      ("Answer: 5, 6", "5"), ("Answer: 5,6", nil), ("Answer: 5.5", nil), ("Answer: 5...", "5"), ("Answer: 5...5", nil),
      ("answer: 5", nil), ("Answer:", nil), ("Answer: N", nil), ("", nil), ("Answer: -", nil), ("Answer: - 5", nil),
      ("MyAnswer:7", "7"), ("Answer: 5 6", "5"),
    ] as [(String, String?)])
  func answerLine(text: String, integer: String?) throws {
    let output = try score("format", text)
    #expect(output.value == (integer == nil ? 0 : 1))
    #expect(output.extracted == integer)
  }

  /// The answer line is the addition task's regular expression; its last match is extracted.
  @Test func answerLineIsTheRegularExpression() throws {
    let oracle = try NSRegularExpression(pattern: #"Answer:\s*(-?\d+)(?![\d.,]*\d)"#)
    let pieces = ["Answer:", "Answer: ", " ", "\n", "-", ".", ",", "1", "42", "x", "answer:", "A"]
    var draws = Draws(state: 12)
    var found = 0
    for _ in 0..<5000 {
      let text = draws.text(of: pieces, upTo: 14)
      let matches = oracle.matches(in: text, range: NSRange(location: 0, length: text.utf16.count))
      let expected = matches.last.map { (text as NSString).substring(with: $0.range(at: 1)) }
      #expect(try score("format", text).extracted == expected, "\(text.debugDescription)")
      found += expected == nil ? 0 : 1
    }
    #expect(found > 500)
  }

  @Test(
    arguments: [
      ("Well. <think>a</think> so <answer> 5 </answer> done", "5"), ("<think>a</think><answer>5</answer>", "5"),
      ("<think>a</think><answer>4</answer> no <answer>5</answer>", "5"), ("<answer>5</answer><think>a</think>", nil),
      ("<think> </think><answer>5</answer>", nil), ("<think>a</think><answer> </answer>", nil),
      ("<think>a<answer>5</answer></think>", nil), ("a</think><answer>5</answer>", nil), ("", nil),
    ] as [(String, String?)])
  func lenient(text: String, answer: String?) throws {
    let output = try score("format:form=lenient", text)
    #expect(output == RewardOutput(answer == nil ? 0 : 1, extracted: answer))
  }

  @Test func patternsAreConfigurable() throws {
    let output = try score(#"format:pattern=Answer:\s*(-?\d+)"#, "so\nAnswer:  -42 ok")
    #expect(output == RewardOutput(1, extracted: "-42"))
    #expect(try score(#"format:pattern=Answer:\s*(-?\d+)"#, "so -42").value == 0)
    #expect(try score("format:pattern=^a{2,3}$", "aaa").value == 1)
    #expect(try score("format:pattern=^a{2,3}$", "aaaa").value == 0)
  }

  @Test func formsOfAnyBytes() throws {
    let rewards = try ["answer-line", "strict", "lenient", "think", "r1-line", "tag-count"].map {
      try RewardRegistry.reward("format:form=\($0)")
    }
    let pieces = ["<think>", "</think>", "<answer>", "</answer>", "\n", " ", "a", "5", "Answer:", "<"]
    var draws = Draws(state: 8)
    for _ in 0..<5000 {
      let text = draws.next() % 4 == 0 ? draws.bytes(upTo: 40) : Array(draws.text(of: pieces, upTo: 12).utf8)
      for reward in rewards {
        let value = try #require(reward.score([RewardInput(response: text)])[0].value)
        #expect(value >= 0 && value <= 1)
      }
    }
  }
}
