/// What a reward may look at: one response and the facts of its prompt. Text is UTF-8 bytes.
package struct RewardInput: Sendable {
  /// The rollout's id, as listings print it; "" in tests.
  package var id = ""
  /// The training step whose weights sampled it.
  package var step = 0
  /// Which prompt it answers.
  package var promptID = ""
  /// Which of the prompt's responses it is, from 0.
  package var sample = 0
  /// The response without the end token.
  package var response: [UInt8]
  /// The right answer of the prompt, where there is one.
  package var answer: [UInt8]?
  /// The prompt's own text (its last user turn); used where `numbers` is nil.
  package var prompt: [UInt8]
  /// The prompt as the policy saw it, after the chat template.
  package var promptText: [UInt8] = []
  /// The prompt as a conversation, in JSON, where it is one.
  package var messages: String?
  /// What else the prompt came with, in JSON.
  package var metaText: String?
  /// The same, parsed; an empty object where there is none.
  package var meta = Fact.object([])
  /// The numbers that the task is about, in the prompt's order (`meta.numbers`).
  package var numbers: [Int]?
  package var promptTokens: [Int32] = []
  /// The end token included.
  package var responseTokens: [Int32] = []
  /// Behaviour log-probability of each response token, in nats, where the rollout has them.
  package var logprobs: [Float]?
  /// Which response tokens the policy said itself; nil means all.
  package var responseMask: [Bool]?
  /// What they were drawn at; nil where the shard does not say. Greedy ones were drawn at 0.
  package var temperature: Float?
  /// The group's number within its step.
  package var group = 0
  /// Tokens of the response, the end token included.
  package var responseLength: Int
  /// The most tokens that sampling allowed (`--max-new-tokens`), where that is known.
  package var lengthLimit: Int?
  /// Whether the response was cut off at that limit.
  package var truncated = false
  /// Mean response length of a reference for this prompt, in tokens.
  package var referenceLength: Double?
  /// Share of right answers of that reference for this prompt.
  package var referenceAccuracy: Double?
  /// Whether its scores are asked for (`--where`): what costs time is spent on these only. Group means count all.
  package var isSelected = true
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

/// A value of a prompt's `meta`: JSON without its text.
package indirect enum Fact: Sendable, Equatable {
  case null
  case bool(Bool)
  case number(Double)
  case text(String)
  case list([Fact])
  /// In the order of the file; keys are unique.
  case object([(key: String, value: Fact)])

  package subscript(key: String) -> Fact? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.key == key }?.value
  }
  package var text: String? { if case .text(let value) = self { value } else { nil } }
  package var number: Double? { if case .number(let value) = self { value } else { nil } }
  package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  package var list: [Fact]? { if case .list(let value) = self { value } else { nil } }

  package static func == (a: Fact, b: Fact) -> Bool {
    switch (a, b) {
    case (.null, .null): true
    case (.bool(let a), .bool(let b)): a == b
    case (.number(let a), .number(let b)): a == b
    case (.text(let a), .text(let b)): a == b
    case (.list(let a), .list(let b)): a == b
    case (.object(let a), .object(let b)): a.count == b.count && zip(a, b).allSatisfy { $0.key == $1.key && $0.value == $1.value }
    default: false
    }
  }
}

/// The parts of ``RewardInput`` that cost something to fill in: what no reward of a set asks for stays empty.
package struct RewardNeeds: OptionSet, Sendable {
  package let rawValue: Int
  package init(rawValue: Int) { self.rawValue = rawValue }

  /// `correct`.
  package static let correctness = RewardNeeds(rawValue: 1)
  /// `prompt` and `numbers`.
  package static let prompt = RewardNeeds(rawValue: 2)
  /// `meta`.
  package static let meta = RewardNeeds(rawValue: 4)
  /// `id`, `promptText`, `messages`, `metaText`.
  package static let conversation = RewardNeeds(rawValue: 8)
  /// `id`, `promptTokens`, `responseTokens`, `logprobs`, `responseMask`.
  package static let tokens = RewardNeeds(rawValue: 16)
}
