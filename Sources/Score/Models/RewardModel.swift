internal import Formats
internal import Kernels
internal import Model
internal import Pipeline
internal import Rewards
internal import Tokenizer

/// A model that says one number of a conversation: Rollbook's own checkpoints of `--recipe reward-model`, and Hugging
/// Face's `…ForSequenceClassification` with one label.
struct RewardModel: Sendable {
  /// Whether the score's bias counts, which `--recipe reward-model` moves after every step.
  private enum Center: String, CaseIterable { case trained, none }

  let model: ScoringModel
  let tokens: ConversationTokens
  let mean: Double
  let deviation: Double
  private let center: Center
  private let batchTokens: Int

  static let keys =
    [
      ModelRewards.pathKey, (key: "mean", explanation: "subtracted; 'config': as config.json says"),
      (key: "std", explanation: "divided by; or 'config'"),
      (key: "center", explanation: "trained, none: whether the score's bias counts"),
      (key: "tokens", explanation: "auto, stored, template, text: how it is shown a rollout"),
      (key: "read", explanation: "auto, last, non-pad: where the score is read"),
      (key: "truncate", explanation: "none, left: what is done to rows that are too long"),
      (key: "max-tokens", explanation: "of a row; default: the model's positions"),
      (key: "date", explanation: "what a template that asks for the day is told"),
    ] + ModelRewards.engineKeys

  /// - Throws: `RewardError` for settings; `badInput` and `missing` for files that are no reward model.
  init(_ name: String, _ options: RewardOptions, _ context: ScoringContext) throws {
    let settings = try ModelSettings(name, options, context)
    let center: Center = try options.choice("center", default: .trained)
    let matmul = context.models.matmul(settings.precision, context)
    model = try context.models.model("reward \(settings.path) \(settings.precision) \(center)") {
      let source = try ModelSource(opening: settings.path)
      let head = try Self.head(source, name)
      if center == .none { head.offset = 0 }
      return try ScoringModel(source, tokenizer: source.tokenizer(), head: head, role: "reward model", matmul) {
        try source.reading($0)
      }
    }
    self.center = center
    batchTokens = settings.batchTokens
    mean = try Self.statistic("mean", options, model) ?? 0
    deviation = try Self.statistic("std", options, model) ?? 1
    guard deviation > 0 else { throw RewardError("\(name): std=\(deviation): expected a number above 0") }
    tokens = try Self.tokens(name, options, context, model)
  }

  private static func head(_ source: ModelSource, _ name: String) throws -> ValueHead {
    let isPolicy = source.architecture.hasSuffix("ForCausalLM")
    if !isPolicy, source.files?.gguf == nil, let head = try source.head() { return head }
    let found = source.architecture.isEmpty ? "a model" : source.architecture
    throw RollbookError.badInput(
      source.path,
      "expected a reward model (…ForSequenceClassification, score.weight [1, \(source.configuration.hidden)]), found "
        + "\(found) \(isPolicy ? "" : "without a score")",
      hint: "make one with `rollbook train --recipe reward-model`; a policy's log-probabilities are logprob=PATH, "
        + "a critic's values value=PATH")
  }

  /// `mean=…` or `std=…`: a number, or what config.json says.
  private static func statistic(
    _ key: String, _ options: RewardOptions, _ model: ScoringModel
  ) throws -> Double? {
    guard options[key] == "config" else { return try options.number(key) }
    guard let value = model.config[key]?.double, value.isFinite else {
      throw RollbookError.badInput(
        "\(model.path)/config.json", "expected the number '\(key)' for \(key)=config, found none")
    }
    return value
  }

  private static func tokens(
    _ name: String, _ options: RewardOptions, _ context: ScoringContext, _ model: ScoringModel
  ) throws -> ConversationTokens {
    var choice: ConversationTokens.Choice = try options.choice("tokens", default: .auto)
    if choice == .auto {
      guard let own = model.tokenizer?.digest else {
        throw RollbookError.missing(
          "\(model.path)/tokenizer.json", "the model has no tokenizer, so nobody knows what its tokens mean",
          hint: "put its tokenizer.json there, or use tokens=stored if it was trained on the rollouts' tokens")
      }
      if try own == context.rolloutTokenizer() {
        choice = .stored
      } else if !context.quiet {
        Output.note(
          Terminal.sanitizeLine(
            "note: \(model.path) has another tokenizer than the rollouts: it is shown their conversations by its own "
              + "chat template"))
      }
    }
    var read: ConversationTokens.Read = try options.choice("read", default: .auto)
    if read == .auto { read = model.hasOwnHead ? .last : .nonPad }
    let limit = model.configuration.maximumPositions
    return ConversationTokens(
      choice: choice, truncation: try options.choice("truncate", default: .none), date: try options.date("date"),
      limit: try options.count("max-tokens", name, 2...max(2, limit)) ?? limit,
      pad: read == .nonPad ? model.config["pad_token_id"]?.int.flatMap { Int32(exactly: $0) } : nil)
  }

  /// What the rows must hold.
  var needs: RewardNeeds { tokens.choice == .stored ? .tokens : [.tokens, .conversation] }

  /// Everything that decides a score.
  var parameters: [(name: String, value: String)] {
    model.identity + tokens.parameters(model.tokenizer)
      + [("mean", "\(mean)"), ("std", "\(deviation)"), ("center", center.rawValue)]
  }

  /// (score − mean) / std of every row; nil for those that are not selected or have fewer than two tokens.
  func scores(_ groups: [[RewardInput]]) throws -> [[Double?]] {
    let rows = try groups.enumerated().map { try tokens.rows($0.element, family: $0.offset, model) }
    let answers = try model.ask(.score, rows.flatMap { $0.compactMap(\.self) }, batchTokens: batchTokens)
    var next = answers.makeIterator()
    return rows.map { group in
      group.map { row in
        guard row != nil, let score = next.next()?.first else { return nil }
        return (Double(score) - mean) / deviation
      }
    }
  }
}

extension ModelSource {
  /// The model for reading only; without the token head where it says numbers.
  func reading(_ matmul: Matmul, speaks: Bool = false) throws -> Transformer {
    guard let files else { throw RollbookError.bug("\(path) has no files") }
    return try .packed(configuration, from: files, matmul: matmul, speaks: speaks)
  }
}
