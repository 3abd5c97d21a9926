import Formats
import Foundation
import Rewards
import Testing

@Suite struct MathRewardTests {
  /// Of the undisputed lines over all categories; docs/rewards.md says how many it is and argues the others.
  static let minimumAgreement = 0.97

  @Test func agreesWithTheReferenceVerifier() throws {
    var (undisputed, agreed, disputed, expected) = (0, 0, 0, 0)
    for line in try Fixtures.lines("math.jsonl") {
      let id = line["id"]?.string ?? ""
      let prediction = try #require(line["prediction"]?.string)
      let gold = try #require(line["gold"]?.string)
      let output = try score("math", prediction, answer: gold)
      let verdict = try #require(line["verdict"]?.bool as Bool?)
      let got = output.value == 1
      #expect(output.value == 0 || output.value == 1, "\(id)")
      let isDisputed = try #require(line["disputed"]?.bool as Bool?)
      let wanted = isDisputed ? try #require(line["expected"]?.bool as Bool?) : verdict
      if isDisputed {
        disputed += 1
        expected += got == wanted ? 1 : 0
      } else {
        undisputed += 1
        agreed += got == wanted ? 1 : 0
      }
      // On disputed lines "expected: false" marks wrong and hedged answers that the reference accepts.
      #expect(!got || wanted, "\(id) accepts a wrong answer: \(gold) for \(prediction.prefix(200))")
      if got != wanted { print("\(id): \(gold) | \(prediction.prefix(80)) | got \(got), wanted \(wanted)") }
    }
    print("math.jsonl: \(agreed) of \(undisputed) undisputed lines agree; of \(disputed) disputed, \(expected) as expected")
    #expect(undisputed > 0)
    #expect(Double(agreed) >= Self.minimumAgreement * Double(undisputed))
  }

  /// No line of any category takes long, and none crashes.
  @Test func everyLineIsScored() throws {
    let clock = ContinuousClock()
    var lines = 0
    for line in try Fixtures.lines("math.jsonl") {
      let (prediction, gold) = (line["prediction"]?.string ?? "", line["gold"]?.string ?? "")
      let time = try clock.measure { _ = try score("math", prediction, answer: gold) }
      #expect(time < .seconds(1), "\(line["id"]?.string ?? "")")
      lines += 1
    }
    #expect(lines > 0)
  }

  @Test(arguments: [
    ("5", "5", 1), ("-3", "−3", 1), ("1234567", "1,234,567", 1), ("1/2", "\\dfrac{2}{4}", 1), ("0.50", ".5", 1),
    ("\\frac{1}{3}", "\\boxed{\\frac{2}{6}}", 1), ("7", "\\boxed{3} no, \\boxed{7}", 1), ("7", "#### 7", 1),
    ("1000", "#### 1,000", 1), ("12", "ANSWER: 12", 1), ("12", "Answer: 13\nAnswer: 12", 1),
    ("12", "Answer: 12\nAnswer: 13", 0), ("5", "<think>7</think><answer> 5 </answer>", 1),
    ("7", "<think>7</think>", 0), ("5", "\\boxed{}", 0), ("5", "", 0), ("5", "5 or 6", 0), ("6", "5 or 6", 0),
    ("5", "The answer is not 5.", 0), ("2", "40 + 2", 0), ("50%", "0.5", 1), ("0.25", "25%", 1), ("25", "25%", 1),
    ("0.25", "0.25%", 0), ("1e3", "1000", 1), ("1", "1e3", 0), ("12", "12.", 1), ("12", "12.5", 0), ("12", "1,2", 0),
    ("5", "\\boxed{\\frac{10}{2}}", 1), ("5", "\\boxed{3} or \\boxed{5}", 0), ("5", "\\boxed{3}\nAnswer: 5", 0),
    ("x+1", "\\boxed{x + 1}", 1), ("x+1", "\\boxed{x + 2}", 0), ("blue", "Answer: blue", 1), ("0", "-0", 1),
    ("5", "5/0", 0), ("00012", "12", 1), ("5", "x5", 0), ("2", "the 2nd try", 0),
  ])
  func verdicts(answer: String, response: String, value: Double) throws {
    #expect(try score("math", response, answer: answer).value == value)
  }

  @Test func settings() throws {
    #expect(try score("math:fallback=none", "there are 5 in all", answer: "5").value == 0)
    #expect(try score("math:fallback=none", "Answer: 5 of them", answer: "5").value == 1)
    #expect(try score("math:percent=exact", "25%", answer: "25").value == 0)
    #expect(try score("math", "5").value == nil)
    #expect(try score("math", "So 2 + 3 = 5", answer: "5").extracted == "5")
  }

  /// The addition task's rule: the last `Answer:` with an integer that no longer number continues. What the rule reads,
  /// this reward reads (fractions and percent signs aside, which the rule cuts short).
  @Test func readsWhatTheAnswerLineRuleReads() throws {
    let pieces = [
      "Answer:", "Answer: ", "\n", " ", "-", ".", ",", "3", "12", "405", " = ", " + ", "is ", "\n2 + 3 = 5\n",
      "The answer ",
    ]
    var draws = Draws(state: 11)
    var matched = 0
    for _ in 0..<20_000 {
      let text = draws.text(of: pieces, upTo: 12)
      guard let integer = try score("format", text).extracted else { continue }
      let wanted = lastAnswerLineHasOnlyIntegers(text)
      guard wanted else { continue }
      matched += 1
      #expect(try score("math", text, answer: integer).value == 1, "\(text.debugDescription) has \(integer)")
    }
    #expect(matched > 1000)
  }

