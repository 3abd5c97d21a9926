import Formats
import Objectives
import Testing

@Suite struct PolicyLossGoldenTests {
  @Test func everyCase() throws {
    try GoldenCase.check(
      "policy_losses.json",
      [
        "policy_loss": policyLoss, "kimi": kimi, "o1_pruner": o1Pruner, "actor_critic": actorCritic,
        "trpo_surrogate": TrustRegionGolden.surrogate, "trpo_kl": TrustRegionGolden.divergence,
        "fisher_vector_product": TrustRegionGolden.fisherProduct, "trpo_step": TrustRegionGolden.step,
      ])
  }

  @Test func everyValueCase() throws {
    try GoldenCase.check("value_losses.json", ["value_loss": valueLoss, "whiten": whiten])
  }

  private func policyLoss(_ golden: GoldenCase) throws {
    let loss = try golden.policyLoss()
    let recipe = Recipe(name: "test", preset: "test", loss: .policy(loss))
    let step = try golden.policyStep(try weights(golden))
    let (report, gradient) = step.evaluate(recipe)
    try golden.close(report.loss, golden.expected["loss"], "loss")
    let parts = ["policy": report.policyLoss, "kl": report.klLoss, "entropy": report.entropyTerm]
    for member in golden.expected["terms"]?.object?.members ?? [] {
      try golden.close(parts[member.key], member.value, "term \(member.key)")
    }
    try golden.close(report.metrics)
    try golden.closeGradients(step, gradient, ["logp_new": \.logprob, "entropy": \.entropy])
    try golden.close(perTokenLoss(step, recipe), golden.expected["per_token_loss"], "per_token_loss")
    golden.covers(["loss", "terms", "metrics", "grad", "per_token_loss"])
  }

  /// The loss is linear in the weights: adding 1 to a token's weight adds its loss.
  private func perTokenLoss(_ step: Step, _ recipe: Recipe) -> [[Double]] {
    var bare = step
    var recipe = recipe
    recipe.policy?.entropy = 0
    for index in bare.tokens.indices where bare.tokens[index].weight != 0 { bare.tokens[index].weight = 1 }
    let base = bare.evaluate(recipe).report.loss
    return bare.sequences.map { sequence in
      sequence.tokens.map { index in
        guard bare.tokens[index].weight != 0 else { return 0 }
        var more = bare
        more.tokens[index].weight = 2
        return more.evaluate(recipe).report.loss - base
      }
    }
  }

  private func weights(_ golden: GoldenCase) throws -> StepWeights {
    let weights = Weights(
      try golden.choice("aggregation"),
      emptySequences: golden.setting("empty_sequences")?.string == "exclude" ? .exclude : .count,
      normalizerTokens: golden.setting("normalizer_tokens")?.int, normConstant: golden.setting("norm_constant")?.double)
    let lengths = try golden.mask(like: golden.inputs["logp_new"] == nil ? "values" : "logp_new")
      .map { row in row.count { $0 } }
    let micro = golden.setting("micro_batches")?.array?.map { ($0.array ?? []).compactMap(\.int) }
    return weights(lengths: lengths, responseLimit: 1, microBatches: micro)
  }

  private func kimi(_ golden: GoldenCase) throws {
    let loss = KimiLoss(
      try golden.choice("form"), tau: try golden.number("tau"), baseline: try golden.choice("baseline"))
    let groups = try golden.groups, rewards = try golden.numbers("rewards")
    let baseline = loss.baseline(rewards: rewards, groups: groups, tau: loss.tau).baseline
    try golden.close(baseline, golden.expected["baseline"], "baseline")
    // Through the whole recipe: preparation, weights and loss.
    var recipe = try #require(Recipe.named("kimi"))
    recipe.loss = .kimi(loss)
    let new = try golden.ragged("logp_new"), old = try golden.ragged("logp_old")
    let data = StepData(
      responses: new.indices.map {
        StepData.Response(trains: new[$0].map { _ in true }, reward: rewards[$0], group: groups[$0])
      })
    let prepared = recipe.prepare(data)
    var step = Step(weights: recipe.weights(data, prepared))
    for (i, row) in new.enumerated() {
      step.append(
        row.indices.map { t in
          TokenStatistics(
            logprob: row[t], old: old[i][t], advantage: prepared.advantages[i][t], weight: step.weights.perSequence[i])
        })
    }
    let (report, gradient) = step.evaluate(recipe)
    try golden.close(report.loss, golden.expected["loss"], "loss")
    try golden.close(report.metrics, renamed: ["approx_kl_k2": "sequence_kl_k2"])
    try golden.closeGradients(step, gradient, ["logp_new": \.logprob])
    golden.covers(["baseline", "loss", "metrics", "grad"])
  }

