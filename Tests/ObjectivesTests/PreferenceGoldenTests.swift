import Formats
import Objectives
import Testing

@Suite struct PreferenceGoldenTests {
  @Test func everyCase() throws {
    try GoldenCase.check(
      "preference_losses.json",
      [
        "preference": preference, "kto": kto, "reward_model": rewardModel, "ranking": ranking, "nll": likelihood,
        "nll_from_logits": fromLogits, "ppo_ptx": ppoPTX,
      ])
  }

  /// Pairs through the whole recipe: sequences chosen, rejected, chosen, …
  private func preference(_ golden: GoldenCase) throws {
    let loss = PreferenceLoss(
      try golden.choice("loss"), beta: try golden.number("beta"),
      labelSmoothing: golden.setting("label_smoothing")?.double ?? 0, gamma: golden.setting("gamma")?.double ?? 0,
      referenceFree: golden.setting("reference_free")?.bool ?? false,
      lengthAverage: golden.setting("length_average")?.bool ?? false)
    let recipe = Recipe(name: "test", preset: "test", data: .pairs, loss: .preference(loss))
    let sides = ["chosen", "rejected"]
    let logprobs = try sides.map { try golden.ragged("\($0)_logp") }
    let references = sides.map { golden.rows("ref_\($0)_logp") }
    let count = logprobs[0].count
    var data = StepData(pairs: (0..<count).map { Pair(chosen: 2 * $0, rejected: 2 * $0 + 1) })
    for pair in 0..<count {
      for side in 0..<2 {
        data.responses.append(StepData.Response(trains: logprobs[side][pair].map { _ in true }, group: pair))
      }
    }
    var step = Step(weights: recipe.weights(data, recipe.prepare(data)))
    for pair in 0..<count {
      for side in 0..<2 {
        let row = logprobs[side][pair]
        step.append(
          row.indices.map { t in
            TokenStatistics(logprob: row[t], reference: references[side]?[pair][t] ?? .nan, weight: 1)
          })
      }
    }
    let (report, gradient) = step.evaluate(recipe)
    try golden.close(report.loss, golden.expected["loss"], "loss")
    try golden.close(report.metrics)
    let rows = step.rows(gradient, \.logprob)
    for (side, name) in sides.enumerated() {
      let column = (0..<count).map { rows[2 * $0 + side] }
      try golden.close(column, golden.expected["grad"]?["\(name)_logp"], "grad \(name)")
    }
    let perPair = (0..<count).map { pair in
      step.evaluate(recipe, parts: [[2 * pair, 2 * pair + 1]]).report.loss * Double(count)
    }
    try golden.close(perPair, golden.expected["per_pair_loss"], "per_pair_loss")
    golden.covers(["loss", "metrics", "grad", "per_pair_loss"])
  }

  private func kto(_ golden: GoldenCase) throws {
    var recipe = try #require(Recipe.named("kto"))
    recipe.loss = .kto(
      KTOLoss(
        beta: try golden.number("beta"), desirableWeight: try golden.number("desirable_weight"),
        undesirableWeight: try golden.number("undesirable_weight")))
    let logprobs = try golden.ragged("logp"), references = try golden.ragged("ref_logp")
    let other = try golden.ragged("kl_logp"), otherReference = try golden.ragged("ref_kl_logp")
    let desirable = try #require(golden.inputs["desirable"]?.array).compactMap(\.bool)
    let data = StepData(
      responses: logprobs.indices.map { index in
        var response = StepData.Response(trains: logprobs[index].map { _ in true }, group: index)
        response.isDesirable = desirable[index]
        response.mismatched = other[index].reduce(0, +) - otherReference[index].reduce(0, +)
        return response
      })
    let prepared = recipe.prepare(data)
    var step = Step(weights: recipe.weights(data, prepared))
    for (i, row) in logprobs.enumerated() {
      step.append(
        row.indices.map { t in TokenStatistics(logprob: row[t], reference: references[i][t], weight: 1) }
      ) { sequence in
        sequence = recipe.sequence(i, data, prepared, tokens: sequence.tokens, weight: sequence.weight)
      }
    }
    let (report, gradient) = step.evaluate(recipe)
    try golden.close(report.loss, golden.expected["loss"], "loss")
    try golden.close(report.metrics + prepared.metrics)
    try golden.closeGradients(step, gradient, ["logp": \.logprob])
    let perSequence = logprobs.indices.map {
      step.evaluate(recipe, parts: [[$0]]).report.loss * Double(logprobs.count)
    }
    try golden.close(perSequence, golden.expected["per_sequence_loss"], "per_sequence_loss")
    golden.covers(["loss", "metrics", "grad", "per_sequence_loss"])
  }

