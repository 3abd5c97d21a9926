/// Length-controlled policy optimisation, L1 (arXiv 2503.04697): the prompt asks for n tokens, the reward grants it.
///
///     form=exact   −α · |n − L|                          added to the reward for correctness (equation 1)
///     form=max     correct · clip(α (n − L) + δ, 0, 1)   the whole reward (equation 2): leave the judge out (`math=0`)
///
/// α is 0.0003 and δ 0.5, as in the paper. n is `target`: a number, or the name of a field of the prompt's `meta`
/// (`target_length` by default). Neither form grants a wrong answer anything: exact is never positive, max is 0.
/// nil: no target; for max also correctness unknown.
package struct TargetLengthReward: RolloutReward {
  enum Form: String, CaseIterable { case exact, max }
  enum Target: Equatable {
    case length(Double)
    case field(String)
  }

  let form: Form
  let target: Target
  let alpha: Double
  let delta: Double

  package let name = "target-length"
  package let version = 1
  package var needs: RewardNeeds {
    var needs: RewardNeeds = form == .max ? .correctness : []
    if case .field = target { needs.insert(.meta) }
    return needs
  }
  package var parameters: [(name: String, value: String)] {
    let text =
      switch target {
      case .length(let length): "\(length)"
      case .field(let name): name
      }
    return [("form", form.rawValue), ("target", text), ("alpha", "\(alpha)"), ("delta", "\(delta)")]
  }

  static let entry = RewardRegistry.Entry(
    name: "target-length", summary: "how near the length is to the one asked for (L1)",
    keys: [
      ("form", "exact or max"), ("target", "tokens, or the field of meta that holds them; target_length"),
      ("alpha", "per token; 0.0003"), ("delta", "of form=max; 0.5"),
    ],
    make: { (options) throws(RewardError) in
      let (alpha, delta) = (try options.number("alpha") ?? 0.0003, try options.number("delta") ?? 0.5)
      guard alpha > 0 else { throw RewardError("target-length: alpha=\(alpha): expected a number above 0") }
      let text = options["target"] ?? "target_length"
      let target: Target = Double(text) == nil ? .field(text) : .length(try options.length("target") ?? 0)
      return TargetLengthReward(
        form: try options.choice("form", default: .exact), target: target, alpha: alpha, delta: delta)
    })

  package func score(_ input: RewardInput) -> RewardOutput {
    let asked: Double? =
      switch target {
      case .length(let length): length
      case .field(let name): input.meta[name]?.number
      }
    guard let asked, asked >= 0, asked.isFinite else { return RewardOutput(nil) }
    switch form {
    case .exact: return RewardOutput(-alpha * (asked - input.length).magnitude)
    case .max:
      guard let correct = input.correct else { return RewardOutput(nil) }
      return RewardOutput(correct ? min(Swift.max(alpha * (asked - input.length) + delta, 0), 1) : 0)
    }
  }
}
