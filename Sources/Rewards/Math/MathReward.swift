/// 1 when the answer that the response gives is the right one, else 0; nil without a right answer.
///
/// What the response's answer is: ``AnswerExtraction``. What it is compared as: ``RightAnswer`` and
/// ``AnswerComparison``; the right answer's kind decides. Numbers compare as exact rationals of any length, expressions
/// as quotients of polynomials (``Normalizer``) and, where they hold functions, at fixed points (``NumericGuard``).
/// Integers are exact; a decimal fraction and a value that no short decimal writes agree when they are the same
/// rounded to six places (``Decimals``).
///
/// A percent sign: 25% equals 0.25 and 25%; with `percent=lenient` (the default) it also equals 25 (not a number
/// below 1, where the two readings are easily confused). `percent=exact` takes it as hundredths only.
///
/// Every step is bounded: spans of ``RightAnswer/spanLimit`` bytes, ``MathLexer/tokenLimit`` tokens,
/// ``MathParser/depthLimit`` levels, ``MathParser/elementLimit`` elements of a list, ``Polynomial/termLimit`` terms,
/// ``AtomTable/limit`` atoms, 128-bit coefficients, powers of sums to ``Quotient/powerLimit``, factorials to 33. What is
/// beyond them is compared by its shape and, where its values are small, at the fixed points.
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
    name: "math", summary: "1 when the stated answer is the right one",
    keys: [
      ("fallback", "last: without a mark the last number counts; none: it does not"),
      ("percent", "lenient: 25% also equals 25; exact: only 0.25"),
    ],
    make: { (options) throws(RewardError) in
      MathReward(
        fallback: try options.choice("fallback", default: .last),
        percent: try options.choice("percent", default: .lenient))
    })

  package func score(_ input: RewardInput) -> RewardOutput { score([input])[0] }

  /// The responses of a group mostly share their right answer, which is read once.
  package func score(_ group: [RewardInput]) -> [RewardOutput] {
    var last: (answer: [UInt8], right: RightAnswer)?
    return group.map { input in
      guard let answer = input.answer else { return RewardOutput(nil) }
      if last?.answer != answer { last = (answer, RightAnswer(answer, isPercentLenient: percent == .lenient)) }
      guard let right = last?.right else { return RewardOutput(nil) }
      let extraction = AnswerExtraction(
        text: MathText.prepared(input.response), right: right, fallback: fallback == .last)
      guard let found = extraction.judgement() else { return RewardOutput(0) }
      return RewardOutput(found.isRight ? 1 : 0, extracted: found.span)
    }
  }
}
