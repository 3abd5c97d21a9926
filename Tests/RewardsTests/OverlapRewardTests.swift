import Rewards
import Testing

@Suite struct OverlapRewardTests {
  private func value(_ spec: String, _ response: String, _ answers: String?...) throws -> Double? {
    var input = RewardInput(response: Array(response.utf8), answer: answers.first.flatMap { $0 }.map { Array($0.utf8) })
    input.meta = .object([("answers", .list(answers.dropFirst().map { .text($0 ?? "") }))])
    return try RewardRegistry.reward(spec).score([input])[0].value
  }

  private func isClose(_ a: Double?, _ b: Double) -> Bool { ((a ?? .nan) - b).magnitude <= 1e-12 }

  @Test(
    arguments: [
      ("The cat!", "cat", 1), ("cat sat", "the cat", 2.0 / 3), ("dog", "cat", 0), ("", "cat", 0), ("the", "a", 1),
      ("a a b b", "b b b", 2.0 * 2 / 5), ("Ünïcode, Wörd", "ünïcode wörd", 1), ("U.S.", "us", 1), ("x", "", 0),
    ] as [(String, String, Double)])
  func f1(response: String, answer: String, expected: Double) throws {
    #expect(isClose(try value("f1", response, answer), expected), "\(response)")
    #expect(try value("f1:measure=exact", response, answer) == (expected == 1 ? 1 : 0))
  }

  @Test func theBestAnswerCounts() throws {
    #expect(try value("f1", "cat", "dog", "the cat") == 1)
    #expect(try value("f1", "cat", nil, "the cat") == 1)
    #expect(try value("f1", "cat") == nil)
    #expect(try value("rouge-l", "cat", "dog", "the cat") == 2.0 / 3)
    #expect(try value("rouge-l", "cat", "...") == nil)
    #expect(try value("bleu", "cat", " ") == nil)
    #expect(try value("f1:from=tag", "cat", "cat") == 0)
    #expect(try value("bleu:from=tag", "cat <answer>dog</answer>", "dog") == 1)
  }

  /// Reference values: rouge_score 0.1.2 (rougeL, no stemmer) and sacreBLEU 2.6.0 (sentence_score, effective order).
  @Test(
    arguments: [
      (
        "the cat sat on the mat", "the cat is on the mat", 0.8333333333333334,
        [0.3799178428257963, 0, 0.48549177170732355]
      ),
      ("the cat", "the cat is on the mat", 0.5, [0.13533528323661276, 0.13533528323661276, 0.13533528323661276]),
      (
        "It is 3.5, I think.", "It is 3.5, we think so.", 0.7692307692307692,
        [0.39442436483275556, 0.39442436483275556, 0.4849748534690111]
      ),
      ("a b c d e f", "a b c d e f", 1, [1, 1, 1]), ("x y z", "a b c", 0, [0, 0, 0]),
      (
        "The quick brown fox jumps over the lazy dog near the river",
        "The fast brown fox leaps over the lazy dog by the river", 0.75,
        [0.2950234363196403, 0.2950234363196403, 0.3781790427652474]
      ),
    ] as [(String, String, Double, [Double])])
  func references(response: String, answer: String, rouge: Double, bleu: [Double]) throws {
    #expect(isClose(try value("rouge-l", response, answer), rouge), "\(response)")
    for (smoothing, expected) in zip(["exp", "none", "add-one"], bleu) {
      let got = try value("bleu:smooth=\(smoothing)", response, answer)
      #expect(isClose(got, expected), "\(response) \(smoothing): \(got ?? .nan), expected \(expected)")
    }
  }

  /// The bit-parallel subsequence against the table of the textbook, across words of 64 bits.
  @Test func commonSubsequences() throws {
    var draws = Draws(state: 5)
    for _ in 0..<60 {
      let a = (0..<draws.below(200)).map { _ in "w\(draws.below(9))" }
      let b = (0..<(1 + draws.below(200))).map { _ in "w\(draws.below(9))" }
      var row = [Int](repeating: 0, count: b.count + 1)
      for x in a {
        var diagonal = 0
        for (place, y) in b.enumerated() {
          (row[place + 1], diagonal) = (x == y ? diagonal + 1 : max(row[place + 1], row[place]), row[place + 1])
        }
      }
      let got = try value("rouge-l", a.joined(separator: " "), b.joined(separator: " "))
      #expect(isClose(got, 2 * Double(row[b.count]) / Double(a.count + b.count)))
    }
  }

  @Test func wordsOfScriptsWithoutSpaces() throws {
    #expect(isClose(try value("rouge-l", "北京 abc市", "北京市"), 2.0 * 3 / 7))
    #expect(try value("rouge-l", "e\u{301}t", "e\u{301}t") == 1)
  }
}
