/// The cosine-scaled length reward (Demystifying Long CoT, arXiv 2502.03373; TRL `get_cosine_scaled_reward`).
///
///     c = (1 + cos(π · min(L / max, 1))) / 2        1 for an empty response, 0 from `max` on
///     correct answers   min-right + (max-right − min-right) · c      the shorter the better
///     wrong answers     max-wrong + (min-wrong − max-wrong) · c      the shorter the worse
///
/// It stands for correctness too: leave the judge out of the total (`math=0`). `max` is by default the most tokens
/// that sampling allowed. nil: correctness or the limit unknown.
package struct CosineLengthReward: RolloutReward {
  let wrong: (least: Double, most: Double)
  let right: (least: Double, most: Double)
  let maximum: Double?

  package let name = "cosine"
  package let version = 1
  package let needs = RewardNeeds.correctness
  package var parameters: [(name: String, value: String)] {
    [
      ("min-wrong", "\(wrong.least)"), ("max-wrong", "\(wrong.most)"), ("min-right", "\(right.least)"),
      ("max-right", "\(right.most)"), ("max", lengthText(maximum)),
    ]
  }

  static let entry = RewardRegistry.Entry(
    name: "cosine", summary: "short right answers earn most, short wrong ones lose most",
    keys: [
      ("min-wrong", "of the shortest wrong answer; -1"), ("max-wrong", "of the longest; -0.5"),
      ("min-right", "of the longest right answer; 0.5"), ("max-right", "of the shortest; 1"),
      ("max", "tokens from which a response is longest; the sampling limit"),
    ],
    make: { (options) throws(RewardError) in
      let wrong = (least: try options.number("min-wrong") ?? -1, most: try options.number("max-wrong") ?? -0.5)
      let right = (least: try options.number("min-right") ?? 0.5, most: try options.number("max-right") ?? 1)
      guard wrong.least <= wrong.most, right.least <= right.most else {
        throw RewardError("cosine: expected min-wrong ≤ max-wrong and min-right ≤ max-right")
      }
      return CosineLengthReward(wrong: wrong, right: right, maximum: try options.length("max"))
    })

  package func score(_ input: RewardInput) -> RewardOutput {
    guard let correct = input.correct, let limit = input.limit(maximum) else { return RewardOutput(nil) }
    let share = 0.5 * (1 + cosine(ofPiTimes: min(input.length / limit, 1)))
    let (end, start) = correct ? (right.least, right.most) : (wrong.most, wrong.least)
    return RewardOutput(end + (start - end) * share)
  }
}
