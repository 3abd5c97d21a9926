import Formats
import Objectives
import Testing

@Suite struct AdvantageGoldenTests {
  @Test func everyCase() throws {
    try GoldenCase.check(
      "advantages.json",
      [
        "group_zscore": zscore, "rloo": rloo, "remax": remax, "reinforce_batch_mean": batchMean, "opo": opo,
        "reinforce_plus_plus": whitenedReturns, "reinforce_plus_plus_baseline": whitenedGroupMean, "gae": gae,
        "kl_in_reward": klInReward, "brpo": brpo, "cs336_deltas": deltas, "multi_reward": multiReward,
      ])
  }

  private func zscore(_ golden: GoldenCase) throws {
    let normalization = try groupNormalization(golden)
    let rewards = try #require(optionals(golden.inputs["rewards"]))
    let result = normalization(rewards: rewards, groups: try golden.groups)
    try golden.close(result.advantages, golden.expected["advantages"], "advantages")
    try golden.close(result.groupMean, golden.expected["group_mean"], "group_mean")
    try golden.close(result.groupStd, golden.expected["group_std"], "group_std")
    try golden.close(result.metrics)
    golden.covers(["advantages", "group_mean", "group_std", "metrics"])
  }

  /// A case that names one of our presets must spell out that preset's values.
  @Test func presetsAreTheGoldenOnes() throws {
    var named = 0
    for golden in try GoldenCase.all("advantages.json") where golden.objective == "group_zscore" {
      guard let preset = golden.setting("preset")?.string.flatMap(GroupNormalization.preset) else { continue }
      #expect(try preset == groupNormalization(golden), "\(golden)")
      named += 1
    }
    #expect(named > 0)
  }

  private func groupNormalization(_ golden: GoldenCase) throws -> GroupNormalization {
    GroupNormalization(
      ddof: try #require(golden.setting("ddof")?.int), eps: try golden.number("eps"), scale: try golden.choice("scale"),
      singleton: try golden.choice("singleton"))
  }

  private func rloo(_ golden: GoldenCase) throws {
    let clip = vector(golden.setting("reward_clip"))
    let leave = LeaveOneOut(
      singleton: try golden.choice("singleton"), clipLow: clip?[0], clipHigh: clip?[1],
      normalize: golden.setting("normalize")?.bool ?? false, eps: try golden.number("eps"))
    let beta = golden.setting("kl_beta")?.double ?? 0
    var sums: [Double]?
    if beta != 0 {
      let mask = try golden.mask(like: "logp_old")
      let kl = KLInReward(.k1, beta: beta).divergence(
        old: try golden.ragged("logp_old"), reference: try golden.ragged("logp_ref"), mask: mask)
      sums = kl.map { $0.reduce(0, +) }
      try golden.close(sums ?? [], golden.expected["sequence_kl"], "sequence_kl")
    }
    let result = leave(
      rewards: try golden.numbers("rewards"), groups: try golden.groups, penalties: sums?.map { beta * $0 })
    try golden.close(result.advantages, golden.expected["advantages"], "advantages")
    try golden.close(result.baseline, golden.expected["baseline"], "baseline")
    try golden.close(result.penalized.compactMap { $0 }, golden.expected["penalized_rewards"], "penalized_rewards")
    golden.covers(["advantages", "baseline", "penalized_rewards", "sequence_kl"])
  }

  private func remax(_ golden: GoldenCase) throws {
    let result = greedyAdvantages(
      try golden.ragged("token_rewards"), greedy: try golden.numbers("greedy_rewards"),
      mask: try golden.mask(like: "token_rewards"))
    try golden.close(result.advantages, golden.expected["advantages"], "advantages")
    try golden.close(result.returns, golden.expected["returns"], "returns")
    golden.covers(["advantages", "returns"])
  }

  private func batchMean(_ golden: GoldenCase) throws {
    let rewards = try golden.numbers("rewards")
    let result = Baseline.batchMean(rewards: rewards, groups: rewards.map { _ in 0 })
    try golden.close(result.advantages, golden.expected["advantages"], "advantages")
    for value in result.baseline { try golden.close(value, golden.expected["baseline"], "baseline") }
    golden.covers(["advantages", "baseline"])
  }

  private func opo(_ golden: GoldenCase) throws {
    let result = Baseline.lengthWeighted(
      rewards: try golden.numbers("rewards"), groups: try golden.groups, lengths: try lengths(golden))
    try golden.close(result.advantages, golden.expected["advantages"], "advantages")
    try golden.close(result.baseline, golden.expected["baseline"], "baseline")
    golden.covers(["advantages", "baseline"])
  }

  private func lengths(_ golden: GoldenCase) throws -> [Int] {
    try #require(golden.inputs["lengths"]?.array).compactMap(\.int)
  }

  private func whitenedReturns(_ golden: GoldenCase) throws {
    let whitened = WhitenedReturns(gamma: try golden.number("gamma"), whitening: try golden.whitening())
    let result = whitened(try golden.ragged("token_rewards"), mask: try golden.mask(like: "token_rewards"))
    try golden.close(result.advantages, golden.expected["advantages"], "advantages")
    try golden.close(result.returns, golden.expected["returns"], "returns")
    golden.covers(["advantages", "returns"])
  }

