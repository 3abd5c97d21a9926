/// Why sampling ended.
package enum FinishReason: String, Sendable, CaseIterable {
  /// The end token was sampled.
  case stop
  /// A stop string appeared.
  case stopString = "stop_string"
  /// The token limit was reached.
  case length
}

/// One response to one prompt, with all that training on it needs: a row of a rollout shard (docs/format.md).
package struct Rollout: Equatable, Sendable {
  package var id: RolloutID
  /// Training step whose checkpoint it was sampled from.
  package var step: Int
  /// The group of samples it competes with, numbered within the step.
  package var group: Int
  /// Number within the group, from 0.
  package var sample: Int
  /// "sample"; rows that nobody sampled are "demonstration", "chosen", "rejected" or "text".
  package var kind: String
  package var promptID: String
  /// Which task of a mixture the prompt belongs to.
  package var task: String?
  /// The prompt as a conversation, in JSON; nil when it was given as text.
  package var messages: String?
  /// The prompt as the policy saw it, after the chat template.
  package var promptText: String
  package var promptTokens: [Int32]
  package var responseText: String
  /// The end token included when it was sampled.
  package var responseTokens: [Int32]
  /// Behaviour log-probability of each response token under the distribution it was drawn from, in nats.
  package var logprobs: [Float]?
  /// Which response tokens train; nil means all.
  package var responseMask: [Bool]?
  package var finishReason: FinishReason
  /// What a verifier compares with.
  package var answer: String?
  /// Anything else the prompt came with, in JSON.
  package var meta: String?
  /// Digest of the weights that sampled it; "" when unknown.
  package var policy: String
  /// Step of the checkpoint that sampled it; nil for a model from elsewhere.
  package var policyStep: Int?
  /// The stage's seed.
  package var seed: Int

  package init(
    id: RolloutID, step: Int, group: Int, sample: Int, kind: String = "sample", promptID: String, task: String? = nil,
    messages: String? = nil, promptText: String, promptTokens: [Int32], responseText: String, responseTokens: [Int32],
    logprobs: [Float]? = nil, responseMask: [Bool]? = nil, finishReason: FinishReason, answer: String? = nil,
    meta: String? = nil, policy: String, policyStep: Int? = nil, seed: Int
  ) {
    self.id = id
    self.step = step
    self.group = group
    self.sample = sample
    self.kind = kind
    self.promptID = promptID
    self.task = task
    self.messages = messages
    self.promptText = promptText
    self.promptTokens = promptTokens
    self.responseText = responseText
    self.responseTokens = responseTokens
    self.logprobs = logprobs
    self.responseMask = responseMask
    self.finishReason = finishReason
    self.answer = answer
    self.meta = meta
    self.policy = policy
    self.policyStep = policyStep
    self.seed = seed
  }
}

/// What listings and the index need of a rollout; read without touching its texts and tokens.
package struct RolloutSummary: Equatable, Sendable {
  package var id: RolloutID
  package var step: Int
  package var group: Int
  package var sample: Int
  package var kind: String
  package var promptID: String
  package var task: String?
  /// In tokens.
  package var promptLength: Int
  /// In tokens.
  package var responseLength: Int
  package var finishReason: FinishReason
  package var policy: String
  package var policyStep: Int?
  package var seed: Int
}

/// One rollout's score in one score set: a row of a score shard.
package struct ScoreRow: Equatable, Sendable {
  package var rollout: RolloutID
  package var step: Int
  package var promptID: String
  package var sample: Int
  /// The weighted sum of the components; nil when the rollout could not be scored.
  package var reward: Double?
  /// Parallel to the shard's component names; nil where a component does not apply.
  package var components: [Double?]
  /// The answer that the verifier found in the response.
  package var extracted: String?

  package init(
    rollout: RolloutID, step: Int, promptID: String, sample: Int, reward: Double?, components: [Double?],
    extracted: String? = nil
  ) {
    self.rollout = rollout
    self.step = step
    self.promptID = promptID
    self.sample = sample
    self.reward = reward
    self.components = components
    self.extracted = extracted
  }
}

/// What one training step did with one rollout, token by token: a row of an update shard. All lists have one entry for
/// each response token.
package struct UpdateRow: Equatable, Sendable {
  package var rollout: RolloutID
  package var step: Int
  package var promptID: String
  package var sample: Int
  package var reward: Double
  package var advantages: [Float]
  /// Share of each token in the step's loss.
  package var weights: [Float]
  /// Log-probabilities (nats) of the trainer at the start of the step.
  package var oldLogprobs: [Float]
  /// Of the sampler.
  package var behaviourLogprobs: [Float]
  /// Of the reference policy, when there is one.
  package var referenceLogprobs: [Float]?
  /// Of the trainer when the loss was computed.
  package var logprobs: [Float]
  /// exp(logprobs − oldLogprobs).
  package var ratios: [Float]
  /// −1 clipped below, 0 not clipped, 1 clipped above.
  package var clips: [Int8]

  package init(
    rollout: RolloutID, step: Int, promptID: String, sample: Int, reward: Double, advantages: [Float],
    weights: [Float], oldLogprobs: [Float], behaviourLogprobs: [Float], referenceLogprobs: [Float]?,
    logprobs: [Float], ratios: [Float], clips: [Int8]
  ) {
    self.rollout = rollout
    self.step = step
    self.promptID = promptID
    self.sample = sample
    self.reward = reward
    self.advantages = advantages
    self.weights = weights
    self.oldLogprobs = oldLogprobs
    self.behaviourLogprobs = behaviourLogprobs
    self.referenceLogprobs = referenceLogprobs
    self.logprobs = logprobs
    self.ratios = ratios
    self.clips = clips
  }
}
