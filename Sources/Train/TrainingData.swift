internal import Formats
internal import Objectives
internal import Pipeline

/// One response to learn from.
struct Example {
  let rollout: Rollout
  let reward: Double?
  /// In the order of the step's components.
  let components: [Double?]
  /// Its group among the step's, counted from 0 over all shards.
  let group: Int
  /// One per response token, set once the step is prepared.
  var advantages: [Double] = []

  /// Tokens that train.
  var trainedTokens: Int {
    rollout.responseMask.map { $0.count { $0 } } ?? rollout.responseTokens.count
  }
}

/// A step's rollouts with their rewards from one score set.
struct TrainingData {
  var examples: [Example] = []
  /// The temperature they were drawn at: training computes log-probabilities at the same.
  private(set) var temperature: Float = 1
  private(set) var maxNewTokens = 0
  /// Names of the rewards' components.
  private(set) var components: [String] = []
  /// In what the sampler multiplied; nil where shards do not say, or not the same.
  var precision: String? { precisions.count == 1 ? precisions.first ?? nil : nil }
  private var precisions: Set<String?> = []
  /// Whether they were drawn from the model's whole distribution: not greedily, no top-k, top-p or min-p.
  private(set) var isWhole = true
  private(set) var inputs: [Manifest.Input] = []
  /// Tokenizer digests of the shards.
  private(set) var tokenizers: Set<String> = []

  /// What a recipe reads of the whole step.
  var step: StepData {
    let responses = examples.map { example in
      StepData.Response(
        trains: example.rollout.responseMask ?? example.rollout.responseTokens.map { _ in true },
        reward: example.reward, group: example.group)
    }
    return StepData(responses: responses, responseLimit: max(1, maxNewTokens))
  }

  /// Reads every shard of the step and the scores of the set for each.
  ///
  /// - Parameter selected: The rollouts to train on; nil for all.
  /// - Throws: `missing` when a shard has no scores in the set or there are no rollouts, or none is selected.
  init(_ buffer: Buffer, step: Int, scores set: String, selected: Set<RolloutID>?) throws {
    let shards = try buffer.completeRollouts(step: step)
    var rewards: [RolloutID: ScoreRow] = [:]
    let scores = try buffer.manifests(.scores, step: step, set: set)
    for manifest in scores {
      let reader = try ScoreShardReader(path: buffer.intactPath(of: manifest))
      if components.isEmpty { components = reader.components }
      // Shards may have been scored apart, with their components in another order.
      let places = components.map { reader.components.firstIndex(of: $0) }
      for var row in try reader.rows() {
        row.components = places.map { $0.flatMap { row.components[$0] } }
        rewards[row.rollout] = row
      }
      inputs.append(Manifest.Input(role: "scores", name: manifest.name, digest: manifest.digest))
    }
    for manifest in shards {
      try readSettings(manifest)
      inputs.append(Manifest.Input(role: "rollouts", name: manifest.name, digest: manifest.digest))
      var last: Int?
      var group = (examples.last?.group ?? -1)
      for rollout in try RolloutShardReader(path: buffer.intactPath(of: manifest)).rows()
      where selected?.contains(rollout.id) ?? true {
        guard let score = rewards[rollout.id] else {
          throw RollbookError.missing(
            manifest.name, "rollout \(step)/\(rollout.promptID)/\(rollout.sample) has no score in set '\(set)'",
            hint: "run `rollbook score --step \(step) --scores \(set)` first")
        }
        if rollout.group != last { group += 1 }
        last = rollout.group
        examples.append(Example(
            rollout: rollout, reward: score.reward, components: score.components, group: group))
      }
    }
    guard !examples.isEmpty || selected == nil else {
      throw RollbookError.missing("--where", "no rollout of step \(step) is selected")
    }
  }

  private mutating func readSettings(_ manifest: Manifest) throws {
    if let tokenizer = manifest.action.tokenizer { tokenizers.insert(tokenizer) }
    precisions.insert(manifest.action.parameters["precision"])
    maxNewTokens = max(maxNewTokens, manifest.action.parameters["max-new-tokens"].flatMap(Int.init) ?? 0)
    // Greedy rollouts carry the model's log-probabilities at temperature 1.
    let stated = manifest.action.parameters["temperature"].flatMap(Float.init) ?? 1
    let drawn = stated == 0 ? 1 : stated
    let cuts = manifest.action.parameters.filter { ["top-k", "top-p", "min-p"].contains($0.key) }
    isWhole = isWhole && stated > 0 && cuts.allSatisfy { Float($0.value) == ($0.key == "top-p" ? 1 : 0) }
    if !inputs.contains(where: { $0.role == "rollouts" }) {
      temperature = drawn
    } else if temperature != drawn {
      throw RollbookError.badInput(
        manifest.name, "its rollouts were drawn at temperature \(drawn), others of the step at \(temperature)",
        hint: "train on one temperature at a time")
    }
  }

  /// Refuses what does not fit the policy.
  func check(policy: String, tokenizer: String, onPolicy: Bool, vocabulary: Int) throws {
    if let other = tokenizers.first(where: { $0 != tokenizer }) {
      throw RollbookError.badInput(
        "the rollouts", "their tokenizer is \(other), the policy's \(tokenizer)",
        hint: "train the model whose tokenizer made them")
    }
    guard examples.contains(where: { $0.reward != nil }) else {
      throw RollbookError.missing(
        "the score set", "no rollout has a reward", hint: "do the prompts have the answers that the rewards need?")
    }
    guard isWhole || !onPolicy else {
      throw RollbookError.usage(
        "--on-policy: the rollouts were drawn greedily or with top-k, top-p or min-p, not from the policy itself",
        hint: "generate with --temperature 1 alone, or leave --on-policy out")
    }
    for example in examples {
      let rollout = example.rollout
      let place = "rollout \(rollout.step)/\(rollout.promptID)/\(rollout.sample)"
      if onPolicy, rollout.policy != policy {
        throw RollbookError.badInput(
          place, "it was sampled from \(rollout.policy), the policy to train is \(policy)",
          hint: "--on-policy trains only on what this very checkpoint sampled; leave it out to train off-policy")
      }
      let count = rollout.responseTokens.count
      guard count > 0, !rollout.promptTokens.isEmpty else {
        throw RollbookError.badInput(place, "expected a prompt and a response, found \(count) response tokens")
      }
      guard (rollout.logprobs ?? []).count == count || rollout.logprobs == nil,
        (rollout.responseMask ?? []).count == count || rollout.responseMask == nil
      else { throw RollbookError.badInput(place, "its log-probabilities or mask do not have one value per token") }
      let ids = [rollout.promptTokens, rollout.responseTokens].joined()
      if let bad = ids.first(where: { $0 < 0 || $0 >= vocabulary }) {
        throw RollbookError.badInput(place, "token \(bad) is not in the model's vocabulary of \(vocabulary)")
      }
    }
  }
}