  private func whitenedGroupMean(_ golden: GoldenCase) throws {
    let mask = try lengths(golden).map { [Bool](repeating: true, count: $0) }
    let result = WhitenedGroupMean(whitening: try golden.whitening())(
      rewards: try golden.numbers("rewards"), groups: try golden.groups, mask: mask)
    try golden.close(result.advantages, golden.expected["advantages"], "advantages")
    try golden.close(result.centered, golden.expected["centered"], "centered")
    golden.covers(["advantages", "centered"])
  }

  private func gae(_ golden: GoldenCase) throws {
    let isWhitened = golden.setting("whiten")?.bool ?? false
    let gae = GAE(
      gamma: try golden.number("gamma"), lambda: try golden.number("lam"),
      whitening: isWhitened ? try golden.whitening() : nil)
    let result = gae(
      try golden.ragged("token_rewards"), values: try golden.ragged("values"),
      bootstrap: vector(golden.inputs["bootstrap_values"]) ?? [], mask: try golden.mask(like: "values"))
    try golden.close(result.advantages, golden.expected["advantages"], "advantages")
    try golden.close(result.raw, golden.expected["raw_advantages"], "raw_advantages")
    try golden.close(result.returns, golden.expected["returns"], "returns")
    try golden.close(result.deltas, golden.expected["deltas"], "deltas")
    golden.covers(["advantages", "raw_advantages", "returns", "deltas"])
  }

  /// The parts, and the metrics as a recipe prepares them.
  private func klInReward(_ golden: GoldenCase) throws {
    let term = KLInReward(try golden.choice("kl_estimator"), beta: try golden.number("kl_beta"))
    let old = try golden.ragged("logp"), reference = try golden.ragged("logp_ref")
    let scores = try golden.numbers("scores"), mask = try golden.mask(like: "logp")
    let kl = term.divergence(old: old, reference: reference, mask: mask)
    try golden.close(kl, golden.expected["token_kl"], "token_kl")
    let rewards = term.tokenRewards(divergence: kl, scores: scores, mask: mask)
    try golden.close(rewards, golden.expected["token_rewards"], "token_rewards")
    var recipe = Recipe(
      name: "test", preset: "test", advantage: .whitenedReturns(WhitenedReturns()), loss: .policy(PolicyLoss()))
    recipe.klInReward = term
    var step = StepData()
    for index in old.indices {
      var response = StepData.Response(trains: mask[index], reward: scores[index])
      (response.old, response.reference) = (old[index], reference[index])
      step.responses.append(response)
    }
    try golden.close(recipe.prepare(step).metrics)
    golden.covers(["token_kl", "token_rewards", "metrics"])
  }

  private func brpo(_ golden: GoldenCase) throws {
    let groups = try golden.groups
    let places = try #require(golden.inputs["reference"]?.array).compactMap(\.int)
    let scores = try #require(golden.inputs["pair_scores"]?.array).map { entry in
      vector(entry).map { (own: $0[0], reference: $0[1]) }
    }
    var first: [Int] = []
    for group in groups where !first.contains(group) { first.append(group) }
    let result = BRPO(dropAbove: try golden.number("drop_above"))(
      groups: groups, references: first.map { places[$0] }, pairScores: scores)
    try golden.close(result.advantages, golden.expected["advantages"], "advantages")
    try golden.close(result.groupMean, golden.expected["group_mean"], "group_mean")
    #expect(golden.expected["group_kept"]?.array?.compactMap(\.bool) == result.groupKept, "\(golden)")
    golden.covers(["advantages", "group_mean", "group_kept"])
  }

  /// The modes of the lecture are presets of `reinforce`.
  private func deltas(_ golden: GoldenCase) throws {
    let presets = [
      "rewards": "plain", "centered_rewards": "centered", "normalized_rewards": "normalized", "max_rewards": "max",
    ]
    let mode = try #require(golden.setting("mode")?.string)
    let preset = try #require(presets[mode])
    var recipe = try #require(Recipe.named("reinforce", preset: preset))
    if preset == "normalized" {
      try recipe.set("advantage_eps", "\(golden.number("eps"))")
      let ddof = try #require(golden.setting("ddof")?.int)
      try recipe.set("advantage_ddof", "\(ddof)")
    }
    let responses = zip(try golden.numbers("rewards"), try golden.groups).map {
      StepData.Response(trains: [true], reward: $0, group: $1)
    }
    let prepared = recipe.prepare(StepData(responses: responses))
    try golden.close(prepared.advantages.map { $0[0] }, golden.expected["deltas"], "deltas")
    golden.covers(["deltas"])
  }

  private func multiReward(_ golden: GoldenCase) throws {
    let multi = MultiReward(
      try golden.choice("aggregation"), weights: try #require(vector(golden.setting("weights"))),
      scale: golden.setting("scale") == nil ? .group : try golden.choice("scale"), eps: try golden.number("eps"))
    let rewards = try #require(golden.inputs["rewards_per_function"]?.array).compactMap(optionals)
    let result = multi(rewards: rewards, groups: try golden.groups)
    try golden.close(result.advantages, golden.expected["advantages"], "advantages")
    let combined = try #require(optionals(golden.expected["combined_rewards"]))
    for (a, b) in zip(result.combined, combined) {
      #expect((a == nil) == (b == nil) && distance(a ?? 0, b ?? 0) <= tolerance, "\(golden) combined_rewards")
    }
    golden.covers(["advantages", "combined_rewards"])
  }
}

extension GoldenCase {
  func whitening() throws -> Whitening {
    Whitening(
      ddof: try #require(setting("whiten_ddof")?.int), guard: try choice("whiten_guard"),
      shiftsMean: setting("whiten_shift_mean")?.bool ?? true)
  }
}
