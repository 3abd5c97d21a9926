/// Right answers earn 1 up to `from` tokens, linearly less beyond, nothing from `to` on; wrong answers earn 0 at any
/// length.
///
///     correct · clip((to − L) / (to − from), 0, 1)
///
/// `from` is 0 by default and `to` the most tokens that sampling allowed. nil: correctness or `to` unknown.
package struct LinearLengthReward: RolloutReward {
  let start: Double
  let end: Double?

  package let name = "linear"
  package let version = 1
  package let needs = RewardNeeds.correctness
  package var parameters: [(name: String, value: String)] { [("from", "\(start)"), ("to", lengthText(end))] }

  static let entry = RewardRegistry.Entry(
    name: "linear", summary: "right answers: 1 falling to 0 between two lengths",
    keys: [("from", "tokens up to which it is 1; 0"), ("to", "tokens from which it is 0; the sampling limit")],
    make: { (options) throws(RewardError) in
      let (start, end) = (try options.number("from") ?? 0, try options.length("to"))
      guard start >= 0 else { throw RewardError("linear: from=\(start): expected 0 or more") }
      if let end, end <= start { throw RewardError("linear: to=\(end) is not above from=\(start)") }
      return LinearLengthReward(start: start, end: end)
    })

  package func score(_ input: RewardInput) -> RewardOutput {
    guard let correct = input.correct, let end = input.limit(end) else { return RewardOutput(nil) }
    guard correct else { return RewardOutput(0) }
    // A limit of the rollouts at or below `from`: all or nothing.
    guard end > start else { return RewardOutput(input.length < end ? 1 : 0) }
    return RewardOutput(min(max((end - input.length) / (end - start), 0), 1))
  }
}
