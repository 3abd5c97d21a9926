/// 1 when the number that the response gives as its answer equals the right one exactly, else 0.
///
/// How the number is found: ``AnswerExtraction``. What a number is: ``NumberReader``. Numbers compare as exact
/// rationals of any length: 0.5 = 1/2 = \frac{2}{4}, 1,000 = 1000.00, but 0.333333 is not 1/3.
///
/// A percent sign: 25% equals 0.25 and 25%; with `percent=lenient` (the default) it also equals 25 (not a number
/// below 1, where the two readings are easily confused). `percent=exact` takes it as hundredths only.
///
/// An answer that is no number (an expression, a word) is compared with the last box, tag or `Answer:` line as text,
/// without white space, `$` and `\text{}`: `\boxed{x+1}` for x + 1. nil without an answer.
package struct MathReward: RolloutReward {
  enum Fallback: String, CaseIterable { case last, none }
  enum Percent: String, CaseIterable { case lenient, exact }

  let fallback: Fallback
  let percent: Percent

  package let name = "math"
  package let version = 2
  package var parameters: [(name: String, value: String)] {
    [("fallback", fallback.rawValue), ("percent", percent.rawValue)]
  }
  package let judgesCorrectness = true

  static let entry = RewardRegistry.Entry(
    name: "math", summary: "1 when the stated number equals the answer exactly",
    keys: [
      ("fallback", "last: without a mark the last number counts; none: it does not"),
      ("percent", "lenient: 25% also equals 25; exact: only 0.25"),
    ],
    make: { (options) throws(RewardError) in
      MathReward(
        fallback: try options.choice("fallback", default: .last),
        percent: try options.choice("percent", default: .lenient))
    })

  package func score(_ input: RewardInput) -> RewardOutput {
    guard let answer = input.answer else { return RewardOutput(nil) }
    let right = RightAnswer(answer, isPercentLenient: percent == .lenient)
    let extraction = AnswerExtraction(
      text: MathText.prepared(input.response), right: right, fallback: fallback == .last)
    guard let found = extraction.judgement() else { return RewardOutput(0) }
    return RewardOutput(found.isRight ? 1 : 0, extracted: found.span)
  }
}
