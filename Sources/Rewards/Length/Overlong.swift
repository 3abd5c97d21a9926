/// DAPO's soft punishment of overlong responses (arXiv 2503.14476, equation 13), for right and wrong answers alike:
/// nothing up to M − C tokens, then linearly down to −1 at M.
///
///     rule=trl    0 up to M − C;   (M − C − L) / C up to M;   −1 beyond       TRL get_soft_overlong_punishment
///     rule=verl   min(0, −(L − (M − C)) / C · factor), without a floor         verl's DAPO reward manager
///
/// M is `max`, by default the most tokens that sampling allowed; C is `cache` (TRL's word) or `buffer` (verl's), by
/// default M / 5, as in the paper (4096 of 20480). nil: no limit known.
package struct OverlongReward: RolloutReward {
  enum Rule: String, CaseIterable { case trl, verl }

  let rule: Rule
  let maximum: Double?
  let cache: Double?
  let factor: Double

  package let name = "overlong"
  package let version = 1
  package var parameters: [(name: String, value: String)] {
    [
      ("rule", rule.rawValue), ("max", lengthText(maximum)), ("cache", cache.map { "\($0)" } ?? "max/5"),
      ("factor", "\(factor)"),
    ]
  }

  static let entry = RewardRegistry.Entry(
    name: "overlong", summary: "0 down to -1 over the last tokens before the limit",
    keys: [
      ("rule", "trl or verl"), ("max", "tokens at which it reaches -1; the sampling limit"),
      ("cache", "tokens over which it falls; a fifth of max"), ("buffer", "the same"),
      ("factor", "slope of rule=verl; 1"),
    ],
    make: { (options) throws(RewardError) in
      let rule: Rule = try options.choice("rule", default: .trl)
      let maximum = try options.length("max")
      let (cache, buffer) = (try options.length("cache"), try options.length("buffer"))
      if cache != nil, buffer != nil { throw RewardError("overlong: cache and buffer are the same; give one") }
      if let maximum, let width = cache ?? buffer, width > maximum {
        throw RewardError("overlong: cache=\(width) is above max=\(maximum)")
      }
      let factor = try options.number("factor")
      if let factor, factor < 0 { throw RewardError("overlong: factor=\(factor): expected 0 or more") }
      if factor != nil, rule == .trl { throw RewardError("overlong: factor belongs to rule=verl") }
      return OverlongReward(rule: rule, maximum: maximum, cache: cache ?? buffer, factor: factor ?? 1)
    })

  package func score(_ input: RewardInput) -> RewardOutput {
    guard let limit = input.limit(maximum) else { return RewardOutput(nil) }
    let width = cache ?? limit / 5
    let excess = input.length - (limit - width)
    guard excess > 0 else { return RewardOutput(0) }
    switch rule {
    case .trl: return RewardOutput(input.length > limit ? -1 : -excess / width)
    // Without the guard a factor of 0 would give -0.
    case .verl: return RewardOutput(factor > 0 ? -excess / width * factor : 0)
    }
  }
}
