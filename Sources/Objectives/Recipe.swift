/// An algorithm as a value: advantages + token weights + loss.
///
/// To add one: a file in `Recipes/` that returns its value for each preset, and a row in ``table``.
package struct Recipe: Equatable, Sendable {
  /// How rewards become advantages.
  package enum Advantage: Equatable, Sendable {
    case groupNormalization(GroupNormalization)
  }

  /// The per-token or per-sequence loss.
  package enum Loss: Equatable, Sendable {
    case clippedSurrogate(ClippedSurrogate)
  }

  package var name: String
  /// The framework or paper whose defaults these are.
  package var preset: String
  package var advantage: Advantage
  package var weights: Weights
  package var loss: Loss

  package init(name: String, preset: String, advantage: Advantage, weights: Weights, loss: Loss) {
    self.name = name
    self.preset = preset
    self.advantage = advantage
    self.weights = weights
    self.loss = loss
  }

  /// One recipe of the table: its name, its presets (the first is the default) and the value for each of them.
  package struct Entry: Sendable {
    package let name: String
    package let presets: [String]
    let make: @Sendable (_ preset: String) -> Recipe?
  }

  /// Every recipe.
  package static let table: [Entry] = [
    Entry(name: "grpo", presets: ["trl", "verl", "openrlhf"], make: grpo),
    Entry(name: "dr-grpo", presets: ["trl", "verl"], make: drGRPO),
    Entry(name: "dapo", presets: ["trl", "verl"], make: dapo),
  ]

  /// The recipe of that name, with the values of the preset (nil = the recipe's default preset). Nil for an unknown
  /// name or preset: the caller words the error from ``table``.
  package static func named(_ name: String, preset: String? = nil) -> Recipe? {
    guard let entry = table.first(where: { $0.name == name }), let first = entry.presets.first else { return nil }
    return entry.make(preset ?? first)
  }
}

extension Recipe {
  /// Whether ``TokenStatistics/reference`` must be filled in.
  package var needsReference: Bool {
    switch loss {
    case .clippedSurrogate(let surrogate): surrogate.kl != 0
    }
  }

  /// Whether ``TokenStatistics/entropy`` must be filled in (and its gradient is used).
  package var needsEntropy: Bool {
    switch loss {
    case .clippedSurrogate(let surrogate): surrogate.entropy != 0
    }
  }

  /// The clipped surrogate of the recipe, to change single settings (`recipe.surrogate?.kl = 0.02`); nil where the
  /// loss is another one.
  package var surrogate: ClippedSurrogate? {
    get {
      switch loss {
      case .clippedSurrogate(let surrogate): surrogate
      }
    }
    set {
      guard let newValue, surrogate != nil else { return }
      loss = .clippedSurrogate(newValue)
    }
  }

  /// The advantages of a whole step: one reward (nil = not scored) and one group id per response.
  package func advantages(rewards: [Double?], groups: [Int]) -> GroupAdvantages {
    switch advantage {
    case .groupNormalization(let normalization): normalization(rewards: rewards, groups: groups)
    }
  }

  /// The token weights of a whole step; see ``Weights/callAsFunction(lengths:responseLimit:)``.
  package func stepWeights(lengths: [Int], responseLimit: Int) -> StepWeights {
    weights(lengths: lengths, responseLimit: responseLimit)
  }

  /// Adds the loss's derivatives for one micro-batch into `gradient`, and reports. Reports and gradients of the
  /// micro-batches of a step add up to those of the step.
  ///
  /// - Parameters:
  ///   - tokens: the tokens of whole sequences, one after the other.
  ///   - sequences: the range of each sequence in `tokens`; token-level losses don't read it.
  ///   - step: the weights of the whole step; the tokens carry their own in ``TokenStatistics/weight``.
  ///   - gradient: same count as `tokens`, zero or another term's gradient.
  package func callAsFunction(
    _ tokens: Span<TokenStatistics>, sequences: [Range<Int>], step: StepWeights,
    _ gradient: inout MutableSpan<TokenGradient>
  ) -> Report {
    switch loss {
    case .clippedSurrogate(let surrogate): surrogate(tokens, step: step, &gradient)
    }
  }

  /// Every setting by name, for provenance and `--help`; numbers in their shortest exact form, "none" = switched off.
  package var parameters: [(name: String, value: String)] {
    var list = [("recipe", name), ("preset", preset)]
    switch advantage {
    case .groupNormalization(let group):
      list += [
        ("advantage", "group-normalization"), ("advantage_ddof", "\(group.ddof)"), ("advantage_eps", "\(group.eps)"),
        ("advantage_scale", group.scale.rawValue), ("advantage_singleton", group.singleton.rawValue),
      ]
    }
    list += [
      ("aggregation", weights.aggregation.rawValue), ("empty_sequences", weights.emptySequences.rawValue),
      ("normalizer_tokens", weights.normalizerTokens.map { "\($0)" } ?? "none"),
      ("norm_constant", text(weights.normConstant)),
    ]
    switch loss {
    case .clippedSurrogate(let surrogate):
      list += [
        ("loss", "clipped-surrogate"), ("eps_low", text(surrogate.low)), ("eps_high", text(surrogate.high)),
        ("delta", text(surrogate.delta)), ("dual_clip", text(surrogate.dualClip)), ("kl_beta", "\(surrogate.kl)"),
        ("kl_estimator", surrogate.klEstimator.rawValue), ("entropy_coef", "\(surrogate.entropy)"),
        ("entropy_aggregation", surrogate.entropyAggregation.rawValue),
      ]
    }
    return list.map { (name: $0.0, value: $0.1) }
  }

  private func text(_ value: Double?) -> String { value.map { "\($0)" } ?? "none" }
}
