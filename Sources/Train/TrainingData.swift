internal import Formats
internal import Objectives
internal import Pipeline

/// A step's rollouts with their rewards from one score set.
struct TrainingData {
  var examples: [Example] = []
  /// The temperature they were drawn at: training computes log-probabilities at the same.
  var temperature: Float { drawnAt ?? 1 }
  private var drawnAt: Float?
  private(set) var maxNewTokens = 0
  /// Names of the rewards' components.
  private(set) var components: [String] = []
  /// In what the sampler multiplied; nil where shards do not say, or not the same.
  var precision: String? { precisions.count == 1 ? precisions.first : nil }
  private var precisions: Set<String> = []
  /// Whether they were drawn from the model's whole distribution: not greedily, no top-k, top-p or min-p.
  private(set) var isWhole = true
  private(set) var inputs: [Manifest.Input] = []
  /// Tokenizer digests of the shards.
  private(set) var tokenizers: Set<String> = []

  /// Reads the shards that hold what was drawn, and the scores of the set for them.
  ///
  /// - Parameter needsScores: whether a row must have a score, by its kind.
  /// - Throws: `missing` when a row has no score in the set though it needs one, or there are no rollouts.
  init(
    _ buffer: Buffer, _ drawn: Drawn, scores set: String, needsScores: (_ kind: String) -> Bool
  ) throws {
    for (step, selected) in drawn.rows.sorted(by: { $0.key < $1.key }) {
      let shards = try buffer.completeRollouts(step: step)
      let scores = try readScores(buffer, step: step, set: set)
      for manifest in shards {
        let count = examples.count
        try readRows(buffer, manifest, selected, scores, set, needsScores)
        if examples.count > count || drawn.rows.count == 1 {
          try readSettings(manifest)
          inputs.append(Manifest.Input(role: "rollouts", name: manifest.name, digest: manifest.digest))
        }
      }
    }
    guard !examples.isEmpty || drawn.rows.values.allSatisfy({ $0 == nil }) else {
      throw RollbookError.missing("--where", "no rollout of step \(drawn.rows.keys.sorted()[0]) is selected")
    }
  }

