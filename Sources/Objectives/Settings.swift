extension PolicyLoss {
  static var settings: [Setting<PolicyLoss>] {
    [
      .choice("surrogate", \.surrogate), .choice("ratio_level", \.ratioLevel), .choice("ratio_to", \.denominator),
      .number("eps_low", \.low, atLeast: 0), .number("eps_high", \.high, atLeast: 0),
      .number("delta", \.delta, atLeast: 1), .number("dual_clip", \.dualClip, atLeast: 1),
      .number("cispo_low", \.cispoLow, atLeast: 0), .number("cispo_cap", \.cispoCap, atLeast: 0),
      .number("dro_beta", \.droBeta, atLeast: 0), .choice("rollout_mode", \.rollout.mode),
      .number("rollout_min", \.rollout.minimum, atLeast: 0), .number("rollout_max", \.rollout.maximum, atLeast: 0),
      .number("kl_beta", \.kl, atLeast: 0), .choice("kl_estimator", \.klEstimator),
      .flag("kl_bias_correction", \.klBiasCorrection), .number("entropy_coef", \.entropy),
      .choice("entropy_aggregation", \.entropyAggregation),
    ]
  }
}

extension KimiLoss {
  static var settings: [Setting<KimiLoss>] {
    [
      .choice("form", \.form), .number("tau", \.tau, atLeast: .leastNormalMagnitude),
      .choice("kimi_baseline", \.baseline),
    ]
  }
}

extension PreferenceLoss {
  static var settings: [Setting<PreferenceLoss>] {
    [
      .choice("preference", \.kind), .number("beta", \.beta, atLeast: .leastNormalMagnitude),
      .number("label_smoothing", \.labelSmoothing, atLeast: 0, below: 0.5), .number("gamma", \.gamma),
      .flag("reference_free", \.referenceFree), .flag("length_average", \.lengthAverage),
    ]
  }
}

extension KTOLoss {
  static var settings: [Setting<KTOLoss>] {
    [
      .number("beta", \.beta, atLeast: .leastNormalMagnitude),
      .number("desirable_weight", \.desirableWeight, atLeast: 0),
      .number("undesirable_weight", \.undesirableWeight, atLeast: 0), .number("desirable_from", \.threshold),
    ]
  }
}

extension PairRule {
  static var settings: [Setting<PairRule>] {
    [
      .choice("pair_rule", \.kind), .number("pair_threshold", \.threshold),
      .number("pair_margin", \.margin, atLeast: 0),
    ]
  }
}

extension RewardModelLoss {
  static var settings: [Setting<RewardModelLoss>] {
    [
      .number("center", \.center, atLeast: 0), .flag("margin", \.usesMargin), .choice("pair_weights", \.pairWeights),
    ]
  }
}

extension ValueLoss {
  static var settings: [Setting<ValueLoss>] {
    [.number("value_coef", \.coefficient, atLeast: 0), .number("value_clip", \.clip, atLeast: 0)]
  }
}

extension TrustRegion {
  static var settings: [Setting<TrustRegion>] {
    [
      .number("max_kl", \.maxKL, atLeast: .leastNormalMagnitude), .number("damping", \.damping, atLeast: 0),
      .count("cg_iterations", \.iterations, atLeast: 1), .count("backtracks", \.backtracks, atLeast: 1),
      .number("shrink", \.shrink, atLeast: .leastNormalMagnitude, below: 1),
    ]
  }
}

extension KLInReward {
  static var settings: [Setting<KLInReward>] {
    [
      .choice("kl_in_reward_estimator", \.estimator),
      .number("kl_target", \.target, atLeast: .leastNormalMagnitude), .number("kl_horizon", \.horizon, atLeast: 1),
    ]
  }
}

extension Weights {
  static var settings: [Setting<Weights>] {
    [
      .choice("aggregation", \.aggregation), .choice("empty_sequences", \.emptySequences),
      .count("normalizer_tokens", \.normalizerTokens, atLeast: 1),
      .number("norm_constant", \.normConstant, atLeast: .leastNormalMagnitude),
    ]
  }
}

extension GroupNormalization {
  static var settings: [Setting<GroupNormalization>] {
    [
      .count("advantage_ddof", \.ddof), .number("advantage_eps", \.eps, atLeast: 0),
      .choice("advantage_scale", \.scale), .choice("advantage_singleton", \.singleton),
    ]
  }
}

extension LeaveOneOut {
  static var settings: [Setting<LeaveOneOut>] {
    [
      .choice("advantage_singleton", \.singleton), .number("reward_clip_low", \.clipLow),
      .number("reward_clip_high", \.clipHigh), .flag("normalize", \.normalize),
      .number("advantage_eps", \.eps, atLeast: 0),
    ]
  }
}

extension WhitenedReturns {
  static var settings: [Setting<WhitenedReturns>] {
    [
      .number("gamma", \.gamma, atLeast: 0), .count("whiten_ddof", \.whitening.ddof),
      .choice("whiten_guard", \.whitening.guard),
    ]
  }
}

extension WhitenedGroupMean {
  static var settings: [Setting<WhitenedGroupMean>] {
    [.count("whiten_ddof", \.whitening.ddof), .choice("whiten_guard", \.whitening.guard)]
  }
}

extension GAE {
  /// Whose whitening; `none` leaves the advantages as they are.
  private enum Style: String, CaseIterable { case none, verl, openrlhf }

  private var style: Style {
    get { whitening.map { $0.guard == .clamp ? .openrlhf : .verl } ?? .none }
    set {
      switch newValue {
      case .none: whitening = nil
      case .verl: whitening = .verl
      case .openrlhf: whitening = .openrlhf
      }
    }
  }

  static var settings: [Setting<GAE>] {
    [
      .number("gamma", \.gamma, atLeast: 0), .number("lambda", \.lambda, atLeast: 0), .choice("whiten", \.style),
    ]
  }
}

extension Baseline {
  static var settings: [Setting<Baseline>] { [.choice("baseline", \.self)] }
}

extension BRPO {
  static var settings: [Setting<BRPO>] {
    [.number("drop_above", \.dropAbove, atLeast: 0), .choice("pair_reference", \.reference)]
  }
}

extension MultiReward {
  static var settings: [Setting<MultiReward>] {
    [
      .choice("multi_reward", \.aggregation), .choice("advantage_scale", \.scale),
      .number("advantage_eps", \.eps, atLeast: 0),
      Setting(
        name: "reward_weights", expected: "numbers with commas between, one per reward, or none",
        get: { $0.weights.isEmpty ? "none" : $0.weights.map { "\($0)" }.joined(separator: ",") },
        set: { root, text in
          let parts = text == "none" ? [] : text.split(separator: ",", omittingEmptySubsequences: false)
          let numbers = parts.compactMap { Double($0) }.filter { $0 - $0 == 0 }
          guard numbers.count == parts.count else { return false }
          root.weights = numbers
          return true
        }),
    ]
  }
}

extension LengthHarmonizing {
  static var settings: [Setting<LengthHarmonizing>] {
    [
      .number("lambda", \.lambda), .number("reward_clip_low", \.clipLow), .number("reward_clip_high", \.clipHigh),
      .flag("standardize", \.standardize),
    ]
  }
}
