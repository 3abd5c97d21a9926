import Formats
import Objectives
import Testing

extension GoldenCase {
  /// The loss of a `policy_loss` case.
  func policyLoss() throws -> PolicyLoss {
    var loss = PolicyLoss(
      try choice("surrogate"), low: setting("eps_low")?.double, high: setting("eps_high")?.double,
      delta: setting("delta")?.double, dualClip: setting("dual_clip")?.double, kl: setting("kl_beta")?.double ?? 0,
      entropy: setting("entropy_coef")?.double ?? 0, entropyAggregation: try choice("entropy_aggregation"))
    if setting("kl_estimator") != nil { loss.klEstimator = try choice("kl_estimator") }
    loss.klBiasCorrection = setting("kl_bias_correction")?.bool ?? false
    loss.ratioLevel = try choice("ratio_level")
    loss.cispoLow = setting("cispo_low")?.double
    loss.cispoCap = setting("cispo_cap")?.double
    if let beta = setting("dro_beta")?.double { loss.droBeta = beta }
    if setting("rollout_mode") != nil {
      loss.rollout = RolloutCorrection(
        try choice("rollout_mode"), minimum: setting("rollout_min")?.double, maximum: setting("rollout_max")?.double)
    }
    return loss
  }

  /// Its tokens.
  func policyStep(_ weights: StepWeights) throws -> Step {
    let new = try ragged("logp_new")
    let mask = try mask(like: "logp_new")
    let perToken = rows("advantages"), perSequence = vector(inputs["advantages"])
    let isPerToken = setting("advantage_level")?.string == "token"
    var step = Step(weights: weights)
    for (i, row) in new.enumerated() {
      step.append(
        try row.indices.map { t in
          TokenStatistics(
            logprob: row[t], behaviour: rows("logp_rollout")?[i][t] ?? .nan, old: rows("logp_old")?[i][t] ?? .nan,
            reference: rows("logp_ref")?[i][t] ?? .nan, entropy: rows("entropy")?[i][t] ?? .nan,
            advantage: isPerToken ? try #require(perToken)[i][t] : try #require(perSequence)[i],
            weight: weights.weight(sequence: i, trains: mask[i][t]))
        })
    }
    return step
  }

  /// Every expected gradient, by the column of ours that holds it.
  func closeGradients(
    _ step: Step, _ gradient: [TokenGradient], _ columns: [String: KeyPath<TokenGradient, Double>]
  ) throws {
    for member in expected["grad"]?.object?.members ?? [] {
      let column = try #require(columns[member.key], "\(name): nobody checks the gradient of \(member.key)")
      try close(step.rows(gradient, column), member.value, "grad \(member.key)")
    }
  }
}
