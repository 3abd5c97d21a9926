import Formats
import Objectives
import Testing

@Suite struct PolicyLossGoldenTests {
  /// Every token-level case that the clipped surrogate can express: loss, terms, gradients and metrics.
  @Test func goldenPolicyLosses() throws {
    var supported = 0
    var unsupported: [String] = []
    for golden in try GoldenCase.all("policy_losses.json") where golden.config["objective"]?.string == "policy_loss" {
      guard let loss = surrogate(golden), let weights = weights(golden) else {
        unsupported.append(golden.name)
        continue
      }
      let (step, places) = try step(golden, weights)
      let (report, gradient) = step.evaluate(loss)
      try check(report, golden)
      try check(gradient.map(\.logprob), golden, "logp_new", places)
      if golden.expected["grad"]?["entropy"] != nil {
        try check(gradient.map(\.entropy), golden, "entropy", places)
      }
      supported += 1
    }
    print("policy_losses.json: \(supported) cases, unsupported \(unsupported.count): \(unsupported)")
    #expect(supported > 0)
  }

  private func check(_ report: Report, _ golden: GoldenCase) throws {
    let loss = try #require(golden.expected["loss"]?.double)
    #expect(distance(report.loss, loss) <= tolerance, "\(golden) loss")
    let parts = ["policy": report.policyLoss, "kl": report.klLoss, "entropy": report.entropyTerm]
    for member in golden.expected["terms"]?.object?.members ?? [] {
      let got = try #require(parts[member.key], "\(golden) \(member.key)")
      let expected = try #require(member.value.double)
      #expect(distance(got, expected) <= tolerance, "\(golden) term \(member.key)")
    }
    for member in golden.expected["metrics"]?.object?.members ?? [] {
      let got = try #require(report.metrics.first { $0.name == member.key }?.value, "\(golden) \(member.key)")
      let expected = try #require(member.value.double)
      #expect(distance(got, expected) <= tolerance, "\(golden) metric \(member.key)")
    }
  }

  private func check(_ got: [Double], _ golden: GoldenCase, _ key: String, _ places: [Range<Int>]) throws {
    let expected = try #require(rectangle(golden.expected["grad"]?[key]), "\(golden) \(key)")
    #expect(expected.map(\.count) == places.map(\.count), "\(golden)")
    for (row, place) in zip(expected, places) {
      for (a, b) in zip(got[place], row) { #expect(distance(a, b) <= tolerance, "\(golden) grad \(key)") }
    }
  }

  /// The loss of a case, or nil where the case asks for something else.
  private func surrogate(_ golden: GoldenCase) -> ClippedSurrogate? {
    let known = ["ppo_clip", "ratio"]
    guard let kind = golden.setting("surrogate")?.string, known.contains(kind),
      golden.setting("ratio_level")?.string == "token", golden.setting("rollout_mode") == nil,
      golden.setting("kl_bias_correction")?.bool != true,
      let entropyAggregation = golden.setting("entropy_aggregation")?.string
        .flatMap(ClippedSurrogate.EntropyAggregation.init)
    else { return nil }
    var loss = ClippedSurrogate(
      low: golden.setting("eps_low")?.double, high: golden.setting("eps_high")?.double,
      delta: golden.setting("delta")?.double, dualClip: golden.setting("dual_clip")?.double,
      kl: golden.setting("kl_beta")?.double ?? 0, entropy: golden.setting("entropy_coef")?.double ?? 0,
      entropyAggregation: entropyAggregation)
    if let name = golden.setting("kl_estimator")?.string {
      guard let estimator = ClippedSurrogate.KLEstimator(rawValue: name) else { return nil }
      loss.klEstimator = estimator
    }
    return loss
  }

  private func weights(_ golden: GoldenCase) -> Weights? {
    guard let aggregation = golden.setting("aggregation")?.string.flatMap(Weights.Aggregation.init) else { return nil }
    return Weights(
      aggregation, emptySequences: golden.setting("empty_sequences")?.string == "exclude" ? .exclude : .count,
      normalizerTokens: golden.setting("normalizer_tokens")?.int, normConstant: golden.setting("norm_constant")?.double)
  }

  private func step(_ golden: GoldenCase, _ weights: Weights) throws -> (Step, [Range<Int>]) {
    let new = try #require(golden.rows("logp_new"))
    let old = try #require(golden.rows("logp_old"))
    let mask = golden.rows("mask") ?? new.map { $0.map { _ in 1 } }
    let perToken = golden.rows("advantages")
    let perSequence = vector(golden.inputs["advantages"])
    let isPerToken = golden.setting("advantage_level")?.string == "token"
    let stepWeights = weights(lengths: mask.map { row in row.count { $0 != 0 } }, responseLimit: 1)
    var step = Step(weights: stepWeights)
    for (i, row) in new.enumerated() {
      let start = step.tokens.count
      for t in row.indices {
        let advantage = isPerToken ? try #require(perToken)[i][t] : try #require(perSequence)[i]
        step.tokens.append(
          TokenStatistics(
            logprob: row[t], old: old[i][t], reference: golden.rows("logp_ref")?[i][t] ?? .nan,
            entropy: golden.rows("entropy")?[i][t] ?? .nan, advantage: advantage,
            weight: stepWeights.weight(sequence: i, trains: mask[i][t] != 0)))
      }
      step.sequences.append(start..<step.tokens.count)
    }
    return (step, step.sequences)
  }
}