  private func o1Pruner(_ golden: GoldenCase) throws {
    let clip = vector(golden.setting("reward_clip"))
    var recipe = try #require(Recipe.named("o1-pruner"))
    recipe.advantage = .lengthHarmonizing(
      LengthHarmonizing(
        lambda: try golden.number("lambda"), clipLow: clip?[0], clipHigh: clip?[1],
        standardize: golden.setting("standardize")?.bool ?? false))
    recipe.policy?.ratioLevel = try golden.choice("ratio_level")
    recipe.policy?.low = try golden.number("eps_low")
    recipe.policy?.high = try golden.number("eps_high")
    let new = try golden.ragged("logp_new"), reference = try golden.ragged("logp_ref")
    let lengths = try golden.numbers("ref_lengths"), accuracy = try golden.numbers("ref_accuracy")
    let correct = try #require(golden.inputs["correct"]?.array).compactMap { $0.bool ?? $0.double.map { $0 != 0 } }
    let data = StepData(
      responses: new.indices.map { index in
        var response = StepData.Response(trains: new[index].map { _ in true }, group: index)
        response.referenceLength = lengths[index]
        response.referenceAccuracy = accuracy[index]
        response.isCorrect = correct[index]
        return response
      })
    let prepared = recipe.prepare(data)
    try golden.close(prepared.advantages.map { $0[0] }, golden.expected["rewards"], "rewards")
    var step = Step(weights: recipe.weights(data, prepared))
    for (i, row) in new.enumerated() {
      step.append(
        row.indices.map { t in
          TokenStatistics(
            logprob: row[t], reference: reference[i][t], advantage: prepared.advantages[i][t],
            weight: step.weights.perSequence[i])
        })
    }
    let (report, gradient) = step.evaluate(recipe)
    try golden.close(report.loss, golden.expected["loss"], "loss")
    try golden.close(report.metrics)
    try golden.closeGradients(step, gradient, ["logp_new": \.logprob])
    golden.covers(["rewards", "loss", "metrics", "grad"])
  }

  /// A2C through its recipe: GAE with λ = 0, a policy loss, a value loss.
  private func actorCritic(_ golden: GoldenCase) throws {
    var recipe = try #require(Recipe.named("a2c", preset: "td"))
    recipe.advantage = .gae(GAE(gamma: try golden.number("gamma"), lambda: 0))
    recipe.value = ValueLoss(coefficient: try golden.number("value_coef"))
    let behaviour = golden.rows("logp_behaviour")
    var policy = PolicyLoss(.reinforce, entropy: try golden.number("entropy_coef"))
    policy.denominator = .behaviour
    if behaviour != nil {
      policy.surrogate = try #require(golden.setting("form")?.string) == "ratio" ? .ratio : .cispo
      policy.cispoCap = golden.setting("rho_max")?.double
    }
    recipe.policy = policy
    let new = try golden.ragged("logp_new"), values = try golden.ragged("values")
    let rewards = try golden.ragged("token_rewards"), entropies = try golden.ragged("entropy")
    let bootstrap = vector(golden.inputs["bootstrap_values"])
    let data = StepData(
      responses: new.indices.map { index in
        var response = StepData.Response(trains: new[index].map { _ in true }, reward: 0, group: index)
        response.values = values[index]
        response.tokenRewards = rewards[index]
        response.bootstrap = bootstrap?[index] ?? 0
        return response
      })
    let prepared = recipe.prepare(data)
    try golden.close(prepared.advantages, golden.expected["advantages"], "advantages")
    var step = Step(weights: recipe.weights(data, prepared))
    for (i, row) in new.enumerated() {
      step.append(
        row.indices.map { t in
          TokenStatistics(
            logprob: row[t], behaviour: behaviour?[i][t] ?? .nan, entropy: entropies[i][t], value: values[i][t],
            advantage: prepared.advantages[i][t], return: prepared.returns[i][t], weight: step.weights.perSequence[i])
        })
    }
    let (report, gradient) = step.evaluate(recipe)
    try golden.close(report.loss, golden.expected["loss"], "loss")
    let parts = ["policy": report.policyLoss, "value": report.value.loss, "entropy": report.entropyTerm]
    for member in golden.expected["terms"]?.object?.members ?? [] {
      try golden.close(parts[member.key], member.value, "term \(member.key)")
    }
    try golden.close(
      report.metrics + prepared.metrics,
      renamed: ["td_error_mean": "advantage_mean", "truncated_fraction": "weight_clipped_fraction"])
    try golden.closeGradients(step, gradient, ["logp_new": \.logprob, "values": \.value, "entropy": \.entropy])
    golden.covers(["advantages", "loss", "terms", "metrics", "grad"])
  }

  private func valueLoss(_ golden: GoldenCase) throws {
    var recipe = Recipe(name: "test", preset: "test", loss: .policy(PolicyLoss(.reinforce)))
    recipe.value = ValueLoss(clip: golden.setting("clip")?.double)
    let mask = try golden.mask(like: "values")
    let values = try golden.ragged("values"), returns = try golden.ragged("returns")
    let old = golden.rows("old_values")
    var step = Step(weights: try weights(golden))
    for (i, row) in values.enumerated() {
      step.append(
        row.indices.map { t in
          TokenStatistics(
            logprob: 0, value: row[t], oldValue: old?[i][t] ?? .nan, return: returns[i][t],
            weight: step.weights.weight(sequence: i, trains: mask[i][t]))
        })
    }
    let (report, gradient) = step.evaluate(recipe)
    try golden.close(report.loss, golden.expected["loss"], "loss")
    try golden.close(report.metrics)
    try golden.closeGradients(step, gradient, ["values": \.value])
    golden.covers(["loss", "metrics", "grad"])
  }

  private func whiten(_ golden: GoldenCase) throws {
    let whitened = try golden.whitening()(golden.ragged("values"), mask: golden.mask(like: "values"))
    try golden.close(whitened, golden.expected["whitened"], "whitened")
    golden.covers(["whitened"])
  }
}
