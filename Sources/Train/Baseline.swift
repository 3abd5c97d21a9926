internal import Formats
internal import Objectives
internal import Pipeline

/// What rollouts of the same prompts, but of another policy or drawn otherwise, say of each prompt: greedy ones for
/// ReMax, the reference model's for O1-Pruner.
struct Baseline {
  struct Prompt {
    /// Means over the prompt's responses: reward, length in tokens, share that passed.
    var reward: Double
    var length: Double
    var accuracy: Double
  }

  private var prompts: [String: Prompt] = [:]
  private(set) var inputs: [Manifest.Input] = []

  subscript(prompt: String) -> Prompt? { prompts[prompt] }

  /// - Throws: what reading the buffer throws; `missing` where it has no scores.
  init(path: String, step: Int, scores: String) throws {
    let buffer = try Buffer.open(path: path, create: false)
    let data = try TrainingData(buffer, Drawn(step: step), scores: scores, needsScores: { _ in true })
    self.init(data.examples)
    inputs = data.inputs.map { Manifest.Input(role: "baseline-\($0.role)", name: "\(path)/\($0.name)", digest: $0.digest) }
  }

  /// What a group says of its own prompt.
  init(_ examples: [Example]) {
    for (prompt, group) in Dictionary(grouping: examples.filter({ $0.reward != nil }), by: \.rollout.promptID) {
      let count = Double(group.count)
      prompts[prompt] = Prompt(
        reward: group.reduce(0) { $0 + ($1.reward ?? 0) } / count,
        length: group.reduce(0) { $0 + Double($1.rollout.responseTokens.count) } / count,
        accuracy: Double(group.count { $0.isCorrect }) / count)
    }
  }
}

extension Train {
  /// - Throws: `usage` where the recipe needs another buffer and none is given, or needs none; `missing` for one that
  ///   has none of the prompts.
  func findBaseline(_ recipe: Recipe, _ data: TrainingData) throws -> Baseline? {
    let isHarmonizing = if case .lengthHarmonizing = recipe.advantage { true } else { false }
    if let baseline {
      guard isHarmonizing || recipe.needs.contains(.greedy) else {
        throw RollbookError.usage(
          "--baseline: recipe \(recipe.name) compares with no other rollouts", hint: "remax and o1-pruner do")
      }
      let found = try Baseline(path: baseline, step: stage.step, scores: scores)
      let prompts = Set(data.examples.filter { Role($0.rollout.kind, for: recipe) == .sample }.map(\.rollout.promptID))
      let missing = prompts.count { found[$0] == nil }
      guard missing < prompts.count else {
        throw RollbookError.missing(
          baseline, "step \(stage.step) there has no scored response to any of the \(prompts.count) prompts",
          hint: "generate it with the same --prompts, --prompts-per-step and --step")
      }
      if missing > 0 {
        stage.note("note: --baseline has no scored response to \(missing) of \(prompts.count) prompts")
      }
      return found
    }
    if isHarmonizing { return Baseline(data.examples) }
    guard recipe.needs.contains(.greedy) else { return nil }
    throw RollbookError.usage(
      "--recipe \(recipe.name) compares with greedy responses to the same prompts, and none are given",
      hint: "generate them into another buffer with --temperature 0 --group-size 1, score them, and give it as --baseline")
  }
}
