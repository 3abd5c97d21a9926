/// Kimi k1.5's length reward (arXiv 2501.12599, section 2.3.3): shorter than the others of its group is good.
///
///     λ = 0.5 − (L − Lmin) / (Lmax − Lmin)      over all responses of the group, right and wrong
///     correct answers   λ                       in [−0.5, 0.5]
///     wrong answers     min(0, λ)               nothing is earned by being short
///
/// 0 for everyone where all lengths are equal. The paper turns it on after a warm-up; that is the term's
/// `from-step N`. nil: correctness unknown.
package struct KimiLengthReward: Reward {
  package let name = "kimi-length"
  package let version = 1
  package let needs = RewardNeeds.correctness

  static let entry = RewardRegistry.Entry(
    name: "kimi-length", summary: "0.5 for the group's shortest … -0.5; wrong answers at most 0",
    keys: [], make: { (_) throws(RewardError) in KimiLengthReward() })

  package func score(_ group: [RewardInput]) -> [RewardOutput] {
    let lengths = group.map(\.length)
    let (least, most) = (lengths.min() ?? 0, lengths.max() ?? 0)
    return group.map { input in
      guard let correct = input.correct else { return RewardOutput(nil) }
      guard most > least else { return RewardOutput(0) }
      let value = 0.5 - (input.length - least) / (most - least)
      return RewardOutput(correct ? value : min(0, value))
    }
  }
}