  private func rewardModel(_ golden: GoldenCase) throws {
    let chosen = try golden.numbers("scores_chosen"), rejected = try golden.numbers("scores_rejected")
    let margins = vector(golden.inputs["margin"])
    let recipe = Recipe(
      name: "test", preset: "test", data: .pairs,
      loss: .rewardModel(
        RewardModelLoss(center: golden.setting("center_coefficient")?.double ?? 0, usesMargin: margins != nil)))
    let pairs = chosen.indices.map { Pair(chosen: 2 * $0, rejected: 2 * $0 + 1, margin: margins?[$0] ?? 0) }
    let scores = zip(chosen, rejected).flatMap { [$0, $1] }
    let step = scored(recipe, scores, groups: scores.indices.map { $0 / 2 }, pairs: pairs)
    let (report, gradient) = step.evaluate(recipe)
    try golden.close(report.loss, golden.expected["loss"], "loss")
    try golden.close(report.metrics)
    let slopes = step.rows(gradient, \.value).map { $0[1] }
    for (side, name) in ["chosen", "rejected"].enumerated() {
      try golden.close(
        chosen.indices.map { slopes[2 * $0 + side] }, golden.expected["grad"]?["scores_\(name)"], "grad \(name)")
    }
    // Without centring, as the golden has it.
    let plain = RewardModelLoss(usesMargin: margins != nil)
    let perPair = pairs.map { pair in
      plain(chosen: scores[pair.chosen], rejected: scores[pair.rejected], margin: pair.margin).loss
    }
    try golden.close(perPair, golden.expected["per_pair_loss"], "per_pair_loss")
    golden.covers(["loss", "metrics", "grad", "per_pair_loss"])
  }

  /// Responses of two tokens whose score is at the last one.
  private func scored(_ recipe: Recipe, _ scores: [Double], groups: [Int], pairs: [Pair]) -> Step {
    let data = StepData(
      responses: groups.map { StepData.Response(trains: [true, true], group: $0) }, pairs: pairs)
    var step = Step(weights: recipe.weights(data, recipe.prepare(data)))
    for score in scores {
      step.append([
        TokenStatistics(logprob: .nan, weight: 1), TokenStatistics(logprob: .nan, value: score, weight: 1),
      ])
    }
    return step
  }

  /// A ranking is all pairs of a prompt's responses, weighted per prompt.
  private func ranking(_ golden: GoldenCase) throws {
    let recipe = try #require(Recipe.named("reward-model", preset: "instructgpt"))
    let rows = try golden.ragged("scores")
    let groups = rows.enumerated().flatMap { prompt, row in row.map { _ in prompt } }
    // Best first: the rank is the reward.
    let pairs = PairRule(.margin)(
      rewards: rows.flatMap { row in row.indices.map { -Double($0) } }, groups: groups)
    let step = scored(recipe, rows.flatMap { $0 }, groups: groups, pairs: pairs)
    let (report, gradient) = step.evaluate(recipe)
    try golden.close(report.loss, golden.expected["loss"], "loss")
    try golden.close(report.metrics)
    var slopes = step.rows(gradient, \.value).map { $0[1] }
    var places = groups.indices.map { $0 }
    var grad: [[Double]] = [], perPrompt: [Double] = []
    for row in rows {
      grad.append(Array(slopes.prefix(row.count)))
      perPrompt.append(
        step.evaluate(recipe, parts: [Array(places.prefix(row.count))]).report.loss * Double(rows.count))
      slopes.removeFirst(row.count)
      places.removeFirst(row.count)
    }
    try golden.close(grad, golden.expected["grad"]?["scores"], "grad scores")
    try golden.close(perPrompt, golden.expected["per_prompt_loss"], "per_prompt_loss")
    golden.covers(["loss", "metrics", "grad", "per_prompt_loss"])
  }

