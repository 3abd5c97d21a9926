internal import Formats
internal import Pipeline
internal import Rewards

/// A generative judge compares each response with one of its own group, drawn at random (BRPO, Writing-Zero, arXiv
/// 2506.00103): +1 where it is better, −1 where it is worse, 0 for a tie; null for the reference itself.
struct JudgeReward: Scorer {
  let name = "judge"
  let version = 1
  let parameters: [(name: String, value: String)]
  let needs: RewardNeeds = [.conversation]
  let rowsAtOnce = 64
  private let backend: any JudgeBackend
  private let template: JudgeTemplate
  private let swaps: Bool
  private let seed: Int

  /// Pairs about which no reply has a verdict that show the judge itself to be at fault.
  private static let hopeless = 4

  static func entry(_ context: ScoringContext) -> RewardRegistry.Entry {
    RewardRegistry.Entry(
      name: "judge",
      summary: "1, 0 or -1 against a random response, by a language model",
      keys: [
        ("template", "a file with the question, instead of the one that is built in"),
        ("swap", "false: ask once, in a random order; default true: in both orders"),
      ] + HTTPJudge.keys + LocalJudge.keys, mainKey: "url"
    ) { options in
      guard try isLocal(options) else { return try JudgeReward(options, context, HTTPJudge(options, context)) }
      return try LocalJudgeReward(options, context)
    }
  }

  /// Whether the judge is a model here, rather than behind a server.
  private static func isLocal(_ options: RewardOptions) throws(RewardError) -> Bool {
    let name = options.name, url = options["url"], path = options["path"]
    if let url, let path {
      throw RewardError("\(name): url=\(url) and path=\(path): expected a server or a model here, found both")
    }
    guard (url ?? path)?.isEmpty == false else {
      throw RewardError("\(name): expected url=http://HOST:PORT, or path=MODEL for a model here")
    }
    let both: Set = ["temperature", "max-tokens"]
    let others = path == nil ? LocalJudge.keys.map { $0.key } : HTTPJudge.keys.map { $0.0 }
    if let other = others.first(where: { !both.contains($0) && options[$0] != nil }) {
      throw RewardError("\(name): \(other) is for a judge with \(path == nil ? "path" : "url")=")
    }
    return path != nil
  }

  init(_ options: RewardOptions, _ context: ScoringContext, _ backend: any JudgeBackend) throws {
    template = try JudgeTemplate(path: options["template"])
    swaps = try options.flag("swap", default: true)
    seed = context.seed
    self.backend = backend
    parameters =
      backend.parameters + [
        ("template", template.digest), ("swap", "\(swaps)"), ("seed", "\(seed)"),
      ]
  }

  /// One response against the reference, and where its questions are.
  private struct Pair {
    let group: Int
    let place: Int
    /// Whether the response stands first, for each question.
    let isFirst: [Bool]
    let questions: Range<Int>
  }

  func score(groups: [[RewardInput]]) throws -> [[RewardOutput]] {
    var outputs = groups.map { $0.map { _ in RewardOutput(nil) } }
    var pairs: [Pair] = []
    var questions: [JudgeQuestion] = []
    for (index, group) in groups.enumerated() where !group.isEmpty {
      let reference = reference(of: group)
      outputs[index][reference].extracted = "reference"
      for (place, input) in group.enumerated() where place != reference && input.isSelected {
        guard input.response != group[reference].response else {
          outputs[index][place] = RewardOutput(0, extracted: "the same text")
          continue
        }
        let start = questions.count
        let orders = orders(input)
        for isFirst in orders {
          questions.append(question(input, group[reference], isFirst: isFirst))
        }
        pairs.append(Pair(group: index, place: place, isFirst: orders, questions: start..<questions.count))
      }
    }
    let replies = try backend.replies(to: questions)
    for pair in pairs { outputs[pair.group][pair.place] = output(pair, replies) }
    if pairs.count >= Self.hopeless, replies.allSatisfy({ Verdict($0) == nil }) {
      throw RollbookError.badInput(
        backend.place,
        "expected a line 'Verdict: A', 'Verdict: B' or 'Verdict: tie' in the reply, found none in "
          + "\(replies.count) replies; the first ends in '\(Terminal.sanitizeLine(String(replies[0].suffix(160))))'",
        hint: "max-tokens=N gives it more room; template=FILE asks otherwise")
    }
    return outputs
  }

  /// Which response of a group the others are compared with: it depends on the seed, the step and the prompt.
  private func reference(of group: [RewardInput]) -> Int {
    var draw = Draw(seed, "reference \(group[0].step) \(group[0].promptID)")
    return Int.random(in: group.indices, using: &draw)
  }

  private func orders(_ input: RewardInput) -> [Bool] {
    if swaps { return [true, false] }
    var draw = Draw(seed, "order \(input.step) \(input.promptID) \(input.sample)")
    return [draw.next() & 1 == 0]
  }

  private func question(_ input: RewardInput, _ reference: RewardInput, isFirst: Bool) -> JudgeQuestion {
    let (a, b) = isFirst ? (input, reference) : (reference, input)
    return JudgeQuestion(
      rollout: input.id, name: "\(input.id) \(isFirst)",
      text: template.question(prompt: Self.prompt(input), a: a.responseString, b: b.responseString, seed: seed))
  }

  /// The turns of the conversation, or the prompt as it is.
  private static func prompt(_ input: RewardInput) -> String {
    guard let text = input.messages, let json = try? JSON.parse(text, source: "messages"),
      let messages = try? Message.messages(json, place: "messages"), !messages.isEmpty
    else { return String(decoding: input.promptText, as: UTF8.self) }
    if messages.count == 1 { return messages[0].content }
    return messages.map { "[\($0.role)]\n\($0.content)" }.joined(separator: "\n\n")
  }

  private func output(_ pair: Pair, _ replies: [String]) -> RewardOutput {
    var values: [Double] = []
    for (isFirst, place) in zip(pair.isFirst, pair.questions) {
      guard let verdict = Verdict(replies[place]) else { return RewardOutput(nil, extracted: "no verdict") }
      values.append(verdict == .tie ? 0 : (verdict == .a) == isFirst ? 1 : -1)
    }
    guard let first = values.first else { return RewardOutput(nil) }
    guard values.allSatisfy({ $0 == first }) else { return RewardOutput(0, extracted: "the orders disagree") }
    return RewardOutput(first, extracted: first > 0 ? "better" : first < 0 ? "worse" : "tie")
  }
}
