/// A whole step before it is split: what ``Recipe/prepare(_:)`` reads. Per-token lists are ragged, one entry per
/// response token; an empty list is a statistic that nobody computed (``Recipe/needs`` says which must be there).
package struct StepData: Sendable {
  package struct Response: Sendable {
    /// Which tokens train, one per response token.
    package var trains: [Bool]
    /// nil = nobody scored it.
    package var reward: Double?
    /// Responses to one prompt; members need not be adjacent.
    package var group: Int
    /// Log-probabilities before the first update, and those of the reference.
    package var old: [Double] = []
    package var reference: [Double] = []
    /// Values before the first update, and the one after the last token (0 for a finished response).
    package var values: [Double] = []
    package var bootstrap = 0.0
    /// Rewards per token; empty = the reward on the last trained token.
    package var tokenRewards: [Double] = []
    /// Rewards by function, for ``MultiReward``; nil = that function did not score.
    package var components: [Double?] = []
    /// Reward of the greedy response to the same prompt, for ReMax.
    package var greedyReward: Double?
    /// BRPO: one judgement of the response against its group's reference (``BRPO/references(groups:seed:)``). nil =
    /// the two rewards are compared.
    package var pairScores: (own: Double, reference: Double)?
    /// KTO: nil = the reward decides.
    package var isDesirable: Bool?
    /// KTO: Σ (old − reference) of a completion after the wrong prompt.
    package var mismatched: Double?
    /// O1-Pruner: whether it is right, and the reference model's mean length and accuracy on the prompt.
    package var isCorrect: Bool?
    package var referenceLength: Double?
    package var referenceAccuracy: Double?
    /// Learned by likelihood beside the rollouts.
    package var isDemonstration = false

    package init(trains: [Bool], reward: Double? = nil, group: Int = 0) {
      self.trains = trains
      self.reward = reward
      self.group = group
    }

    package var trainedTokens: Int { trains.count { $0 } }
  }

  package var responses: [Response]
  /// For losses on pairs, both halves of one group; weights are not read. Empty = the recipe makes them of the rewards.
  package var pairs: [Pair]
  /// The longest response that generation allows, in tokens: Dr. GRPO's constant.
  package var responseLimit: Int
  /// Decides the draws of the step (BRPO's references).
  package var seed: UInt64

  package init(responses: [Response] = [], pairs: [Pair] = [], responseLimit: Int = 1, seed: UInt64 = 0) {
    self.responses = responses
    self.pairs = pairs
    self.responseLimit = responseLimit
    self.seed = seed
  }
}

/// What a recipe makes of a whole step, once, before it is split into minibatches and micro-batches: losses and
/// gradients of any split then simply add.
package struct PreparedStep: Sendable {
  /// One per response token; 0 at tokens that do not train.
  package internal(set) var advantages: [[Double]]
  /// What the critic is fitted to; empty rows without a critic.
  package internal(set) var returns: [[Double]]
  /// false = the response is left out: its weights are 0, and it counts in no mean.
  package internal(set) var isKept: [Bool]
  /// The comparisons of the whole step, without weights.
  package internal(set) var pairs: [Pair] = []
  /// KTO's z₀.
  package internal(set) var offset = 0.0
  /// The names and values that a trainer logs.
  package internal(set) var metrics: [(name: String, value: Double)] = []

  init(_ responses: [StepData.Response]) {
    advantages = responses.map { [Double](repeating: 0, count: $0.trains.count) }
    returns = responses.map { _ in [] }
    isKept = responses.map { _ in true }
  }
}

/// What a recipe learns from.
package enum DataKind: String, Sendable, CaseIterable {
  /// Scored responses.
  case rollouts
  /// Chosen and rejected responses.
  case pairs
  /// Responses that are good or bad.
  case labelled
  /// Responses to imitate.
  case demonstrations
}

/// What must be computed before or beside the policy's log-probabilities.
package struct Needs: OptionSet, Sendable, CustomStringConvertible {
  package let rawValue: Int
  package init(rawValue: Int) { self.rawValue = rawValue }

  /// Log-probabilities under the frozen reference.
  package static let reference = Needs(rawValue: 1)
  /// Entropies, and their gradient.
  package static let entropy = Needs(rawValue: 2)
  /// Log-probabilities as the sampler stored them.
  package static let behaviour = Needs(rawValue: 4)
  /// The critic: values before the first update, and their gradient.
  package static let values = Needs(rawValue: 8)
  /// Log-probabilities before the first update, in ``StepData``.
  package static let old = Needs(rawValue: 16)
  /// The reward of the greedy response to each prompt.
  package static let greedy = Needs(rawValue: 32)
  /// A reward head's score at the last token instead of log-probabilities.
  package static let scores = Needs(rawValue: 64)
  /// Completions after the wrong prompts (KTO); without them z₀ = 0.
  package static let mismatched = Needs(rawValue: 128)

  package var description: String {
    let names: [(Needs, String)] = [
      (.reference, "reference"), (.entropy, "entropy"), (.behaviour, "behaviour"), (.values, "values"), (.old, "old"),
      (.greedy, "greedy"), (.scores, "scores"), (.mismatched, "mismatched"),
    ]
    return names.filter { contains($0.0) }.map(\.1).joined(separator: ", ")
  }
}