  private func likelihood(_ golden: GoldenCase) throws {
    var recipe = try #require(Recipe.named("sft"))
    recipe.weights = Weights(
      try golden.choice("aggregation"), normalizerTokens: golden.setting("normalizer_tokens")?.int)
    let mask = try golden.mask(like: "logp")
    let data = StepData(responses: mask.map { StepData.Response(trains: $0) })
    var step = Step(weights: recipe.weights(data, recipe.prepare(data)))
    for (i, row) in try golden.ragged("logp").enumerated() {
      step.append(
        row.indices.map { t in
          TokenStatistics(logprob: row[t], weight: step.weights.weight(sequence: i, trains: mask[i][t]))
        })
    }
    let (report, gradient) = step.evaluate(recipe)
    try golden.close(report.loss, golden.expected["loss"], "loss")
    try golden.close(report.metrics)
    try golden.closeGradients(step, gradient, ["logp": \.logprob])
    golden.covers(["loss", "metrics", "grad"])
  }

  private func fromLogits(_ golden: GoldenCase) throws {
    let rows = try golden.ragged("logits").map { Categorical(logits: $0) }
    let targets = try #require(golden.inputs["targets"]?.array).compactMap(\.int)
    let recipe = try #require(Recipe.named("sft"))
    var step = Step(weights: recipe.weights(lengths: [rows.count], responseLimit: 1))
    let picked = zip(rows, targets).map { $0.logProbabilities[$1] }
    step.append(
      zip(rows, picked).map { row, logprob in
        TokenStatistics(logprob: logprob, entropy: row.entropy, weight: step.weights.perSequence[0])
      })
    let (report, gradient) = step.evaluate(recipe)
    try golden.close(report.loss, golden.expected["loss"], "loss")
    try golden.close(picked, golden.expected["logp"], "logp")
    let slopes = rows.indices.map { n in
      rows[n].logProbabilityGradient(targets[n]).map { $0 * gradient[n].logprob }
    }
    try golden.close(slopes, golden.expected["grad"]?["logits"], "grad logits")
    let hits = zip(rows, targets).count { row, target in
      row.probabilities.indices.max { row.probabilities[$0] < row.probabilities[$1] } == target
    }
    try golden.close(report.metrics + [("token_accuracy", Double(hits) / Double(rows.count))])
    golden.covers(["loss", "logp", "grad", "metrics"])
  }

  /// Rollouts and pretraining text in one step of the recipe, the critic and the KL aside.
  private func ppoPTX(_ golden: GoldenCase) throws {
    var recipe = try #require(Recipe.named("ppo-ptx"))
    (recipe.value, recipe.klInReward, recipe.advantage) = (nil, nil, .none)
    recipe.policy?.low = try golden.number("eps_low")
    recipe.policy?.high = try golden.number("eps_high")
    recipe.demonstrations = NegativeLogLikelihood(coefficient: try golden.number("ptx_coef"))
    let new = try golden.ragged("logp_new"), old = try golden.ragged("logp_old")
    let text = try golden.ragged("pretrain_logp"), advantages = try golden.numbers("advantages")
    var data = StepData(responses: (new + text).map { StepData.Response(trains: $0.map { _ in true }, reward: 0) })
    for index in new.count..<data.responses.count { data.responses[index].isDemonstration = true }
    let prepared = recipe.prepare(data)
    var step = Step(weights: recipe.weights(data, prepared))
    for (i, row) in (new + text).enumerated() {
      step.append(
        row.indices.map { t in
          TokenStatistics(
            logprob: row[t], old: i < old.count ? old[i][t] : .nan, advantage: i < old.count ? advantages[i] : .nan,
            weight: step.weights.perSequence[i])
        }
      ) { $0 = recipe.sequence(i, data, prepared, tokens: $0.tokens, weight: $0.weight) }
    }
    let (report, gradient) = step.evaluate(recipe)
    try golden.close(report.loss, golden.expected["loss"], "loss")
    try golden.close(report.policyLoss, golden.expected["terms"]?["policy"], "policy")
    try golden.close(
      report.metrics.first { $0.name == "nll_loss" }?.value, golden.expected["terms"]?["pretrain_nll"], "pretrain_nll")
    try golden.close(report.metrics)
    let slopes = step.rows(gradient, \.logprob)
    try golden.close(Array(slopes.prefix(new.count)), golden.expected["grad"]?["logp_new"], "grad logp_new")
    let ofText = Array(slopes.dropFirst(new.count))
    try golden.close(ofText, golden.expected["grad"]?["pretrain_logp"], "grad pretrain_logp")
    golden.covers(["loss", "terms", "metrics", "grad"])
  }
}
