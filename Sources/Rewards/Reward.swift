/// What a reward may look at: one response and the facts of its prompt. Text is UTF-8 bytes.
package struct RewardInput: Sendable {
  /// The response without the end token.
  package var response: [UInt8]
  /// The right answer of the prompt, where there is one.
  package var answer: [UInt8]?
  /// The prompt's own text (its last user turn); used where `numbers` is nil.
  package var prompt: [UInt8]
  /// The numbers that the task is about, in the prompt's order (`meta.numbers`).
  package var numbers: [Int]?
  /// Tokens of the response, the end token included.
  package var responseLength: Int
  /// Mean response length of a reference for this prompt, in tokens.
  package var referenceLength: Double?
  /// Share of right answers of that reference for this prompt.
  package var referenceAccuracy: Double?
  /// Whether the answer is right; ``RewardSet`` fills it in from the reward that judges correctness.
  package var correct: Bool?

  package init(
    response: [UInt8], answer: [UInt8]? = nil, prompt: [UInt8] = [], numbers: [Int]? = nil, responseLength: Int = 0,
    referenceLength: Double? = nil, referenceAccuracy: Double? = nil, correct: Bool? = nil
  ) {
    self.response = response
    self.answer = answer
    self.prompt = prompt
    self.numbers = numbers
    self.responseLength = responseLength
    self.referenceLength = referenceLength
    self.referenceAccuracy = referenceAccuracy
    self.correct = correct
  }
}

/// The verdict on one response.
package struct RewardOutput: Equatable, Sendable {
  /// nil = not scored: the reward does not apply (no answer to compare with, no reference length, …). A response
  /// that is simply wrong gets a number.
  package var value: Double?
  /// What the reward read off the response, for people who look at rollouts; at most ``extractedLimit`` bytes.
  package var extracted: String?

  /// Longer extracts are cut here and marked with "…".
  package static let extractedLimit = 256

  package init(_ value: Double?, extracted: String? = nil) {
    self.value = value
    self.extracted = extracted
  }

  init(_ value: Double?, extracted bytes: some Collection<UInt8>) {
    self.value = value
    let cut = bytes.count > Self.extractedLimit
    extracted = String(decoding: bytes.prefix(Self.extractedLimit), as: UTF8.self) + (cut ? "…" : "")
  }
}

/// A scoring function: pure, total and linear in the text. Same inputs, same verdict, on any machine.
///
/// To add one: a file with the type, a row in ``RewardRegistry/table``, and a row in the tests.
package protocol Reward: Sendable {
  /// The name in specs, score sets and provenance.
  var name: String { get }
  /// Counts up with every change of any verdict, so that stored scores say which rule made them.
  var version: Int { get }
  /// Every setting, explicit, for provenance.
  var parameters: [(name: String, value: String)] { get }
  /// Whether the value 1 means that the answer is right.
  var judgesCorrectness: Bool { get }
  /// Whether ``RewardInput/correct`` must be filled in.
  var needsCorrectness: Bool { get }
  /// One verdict for each response of one group (all responses of a prompt in a step), in order.
  func score(_ group: [RewardInput]) -> [RewardOutput]
}

extension Reward {
  package var parameters: [(name: String, value: String)] { [] }
  package var judgesCorrectness: Bool { false }
  package var needsCorrectness: Bool { false }
}

/// A reward that looks at one response at a time.
package protocol RolloutReward: Reward {
  func score(_ input: RewardInput) -> RewardOutput
}

extension RolloutReward {
  package func score(_ group: [RewardInput]) -> [RewardOutput] {
    group.map { (input: RewardInput) -> RewardOutput in score(input) }
  }
}
