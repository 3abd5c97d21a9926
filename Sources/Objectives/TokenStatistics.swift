/// What an objective reads of one response token. Log-probabilities are natural and of the sampled token.
///
/// A statistic that nobody computed is NaN (the default here): a loss that needs it then shows NaN instead of a
/// plausible number, and ``Report`` leaves its metrics out. ``Recipe/needs`` says what must be filled in.
///
/// Double throughout: the arithmetic is a few dozen operations per token, invisible beside the model, and micro-batch
/// sums then agree to the last digits that float32 can show.
package struct TokenStatistics: Equatable, Sendable {
  /// log π(token) under the policy being trained, now.
  package var logprob: Double
  /// log μ(token) as the sampler stored it. Never the same thing as `old`.
  package var behaviour: Double
  /// log π(token) under the trained policy at the start of the step: the denominator of the ratio.
  package var old: Double
  /// log π(token) under the frozen reference policy.
  package var reference: Double
  /// Entropy in nats of the distribution that the token was drawn from, under the policy being trained.
  package var entropy: Double
  /// V(state) of the value head, now; a reward model's score at the last trained token.
  package var value: Double
  /// V(state) at the start of the step.
  package var oldValue: Double
  /// The advantage A of this token.
  package var advantage: Double
  /// The return that the value head is fitted to.
  package var `return`: Double
  /// The token's share of the loss of the whole step, from ``Weights``. Exactly 0 masks the token: it then counts in
  /// no loss, no gradient and no metric.
  package var weight: Double

  package init(
    logprob: Double, behaviour: Double = .nan, old: Double = .nan, reference: Double = .nan, entropy: Double = .nan,
    value: Double = .nan, oldValue: Double = .nan, advantage: Double = 0, return: Double = .nan, weight: Double
  ) {
    self.logprob = logprob
    self.behaviour = behaviour
    self.old = old
    self.reference = reference
    self.entropy = entropy
    self.value = value
    self.oldValue = oldValue
    self.advantage = advantage
    self.return = `return`
    self.weight = weight
  }
}

/// ∂(loss of the step)/∂(what the model computed) for one token. Objectives add into it, so that terms compose;
/// start from zero.
package struct TokenGradient: Equatable, Sendable {
  package var logprob: Double
  package var entropy: Double
  package var value: Double

  package init(logprob: Double = 0, entropy: Double = 0, value: Double = 0) {
    self.logprob = logprob
    self.entropy = entropy
    self.value = value
  }
}

/// What an objective reads of one sequence of a micro-batch, beside its tokens.
package struct SequenceStatistics: Equatable, Sendable {
  /// Its place in the step: what pairs refer to.
  package var index: Int
  /// Its tokens in the micro-batch.
  package var tokens: Range<Int>
  /// Its share in a loss of whole sequences, from ``StepWeights/ofSequences``; 0 leaves it out.
  package var weight: Double
  /// A demonstration among rollouts: it is learned by likelihood.
  package var isDemonstration: Bool
  /// KTO: whether the response is a good one.
  package var isDesirable: Bool
  /// KTO's z₀.
  package var offset: Double

  package init(
    index: Int, tokens: Range<Int>, weight: Double = 0, isDemonstration: Bool = false, isDesirable: Bool = false,
    offset: Double = 0
  ) {
    self.index = index
    self.tokens = tokens
    self.weight = weight
    self.isDemonstration = isDemonstration
    self.isDesirable = isDesirable
    self.offset = offset
  }
}