  private mutating func readScores(_ buffer: Buffer, step: Int, set: String) throws -> [RolloutID: ScoreRow] {
    var rewards: [RolloutID: ScoreRow] = [:]
    for manifest in try buffer.manifests(.scores, step: step, set: set) {
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
    return rewards
  }

  private mutating func readRows(
    _ buffer: Buffer, _ manifest: Manifest, _ selected: Set<RolloutID>?, _ scores: [RolloutID: ScoreRow], _ set: String,
    _ needsScores: (String) -> Bool
  ) throws {
    var last: Int?, group = examples.last?.group ?? -1
    for var rollout in try RolloutShardReader(path: buffer.intactPath(of: manifest)).rows()
    where selected?.contains(rollout.id) ?? true {
      if rollout.promptTokens.isEmpty { rollout.beginAfterFirstToken() }
      let score = scores[rollout.id]
      guard score != nil || !needsScores(rollout.kind) else {
        throw RollbookError.missing(
          manifest.name, "rollout \(rollout.step)/\(rollout.promptID)/\(rollout.sample) has no score in set '\(set)'",
          hint: "run `rollbook score --step \(rollout.step) --scores \(set)` first")
      }
      if rollout.group != last { group += 1 }
      last = rollout.group
      examples.append(
        Example(
          rollout: rollout, reward: score?.reward, components: score?.components ?? components.map { _ in nil },
          group: group))
    }
  }

  /// Leaves rows out for which a recipe has no use, such as rejected answers for supervised learning.
  mutating func keep(_ isUseful: (Example) -> Bool) { examples.removeAll { !isUseful($0) } }

  private mutating func readSettings(_ manifest: Manifest) throws {
    if let tokenizer = manifest.action.tokenizer { tokenizers.insert(tokenizer) }
    if let precision = manifest.action.parameters["precision"] { precisions.insert(precision) }
    maxNewTokens = max(maxNewTokens, manifest.action.parameters["max-new-tokens"].flatMap(Int.init) ?? 0)
    // What was imported does not say, and goes with any.
    guard let stated = manifest.action.parameters["temperature"].flatMap(Float.init) else { return }
    // Greedy rollouts carry the model's log-probabilities at temperature 1.
    let drawn = stated == 0 ? 1 : stated
    let cuts = manifest.action.parameters.filter { ["top-k", "top-p", "min-p"].contains($0.key) }
    isWhole = isWhole && stated > 0 && cuts.allSatisfy { Float($0.value) == ($0.key == "top-p" ? 1 : 0) }
    if let drawnAt, drawnAt != drawn {
      throw RollbookError.badInput(
        manifest.name, "its rollouts were drawn at temperature \(drawn), others of the step at \(drawnAt)",
        hint: "train on one temperature at a time")
    }
    drawnAt = drawn
  }

  /// Refuses what does not fit the policy.
  func check(_ recipe: Recipe, policy: String, tokenizer: String, onPolicy: Bool, vocabulary: Int) throws {
    if let other = tokenizers.first(where: { $0 != tokenizer }) {
      throw RollbookError.badInput(
        "the rollouts", "their tokenizer is \(other), the policy's \(tokenizer)",
        hint: "train the model whose tokenizer made them")
    }
    let isJudged = examples.contains { Role($0.rollout.kind, for: recipe) == .sample }
    guard !isJudged || examples.contains(where: { $0.reward != nil }) else {
      throw RollbookError.missing(
        "the score set", "no rollout has a reward", hint: "do the prompts have the answers that the rewards need?")
    }
    guard isWhole || !onPolicy else {
      throw RollbookError.usage(
        "--on-policy: the rollouts were drawn greedily or with top-k, top-p or min-p, not from the policy itself",
        hint: "generate with --temperature 1 alone, or leave --on-policy out")
    }
    for example in examples {
      let rollout = example.rollout, place = example.place
      let role = Role(rollout.kind, for: recipe)
      guard recipe.data != .rollouts || role == .sample || role == .demonstration else {
        throw RollbookError.badInput(
          place, "it is one half of a preference, and --recipe \(recipe.name) learns from rewards",
          hint: "dpo, simpo, kto and reward-model learn from preferences; or leave it out with --where 'kind = sample'")
      }
      if onPolicy, role == .sample, rollout.policy != policy {
        throw RollbookError.badInput(
          place, "it was sampled from \(rollout.policy), the policy to train is \(policy)",
          hint: "--on-policy trains only on what this very checkpoint sampled; leave it out to train off-policy")
      }
      try example.check(recipe, role)
      let count = rollout.responseTokens.count
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

extension Example {
  /// Refuses what a recipe cannot learn from.
  fileprivate func check(_ recipe: Recipe, _ role: Role) throws {
    guard !rollout.responseTokens.isEmpty, !rollout.promptTokens.isEmpty else {
      throw RollbookError.badInput(
        place,
        "expected a prompt and a response (of two tokens or more without a prompt), found a prompt of "
          + "\(rollout.promptTokens.count) and a response of \(rollout.responseTokens.count) tokens",
        hint: "leave such rollouts out with --where 'response_length > 1'")
    }
    guard role != .sample || rollout.logprobs != nil || !recipe.needs.contains(.behaviour) else {
      throw RollbookError.badInput(
        place, "recipe \(recipe.name) corrects for who sampled it, and it has no log-probabilities of its sampler",
        hint: "imported responses seldom have them: choose ratio_to=old or rollout_mode=none, or generate the rollouts")
    }
  }
}

extension TrainingData {
  /// Refuses groups whose responses follow different prompts: they are computed, and compared, together.
  func checkPrompts(_ recipe: Recipe) throws {
    guard recipe.data == .pairs else { return }
    for (a, b) in zip(examples, examples.dropFirst()) where a.group == b.group {
      guard a.rollout.promptTokens == b.rollout.promptTokens else {
        throw RollbookError.badInput(
          b.place, "expected the prompt of \(a.place), which is in its group, found another",
          hint: "responses are compared after the same prompt; leave the group out with --where, or import it again")
      }
    }
  }
}

extension Rollout {
  /// Text without a prompt: its first token is given, the others are predicted.
  fileprivate mutating func beginAfterFirstToken() {
    guard responseTokens.count > 1 else { return }
    promptTokens = [responseTokens.removeFirst()]
    logprobs?.removeFirst()
    responseMask?.removeFirst()
  }
}