  /// Whether the last `Answer:` is the one that the rule takes. Where a later one holds another kind of number
  /// ("Answer: 5\nAnswer: 6.5"), this reward takes that.
  private func lastAnswerLineHasOnlyIntegers(_ text: String) -> Bool {
    guard let last = text.range(of: "Answer:", options: .backwards) else { return false }
    return (try? score("format", String(text[last.lowerBound...])).value) == 1
  }

  @Test func numbersSurviveEveryWayToWriteThem() throws {
    var draws = Draws(state: 2)
    for _ in 0..<3000 {
      let value = Int(truncatingIfNeeded: draws.next()) >> draws.below(60)
      let text = String(value)
      for form in ["\\boxed{\(text)}", "Answer: \(text)", "The answer is \(text).", "x = \(text)", "$\(text)$"] {
        #expect(try score("math", form, answer: text).value == 1, "\(form)")
        #expect(try score("math", form, answer: String(value &+ 1)).value == 0, "\(form)")
      }
      #expect(try score("math", "\(grouped(text))", answer: text).value == 1)
      #expect(try score("math", "\(text).000", answer: text).value == 1)
      #expect(try score("math", "\\frac{\(text)0}{10}", answer: text).value == 1)
    }
  }

  private func grouped(_ text: String) -> String {
    let digits = Array(text.drop { $0 == "-" })
    let groups = digits.indices.reversed().map { index in
      let place = digits.count - 1 - index
      return place > 0 && place % 3 == 0 ? "\(digits[index])," : "\(digits[index])"
    }
    return (text.hasPrefix("-") ? "-" : "") + groups.reversed().joined()
  }

  @Test func longNumbersCompareExactly() throws {
    let long = String(repeating: "123456789", count: 2000)
    #expect(try score("math", long, answer: long).value == 1)
    #expect(try score("math", long + "1", answer: long).value == 0)
    #expect(try score("math", "0.\(long)", answer: "0.\(long)0").value == 1)
    #expect(try score("math", "1/\(long)", answer: "2/\(long)").value == 0)
  }

  @Test func anyTextIsScored() throws {
    let reward = try RewardRegistry.reward("math")
    let pieces = [
      "\\boxed{", "}", "{", "\\frac", "\\frac{1}", "{2}", "Answer:", "<answer>", "</answer>", "####", "$", "-", "−",
      "/", "1", "23", ",", ".", "{,}", "\\", "(", ")", "answer is", "\n", " ", "%", "e", "=", "*", "^", "_", "\\left",
      "é", "not ", "</think>", "or", "x", "[", "]", "\\{", "\\}", "\\sqrt", "\\sqrt[3]", "!", "99999999999999999999", "|",
      "\\pm", "\\infty", "\\cup", "<", "\\le", "\\in", "\\log_2", "\\sin", "i", "\\pi", "\\binom", "\\begin{pmatrix}",
      "\\end{pmatrix}", "&", "\\\\", "\\text{", " and ", "A", "°", "0.", "...", "\\overline{3}", "²", "half", "forty-two", "m",
      "\\emptyset", "+", "e9", "\\approx", "\\phantom{", "<!--", "-->", "```",
    ]
    var draws = Draws(state: 5)
    for _ in 0..<20_000 {
      let text = draws.next() % 4 == 0 ? draws.bytes(upTo: 60) : Array(draws.text(of: pieces, upTo: 20).utf8)
      let gold = draws.next() % 2 == 0 ? Array("23".utf8) : Array(draws.text(of: pieces, upTo: 4).utf8)
      let output = reward.score([RewardInput(response: text, answer: gold)])[0]
      #expect(output.value == 0 || output.value == 1)
    }
  }

  /// Time grows with the text, not with its square: 20,000 characters of anything are done at once.
  @Test(arguments: [
    "answer ", "Answer:", "Answer: x", "#### ", "\\boxed{", "\\boxed{1} or ", "\\frac{", "\\frac{1}{", "((", "1+", "$",
    "9,", "1.", "<answer>", "</answer>", "9", "-", "\\", "{,}", "1,000,", " ", "answer is not 1 ",
    "x^", "9**", "\\sqrt{", "\\sin", "(x+1)", "$x$, ", "|", "!", "\\{1,", "[1,", "\\text{", "\\begin{pmatrix}", "<!--",
    "\\phantom{", "\\log_", "x_1+", "five ", "\\pm", "Answer: 5 or ", "1=", "x<", "(x+y+z)^9*", "10!*", "\u{B2}",
  ])
  func hostileTextsAreQuick(piece: String) throws {
    for text in [20_000, 3000].map({ String(repeating: piece, count: $0 / piece.count) }) {
      for (gold, response) in [("5", text), ("x+1", "\\boxed{\(text)}"), ("\\{1,2\\}", "Answer: \(text)")] {
        let time = try ContinuousClock().measure { _ = try score("math", response, answer: gold) }
        #expect(time < .seconds(1), "\(piece): \(time)")
      }
    }
  }
}
