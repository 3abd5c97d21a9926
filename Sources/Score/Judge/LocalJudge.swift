internal import Formats
internal import Foundation
internal import Kernels
internal import Model
internal import Pipeline
internal import Rewards
internal import Tokenizer

/// A language model that the engine which samples and trains runs here.
///
/// A reply depends on the question, its name, the seed and the step, the weights and the settings: not on what is asked
/// beside it, nor on the number of threads.
struct LocalJudge: JudgeBackend {
  let model: ScoringModel
  let parameters: [(name: String, value: String)]
  private let tokenizer: Tokenizer
  private let settings: SamplingSettings
  private let date: LocalTime?
  /// Tokens of questions and replies that are held at once; nil: what half of the memory holds.
  private let batchTokens: Int?
  private let seed: Int
  private let step: Int

  /// Questions that are answered at once: few, since an interrupt waits until all their tokens are read.
  private static let sequences = 16
  private static let mostTokens = 1_048_576
  static let keys = [
    (key: "path", explanation: "instead of a url: a model's folder, a .gguf file, 'step:N' or 'latest'"),
    (key: "date", explanation: "with path: what a template that asks for the day is told"),
    (key: "precision", explanation: "with path: f32, bf16; default: as the rollouts were sampled"),
    (key: "batch-tokens", explanation: "with path: tokens held at once; default: half of the memory"),
  ]

  /// - Throws: `RewardError` for settings; `missing` and `badInput` for a model that is not there or cannot be asked.
  init(_ options: RewardOptions, _ context: ScoringContext) throws {
    let name = options.name, temperature = Float(try options.number("temperature") ?? 0)
    guard temperature >= 0, temperature.isFinite else {
      throw RewardError("\(name): temperature=\(temperature): expected 0 or more")
    }
    settings = try Self.sampling(temperature, options.count("max-tokens", 1...Self.mostTokens, default: 256))
    date = try options.date("date")
    let engine = try ModelSettings(name, options, context)
    batchTokens = options["batch-tokens"] == nil ? nil : engine.batchTokens
    let model = try ScoringModel.language(name, engine, context)
    guard let tokenizer = model.tokenizer else {
      throw RollbookError.missing(
        "\(model.path)/tokenizer.json", "the model has no tokenizer to read the question with",
        hint: "put its tokenizer.json there")
    }
    guard let template = tokenizer.chatTemplate else {
      throw RollbookError.missing(
        model.path, "the model has no chat template to be asked by",
        hint: "use an instruction-tuned model, or put its chat_template.jinja into the folder")
    }
    try template.check()
    let vocabulary = model.configuration.vocabularyCount
    guard tokenizer.vocabularyCount <= vocabulary else {
      throw RollbookError.badInput(
        model.path, "the tokenizer has \(tokenizer.vocabularyCount) tokens, the model \(vocabulary)")
    }
    (self.model, self.tokenizer) = (model, tokenizer)
    (seed, step) = (context.seed, context.step)
    parameters =
      model.identity + [
        ("tokenizer", tokenizer.digest), ("chat-template", Digest.xxh3(template.text)),
        ("end-tokens", tokenizer.eosIDs.sorted().map(String.init).joined(separator: " ")),
        ("temperature", "\(temperature)"), ("max-tokens", "\(settings.maxNewTokens)"),
      ] + (date.map { [("date", $0.date)] } ?? [])
  }

  private static func sampling(_ temperature: Float, _ mostTokens: Int) -> SamplingSettings {
    var settings = SamplingSettings()
    settings.temperature = temperature
    settings.maxNewTokens = mostTokens
    return settings
  }

  var place: String { model.path }

