internal import Formats

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Rows of one step as a run of a language model would leave them: groups of 8, prompts of about 100 tokens (400
/// characters), responses of 200 in the mean (20 to 1,000, most of them short), three reward components.
struct SyntheticRows {
  static let groupSize = 8
  static let components = ["correct", "format", "length"]
  static let set = "main"

  private var text: SyntheticText
  private let seed: Int

  init(seed: Int) {
    self.seed = seed
    text = SyntheticText(seed: UInt64(truncatingIfNeeded: seed))
  }

  /// The digest of the made-up weights of a step.
  static func policy(step: Int) -> String { Digest.xxh3("policy \(step)") }

  mutating func step(_ step: Int, count: Int) throws -> (rollouts: [Rollout], scores: [ScoreRow]) {
    var rollouts: [Rollout] = []
    var scores: [ScoreRow] = []
    rollouts.reserveCapacity(count)
    scores.reserveCapacity(count)
    let policy = Self.policy(step: step)
    var group = 0
    while rollouts.count < count {
      let promptID = "problem-\(text.random.next() % 100_000)-\(group)"
      let promptTokens = text.tokens(60 + Int(text.random.next() % 81), after: [])
      let prompt = text.text(promptTokens)
      let messages = try Message.json([
        Message(role: "system", content: "Think, then answer."), Message(role: "user", content: prompt),
      ])
      let answer = String(text.random.next() % 10_000)
      // The samples of a group say much the same.
      var said = promptTokens
      for sample in 0..<min(Self.groupSize, count - rollouts.count) {
        let id = RolloutID.make(seed: seed, step: step, promptID: promptID, sample: sample, policy: policy)
        let tokens = text.tokens(length(), after: said)
        said += tokens
        let isRight = text.random.next() % 3 == 0
        rollouts.append(
          Rollout(
            id: id, step: step, group: group, sample: sample, promptID: promptID,
            task: group % 4 == 0 ? "algebra" : "counting", messages: messages, promptText: prompt,
            promptTokens: promptTokens, responseText: text.text(tokens), responseTokens: tokens,
            logprobs: tokens.map { _ in logprob() }, finishReason: tokens.count >= 1000 ? .length : .stop,
            answer: answer, policy: policy, policyStep: step, seed: seed))
        scores.append(
          score(id, step: step, promptID, sample, isRight: isRight, length: tokens.count, answer: answer))
      }
      group += 1
    }
    return (rollouts, scores)
  }

  private mutating func score(
    _ id: RolloutID, step: Int, _ promptID: String, _ sample: Int, isRight: Bool, length: Int, answer: String
  ) -> ScoreRow {
    let isFormed = text.random.next() % 10 != 0
    let values: [Double?] = [isRight ? 1 : 0, isFormed ? 1 : 0, isFormed ? 1 - Double(length) / 1000 : nil]
    return ScoreRow(
      rollout: id, step: step, promptID: promptID, sample: sample,
      reward: (isRight ? 1 : 0) + (isFormed ? 0.2 : 0), components: values,
      extracted: isFormed ? (isRight ? answer : String(text.random.next() % 10_000)) : nil)
  }

  /// Exponential above 20 tokens, so that the mean is about 200.
  private mutating func length() -> Int {
    min(1000, 20 + Int(-182 * log(1 - text.fraction())))
  }

  /// Most tokens are likely, some are not; all bits of the mantissa vary, as in real ones.
  private mutating func logprob() -> Float {
    let u = Float(text.fraction())
    return -u * u * u * 4 - Float.leastNonzeroMagnitude
  }
}
