internal import Formats
internal import Rewards
internal import Tokenizer

/// How a reward model is shown a rollout.
struct ConversationTokens: Sendable {
  enum Choice: String, CaseIterable, Sendable {
    /// `stored` where the model has the rollouts' tokenizer, else `template`, or `text` without messages.
    case auto
    /// The very tokens of the rollout.
    case stored
    /// The conversation with the response as the assistant's turn, by the model's own chat template.
    case template
    /// The prompt as the policy saw it and the response, as one text.
    case text
  }

  enum Truncation: String, CaseIterable, Sendable { case none, left }

  enum Read: String, CaseIterable, Sendable {
    /// `last` for Rollbook's own checkpoints, `non-pad` for others.
    case auto
    case last
    /// transformers' rule: the last token that is not `pad_token_id`.
    case nonPad = "non-pad"
  }

  let choice: Choice
  let truncation: Truncation
  let date: LocalTime?
  /// The most tokens of a row.
  let limit: Int
  /// Dropped at the end.
  let pad: Int32?

  /// Every setting that decides the tokens, for provenance.
  func parameters(_ tokenizer: Tokenizer?) -> [(name: String, value: String)] {
    var all = [("tokens", choice.rawValue), ("truncate", truncation.rawValue), ("max-tokens", "\(limit)")]
    all.append(("read", pad.map { "before \($0)" } ?? "last"))
    guard choice != .stored else { return all }
    all.append(("tokenizer", tokenizer?.digest ?? "none"))
    all.append(("template", Digest.xxh3(tokenizer?.chatTemplate?.text ?? "")))
    if let date { all.append(("date", date.date)) }
    return all
  }

  /// The rows of one group, parallel to it; nil for what is not selected or has fewer than two tokens.
  /// - Throws: `badInput` for what the template refuses or what is too long, naming the rollout.
  func rows(_ group: [RewardInput], family: Int, _ model: ScoringModel) throws -> [ModelRow?] {
    var last: (text: String?, turns: [Message]?) = (nil, nil)
    let sequences = try group.map { input -> [Int32] in
      guard input.isSelected else { return [] }
      if choice != .stored, choice != .text, input.messages != last.text {
        last = (input.messages, try messages(input))
      }
      return try cut(try tokens(input, last.turns, model), of: input.id, model)
    }
    let there = sequences.filter { !$0.isEmpty }
    // What they have in common is computed once; tokens of one conversation may part within the last prompt token.
    let common = there.dropFirst().reduce(there.first?.count ?? 0) { count, tokens in
      min(count, zip(tokens, there[0]).prefix { $0 == $1 }.count)
    }
    let shared = min(common, (there.map(\.count).min() ?? 1) - 1)
    return sequences.map { ModelRow($0, sharing: shared, family: family) }
  }

  private func messages(_ input: RewardInput) throws -> [Message]? {
    guard let text = input.messages else { return nil }
    let place = "rollout \(input.id)"
    return try Message.messages(JSON.parse(text, source: place), place: place)
  }

  private func tokens(_ input: RewardInput, _ turns: [Message]?, _ model: ScoringModel) throws -> [Int32] {
    if choice == .stored { return input.promptTokens + input.responseTokens }
    guard let tokenizer = model.tokenizer else {
      throw RollbookError.missing(
        "\(model.path)/tokenizer.json", "the model has no tokenizer to read texts with",
        hint: "put its tokenizer.json there, or use tokens=stored if it was trained on the rollouts' tokens")
    }
    let response = String(decoding: input.response, as: UTF8.self)
    if choice != .text, let turns {
      var messages = turns.map(\.json)
      messages.append(Message(role: "assistant", content: response).json)
      var template = ChatTemplate.Input(messages: messages, addGenerationPrompt: false)
      template.now = date
      do {
        return tokenizer.encode(try tokenizer.render(template).text, addSpecialTokens: false)
      } catch let error as RollbookError {
        throw RollbookError.badInput(
          "rollout \(input.id)", "\(model.path) cannot render its conversation: \(error.message)",
          hint: "tokens=text shows it the prompt as the policy saw it; a template that asks for the day needs "
            + "date=YYYY-MM-DD")
      }
    }
    guard choice != .template else {
      throw RollbookError.badInput(
        "rollout \(input.id)", "it has no messages for the chat template of \(model.path)",
        hint: "its prompt was plain text: use tokens=text")
    }
    let text = String(decoding: input.promptText, as: UTF8.self) + response
    var tokens = tokenizer.encode(text, addSpecialTokens: true)
    if !input.truncated, let end = tokenizer.eosID ?? tokenizer.eosIDs.min(), tokens.last != end { tokens.append(end) }
    return tokens
  }

  private func cut(_ tokens: [Int32], of id: String, _ model: ScoringModel) throws -> [Int32] {
    var tokens = tokens
    if let pad { while tokens.count > 1, tokens.last == pad { tokens.removeLast() } }
    if tokens.count > limit {
      guard truncation == .left else {
        throw RollbookError.badInput(
          "rollout \(id)", "it has \(tokens.count) tokens, and \(model.path) takes \(limit)",
          hint: "truncate=left keeps the last \(limit); or leave such rollouts out with --where")
      }
      tokens = Array(tokens.suffix(limit))
    }
    try model.check(tokens, of: id)
    return tokens
  }
}