  /// - Throws: `badInput` for a question that the model has no room for, naming the rollout; `interrupted`.
  func replies(to questions: [JudgeQuestion]) throws -> [String] {
    if questions.isEmpty { return [] }
    let requests = try questions.map { question in
      let random = RolloutRandom(
        seed: UInt64(bitPattern: Int64(seed)), step: UInt64(max(0, step)), prompt: Draw.number(question.name),
        sample: 0)
      return GenerationRequest(prompt: try tokens(question), randoms: [random])
    }
    var replies = [String?](repeating: nil, count: questions.count)
    var broken: Int?
    try model.speak { transformer in
      let decoder = Decoder(
        transformer, settings: settings, endTokens: tokenizer.eosIDs, sequences: min(questions.count, Self.sequences))
      let tokens = batchTokens ?? Int(ProcessInfo.processInfo.physicalMemory / 2) / max(1, decoder.bytesPerToken)
      decoder.limit(sequences: decoder.affordable(requests, tokens: tokens) ?? 1)
      decoder.generate(
        requests, stops: { _ in false }, progress: { _ in broken == nil && !Interrupt.requested },
        finish: { reply in
          if reply.finish == .notFinite { broken = broken ?? reply.request }
          let shown = reply.finish == .endToken ? reply.tokens.dropLast() : reply.tokens[...]
          // With special tokens: some models' `</think>` is one.
          replies[reply.request] = tokenizer.decode(shown, skipSpecialTokens: false)
        })
    }
    if let broken {
      throw RollbookError.badInput(
        "rollout \(questions[broken].rollout)", "the judge's logits are not finite numbers",
        hint: "the weights of \(model.path) are damaged, or their training diverged")
    }
    let whole = replies.compactMap(\.self)
    guard whole.count == questions.count else { throw Interrupt.error("scores that were stored are kept") }
    return whole
  }

  /// The question as the user's message, up to where the assistant's turn begins.
  private func tokens(_ question: JudgeQuestion) throws -> [Int32] {
    let message = Message(role: "user", content: withoutSpecialTokens(question.text))
    var input = ChatTemplate.Input(messages: [message.json])
    input.now = date
    let text: String
    do {
      text = try tokenizer.render(input).text
    } catch let error as RollbookError {
      throw RollbookError.badInput(
        "rollout \(question.rollout)", "\(model.path) cannot render the question about it: \(error.message)",
        hint: "a template that asks for the day needs date=YYYY-MM-DD")
    }
    let tokens = tokenizer.encode(text, addSpecialTokens: false)
    let positions = model.configuration.maximumPositions
    guard !tokens.isEmpty, tokens.count <= positions - settings.maxNewTokens else {
      throw RollbookError.badInput(
        "rollout \(question.rollout)", "the question about it has \(tokens.count) tokens, and \(model.path) has "
          + "\(positions) positions, \(settings.maxNewTokens) of them for the reply (max-tokens)",
        hint: "leave such rollouts out with --where 'response_length <= N'")
    }
    return tokens
  }

  /// The text with a space in every special token that it spells: none may end the user's turn, or begin the judge's.
  private func withoutSpecialTokens(_ text: String) -> String {
    var text = Array(text.unicodeScalars)
    // What is parted may spell another one; no tokenizer needs many rounds.
    for _ in 0..<8 {
      let string = String(String.UnicodeScalarView(text))
      let found = Set(tokenizer.encode(string, addSpecialTokens: false).filter(tokenizer.isSpecial))
      // The token for unknown bytes is found too, though the text does not spell it.
      let spellings = found.map { Array(tokenizer.decode([$0], skipSpecialTokens: false).unicodeScalars) }
        .filter { $0.count > 1 && text.firstRange(of: $0) != nil }
      if spellings.isEmpty { return string }
      // The longest first: it may hold others.
      let longestFirst = spellings.sorted {
        $0.count == $1.count ? $0.lexicographicallyPrecedes($1) : $0.count > $1.count
      }
      for spelling in longestFirst {
        text = text.replacing(spelling, with: [spelling[0], " "] + spelling.dropFirst())
      }
    }
    return String(String.UnicodeScalarView(text))
  }
}
