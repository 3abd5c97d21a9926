/// O1-Pruner's length-harmonizing reward (arXiv 2501.12570, eq. 7): shorter than the reference is good, longer is bad.
///
///     correct answers   L_ref / L − 1
///     wrong answers     0
///
/// L is the response's tokens; L_ref the mean length of the responses of the same group (`reference=group`, the
/// default), of a reference model's rollouts (`reference=given`, the program's `--reference-buffer`), or what the data
/// set says (`reference=meta`: `meta.reference_length` and, for `lambda`, `meta.reference_accuracy`).
///
/// `lambda=X` gives the paper's own form instead, for right and wrong answers alike:
/// L_ref / L − 1 + X · (correct − reference accuracy), with the group's or the given share of right answers.
/// `min=` and `max=` clamp the result (the released code: −2 and 4). Its z-score over the batch is left to the
/// advantage.
///
/// nil: correctness unknown, no reference length, or one of 0 or less. A response of length 0 gets 0 in the default
/// form and nil in the paper's.
package struct LengthHarmonizingReward: Reward {
  enum Reference: String, CaseIterable { case group, given, meta }

  let reference: Reference
  let lambda: Double?
  let minimum: Double?
  let maximum: Double?

  package let name = "o1-pruner"
  package let version = 1
  package var needs: RewardNeeds { reference == .meta ? [.correctness, .meta] : .correctness }
  package var parameters: [(name: String, value: String)] {
    func text(_ value: Double?) -> String { value.map { "\($0)" } ?? "none" }
    return [
      ("reference", reference.rawValue), ("lambda", text(lambda)), ("min", text(minimum)), ("max", text(maximum)),
    ]
  }

  static let entry = RewardRegistry.Entry(
    name: "o1-pruner", summary: "reference length / length - 1 for correct answers",
    keys: [
      ("reference", "group, given or meta"),
      ("lambda", "accuracy weight of the paper's form; none: correct answers only"),
      ("min", "lower clamp"), ("max", "upper clamp"),
    ],
    make: { (options) throws(RewardError) in
      let (low, high) = (try options.number("min"), try options.number("max"))
      if let low, let high, low > high { throw RewardError("o1-pruner: min=\(low) is above max=\(high)") }
      return LengthHarmonizingReward(
        reference: try options.choice("reference", default: .group), lambda: try options.number("lambda"),
        minimum: low, maximum: high)
    })

  package func score(_ group: [RewardInput]) -> [RewardOutput] {
    let lengths = group.reduce(0.0) { $0 + Double(max($1.responseLength, 0)) }
    let judged = group.compactMap(\.correct)
    let groupLength = group.isEmpty ? nil : lengths / Double(group.count)
    let groupAccuracy = judged.isEmpty ? nil : Double(judged.count { $0 }) / Double(judged.count)
    return group.map { input in
      let (length, accuracy) =
        switch reference {
        case .group: (groupLength, groupAccuracy)
        case .given: (input.referenceLength, input.referenceAccuracy)
        case .meta: (input.meta["reference_length"]?.number, input.meta["reference_accuracy"]?.number)
        }
      return RewardOutput(value(input, referenceLength: length, referenceAccuracy: accuracy))
    }
  }

  private func value(_ input: RewardInput, referenceLength: Double?, referenceAccuracy: Double?) -> Double? {
    guard let correct = input.correct, let referenceLength, referenceLength > 0, referenceLength.isFinite else {
      return nil
    }
    let length = Double(input.responseLength)
    let value: Double
    if let lambda {
      guard let referenceAccuracy, length > 0 else { return nil }
      value = referenceLength / length - 1 + lambda * ((correct ? 1 : 0) - referenceAccuracy)
    } else {
      value = correct && length > 0 ? referenceLength / length - 1 : 0
    }
    return min(max(value, minimum ?? -.infinity), maximum ?? .infinity)
  }
}
