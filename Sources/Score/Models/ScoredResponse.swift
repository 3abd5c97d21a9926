internal import Formats
internal import Pipeline
internal import Rewards
internal import Tokenizer

/// A response after its prompt, as training sees it.
struct ScoredResponse: Sendable {
  private(set) var prompt: [Int32]
  private(set) var response: [Int32]
  /// Of the sampler.
  private(set) var logprobs: [Float]?
  /// Which tokens the policy said itself.
  private(set) var counts: [Bool]

  /// - Returns: Nil for what is not selected, and for a response without tokens or with nothing before it.
  /// - Throws: `badInput` for what the model cannot be asked.
  init?(_ input: RewardInput, _ model: ScoringModel) throws {
    guard input.isSelected else { return nil }
    (prompt, response, logprobs) = (input.promptTokens, input.responseTokens, input.logprobs)
    counts = input.responseMask ?? response.map { _ in true }
    guard counts.count == response.count, logprobs?.count ?? response.count == response.count else {
      throw RollbookError.badInput(
        "rollout \(input.id)", "its log-probabilities or mask do not have one value per token")
    }
    if prompt.isEmpty, response.count > 1 {
      // Text without a prompt: its first token is given, the others are predicted.
      prompt = [response.removeFirst()]
      counts.removeFirst()
      logprobs?.removeFirst()
    }
    if prompt.isEmpty || response.isEmpty { return nil }
    try model.check(prompt + response, of: input.id)
  }
}

extension ModelRow {
  init(_ response: ScoredResponse, family: Int) {
    (prompt, self.response, self.family) = (response.prompt, response.response, family)
  }
}

extension ScoringModel {
  /// Refuses a model whose tokens are not the rollouts'.
  /// - Throws: `missing` without a tokenizer, `badInput` for another one.
  func checkTokens(_ name: String, _ options: RewardOptions, _ context: ScoringContext) throws {
    switch options["tokens"] {
    case nil, "auto": break
    case "stored": return
    case let text?: throw RewardError("\(name): tokens=\(text): expected stored")
    }
    guard let own = tokenizer?.digest else {
      throw RollbookError.missing(
        "\(path)/tokenizer.json", "the model has no tokenizer, so nobody knows what its tokens mean",
        hint: "put its tokenizer.json there, or use \(name):tokens=stored if its tokens are the rollouts'")
    }
    guard let rollouts = try context.rolloutTokenizer(), rollouts != own else { return }
    throw RollbookError.badInput(
      path, "its tokenizer is \(own), the rollouts' \(rollouts)",
      hint: "\(name) reads the rollouts' own tokens: use a model with their tokenizer")
  }
}
