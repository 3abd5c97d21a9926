extension Recipe {
  /// Other names of settings, as flags are called.
  private static let aliases = [
    "kl": "kl_beta", "clip_low": "eps_low", "clip_high": "eps_high", "entropy": "entropy_coef",
    "value_coefficient": "value_coef", "kl_in_reward": "kl_in_reward_beta",
  ]

  /// Changes one setting, by its name in ``parameters`` (hyphens and underscores are the same) or the name of its flag.
  ///
  /// - Throws: ``SettingError`` where the recipe has no such setting or the setting does not take the value; the recipe
  ///   is then as before.
  package mutating func set(_ name: String, _ value: String) throws(SettingError) {
    let key = settingKey(name)
    let all = settings
    let known = all.map(\.name)
    guard let setting = all.first(where: { $0.name == key || $0.name == Self.aliases[key] }) else {
      throw SettingError(name: name, value: value, expected: nil, known: known)
    }
    guard setting.set(&self, value) else {
      throw SettingError(name: name, value: value, expected: setting.expected, known: known)
    }
  }

  /// Every setting by name, for provenance and `--help`; numbers in their shortest exact form, "none" = switched off.
  package var parameters: [(name: String, value: String)] {
    [
      ("recipe", name), ("preset", preset), ("advantage", advantage.name), ("loss", loss.name),
    ] + settings.map { ($0.name, $0.get(self)) }
  }

  /// What can be changed.
  package var settings: [Setting<Recipe>] {
    var list = advantage.settings.map { $0.of(\Recipe.advantage) }
    if loss.usesTokenWeights { list += Weights.settings.map { $0.of(\Recipe.weights) } }
    list += loss.settings.map { $0.of(\Recipe.loss) }
    if value != nil { list += ValueLoss.settings.map { $0.of(\Recipe.value) } }
    if data == .pairs { list += PairRule.settings.map { $0.of(\Recipe.pairRule) } }
    if trustRegion != nil {
      list += TrustRegion.settings.map { $0.of(\Recipe.trustRegion) }
    }
    if data == .rollouts {
      list.append(.flag("drop_uniform_groups", \.dropsUniformGroups))
      list.append(.number("kl_in_reward_beta", \.klInRewardBeta, atLeast: 0))
      if klInReward != nil { list += KLInReward.settings.map { $0.of(\Recipe.klInReward) } }
    }
    // A reward model says no likelihoods.
    if data != .demonstrations, !needs.contains(.scores) {
      list.append(.number("demonstration_coef", \.demonstrationCoefficient, atLeast: 0))
    }
    return list
  }

  private var klInRewardBeta: Double? {
    get { klInReward?.beta }
    set {
      guard let newValue else { return klInReward = nil }
      klInReward = klInReward ?? KLInReward(beta: newValue)
      klInReward?.beta = newValue
    }
  }

  private var demonstrationCoefficient: Double? {
    get { demonstrations?.coefficient }
    set { demonstrations = newValue.map { NegativeLogLikelihood(coefficient: $0) } }
  }
}

extension Recipe.Loss {
  var name: String {
    switch self {
    case .policy(let policy): policy.surrogate == .clip ? "clipped-surrogate" : policy.surrogate.rawValue
    case .kimi: "kimi"
    case .preference: "preference"
    case .kto: "kto"
    case .rewardModel: "reward-model"
    case .likelihood: "likelihood"
    }
  }

  /// Whether ``Weights`` decide anything.
  var usesTokenWeights: Bool {
    switch self {
    case .policy, .likelihood: true
    case .kimi, .preference, .kto, .rewardModel: false
    }
  }

  var settings: [Setting<Recipe.Loss>] {
    switch self {
    case .likelihood: []
    case .policy:
      lift(PolicyLoss.settings, { if case .policy(let part) = $0 { part } else { nil } }, { .policy($0) })
    case .kimi:
      lift(KimiLoss.settings, { if case .kimi(let part) = $0 { part } else { nil } }, { .kimi($0) })
    case .preference:
      lift(
        PreferenceLoss.settings, { if case .preference(let part) = $0 { part } else { nil } }, { .preference($0) })
    case .kto:
      lift(KTOLoss.settings, { if case .kto(let part) = $0 { part } else { nil } }, { .kto($0) })
    case .rewardModel:
      lift(
        RewardModelLoss.settings, { if case .rewardModel(let part) = $0 { part } else { nil } }, { .rewardModel($0) })
    }
  }

  private func lift<Part>(
    _ settings: [Setting<Part>], _ get: @escaping (Self) -> Part?, _ make: @escaping (Part) -> Self
  ) -> [Setting<Self>] {
    settings.map { setting in setting.of(get) { outer, part in outer = make(part) } }
  }
}

extension Recipe.Advantage {
  var name: String {
    switch self {
    case .none: "none"
    case .groupNormalization: "group-normalization"
    case .leaveOneOut: "leave-one-out"
    case .baseline: "baseline"
    case .greedy: "greedy"
    case .whitenedReturns: "whitened-returns"
    case .whitenedGroupMean: "whitened-group-mean"
    case .gae: "gae"
    case .brpo: "brpo"
    case .multiReward: "multi-reward"
    case .lengthHarmonizing: "length-harmonizing"
    case .kimi: "kimi"
    }
  }

  var settings: [Setting<Recipe.Advantage>] {
    switch self {
    case .none, .greedy, .kimi: []
    case .groupNormalization:
      lift(
        GroupNormalization.settings, { if case .groupNormalization(let part) = $0 { part } else { nil } },
        { .groupNormalization($0) })
    case .leaveOneOut:
      lift(
        LeaveOneOut.settings, { if case .leaveOneOut(let part) = $0 { part } else { nil } }, { .leaveOneOut($0) })
    case .baseline:
      lift(Baseline.settings, { if case .baseline(let part) = $0 { part } else { nil } }, { .baseline($0) })
    case .whitenedReturns:
      lift(
        WhitenedReturns.settings, { if case .whitenedReturns(let part) = $0 { part } else { nil } },
        { .whitenedReturns($0) })
    case .whitenedGroupMean:
      lift(
        WhitenedGroupMean.settings, { if case .whitenedGroupMean(let part) = $0 { part } else { nil } },
        { .whitenedGroupMean($0) })
    case .gae:
      lift(GAE.settings, { if case .gae(let part) = $0 { part } else { nil } }, { .gae($0) })
    case .brpo:
      lift(BRPO.settings, { if case .brpo(let part) = $0 { part } else { nil } }, { .brpo($0) })
    case .multiReward:
      lift(
        MultiReward.settings, { if case .multiReward(let part) = $0 { part } else { nil } }, { .multiReward($0) })
    case .lengthHarmonizing:
      lift(
        LengthHarmonizing.settings, { if case .lengthHarmonizing(let part) = $0 { part } else { nil } },
        { .lengthHarmonizing($0) })
    }
  }

  private func lift<Part>(
    _ settings: [Setting<Part>], _ get: @escaping (Self) -> Part?, _ make: @escaping (Part) -> Self
  ) -> [Setting<Self>] {
    settings.map { setting in setting.of(get) { outer, part in outer = make(part) } }
  }
}
