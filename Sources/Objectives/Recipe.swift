/// An algorithm as a value: what it learns from, advantages, token weights and a loss.
///
/// ``prepare(_:)`` looks at the whole step once, ``weights(_:_:part:microBatches:)`` at one minibatch of it, and
/// ``loss(_:sequences:weights:_:)`` at one micro-batch. To add one: a file in `Recipes/` that returns its value for each
/// preset, and a row in ``table``.
package struct Recipe: Equatable, Sendable {
  /// How rewards become advantages.
  package enum Advantage: Equatable, Sendable {
    /// Nothing: losses without rewards.
    case none
    case groupNormalization(GroupNormalization)
    case leaveOneOut(LeaveOneOut)
    case baseline(Baseline)
    /// ReMax.
    case greedy
    /// REINFORCE++ and its baseline form.
    case whitenedReturns(WhitenedReturns)
    case whitenedGroupMean(WhitenedGroupMean)
    case gae(GAE)
    case brpo(BRPO)
    case multiReward(MultiReward)
    case lengthHarmonizing(LengthHarmonizing)
    /// Reward minus the baseline of ``KimiLoss``.
    case kimi
  }

  /// The loss per token, per sequence or per pair.
  package enum Loss: Equatable, Sendable {
    case policy(PolicyLoss)
    case kimi(KimiLoss)
    case preference(PreferenceLoss)
    case kto(KTOLoss)
    case rewardModel(RewardModelLoss)
    case likelihood(NegativeLogLikelihood)
  }

  package var name: String
  /// The framework or paper whose defaults these are.
  package var preset: String
  package var data = DataKind.rollouts
  package var advantage: Advantage
  package var weights: Weights
  package var loss: Loss
  /// How pairs are made of scored groups where the step has none.
  package var pairRule = PairRule()
  package var klInReward: KLInReward?
  /// The critic's loss; nil = no critic.
  package var value: ValueLoss?
  /// Likelihood of the demonstrations among the rollouts (PPO-ptx, CHORD); nil = they are left out.
  package var demonstrations: NegativeLogLikelihood?
  /// Leaves groups out whose rewards are all equal (DAPO's dynamic sampling): they then count in no mean.
  package var dropsUniformGroups = false
  /// TRPO: the update is this step instead of an optimizer's.
  package var trustRegion: TrustRegion?

  package init(
    name: String, preset: String, data: DataKind = .rollouts, advantage: Advantage = .none,
    weights: Weights = Weights(.tokenMean), loss: Loss
  ) {
    self.name = name
    self.preset = preset
    self.data = data
    self.advantage = advantage
    self.weights = weights
    self.loss = loss
  }

  /// The same with other settings, for one expression.
  func with(_ change: (inout Recipe) -> Void) -> Recipe {
    var copy = self
    change(&copy)
    return copy
  }

  /// One recipe of the table: its name, its presets (the first is the default) and the value for each of them.
  package struct Entry: Sendable {
    package let name: String
    package let presets: [String]
    let make: @Sendable (_ preset: String) -> Recipe?
  }

  /// Every recipe.
  package static let table: [Entry] = [
    Entry(name: "sft", presets: ["trl"], make: sft),
    Entry(name: "reward-model", presets: ["trl", "centred", "instructgpt"], make: rewardModel),
    Entry(
      name: "reinforce", presets: ["plain", "batch-mean", "centered", "normalized", "max"], make: reinforce),
    Entry(name: "rloo", presets: ["trl", "verl"], make: rloo),
    Entry(name: "remax", presets: ["verl"], make: remax),
    Entry(name: "reinforce++", presets: ["verl", "openrlhf"], make: reinforcePlusPlus),
    Entry(name: "reinforce++-baseline", presets: ["verl", "openrlhf"], make: reinforcePlusPlusBaseline),
    Entry(name: "opo", presets: ["verl"], make: opo),
    Entry(name: "a2c", presets: ["td", "gae", "off-policy"], make: a2c),
    Entry(name: "ppo", presets: ["verl", "trl"], make: ppo),
    Entry(name: "ppo-ptx", presets: ["instructgpt"], make: ppoPTX),
    Entry(name: "trpo", presets: ["paper"], make: trpo),
    Entry(name: "grpo", presets: ["trl", "verl", "openrlhf", "gdpo"], make: grpo),
    Entry(name: "dr-grpo", presets: ["trl", "verl"], make: drGRPO),
    Entry(name: "dapo", presets: ["trl", "verl", "paper"], make: dapo),
    Entry(name: "gspo", presets: ["trl", "verl"], make: gspo),
    Entry(name: "cispo", presets: ["trl", "verl"], make: cispo),
    Entry(name: "kimi", presets: ["paper", "squared"], make: kimi),
    Entry(name: "o1-pruner", presets: ["paper", "released"], make: o1Pruner),
    Entry(name: "brpo", presets: ["paper"], make: brpo),
    Entry(name: "dro", presets: ["verl"], make: dro),
    Entry(
      name: "dpo",
      presets: [
        "sigmoid", "sigmoid-norm", "hinge", "ipo", "ipo-summed", "robust", "cdpo", "apo-zero", "sppo-hard",
      ], make: dpo),
    Entry(name: "simpo", presets: ["paper", "trl"], make: simpo),
    Entry(name: "kto", presets: ["trl"], make: kto),
  ]

  /// The recipe of that name, with the values of the preset (nil = the recipe's default preset). Nil for an unknown
  /// name or preset: the caller words the error from ``table``.
  package static func named(_ name: String, preset: String? = nil) -> Recipe? {
    guard let entry = table.first(where: { $0.name == name }), let first = entry.presets.first else { return nil }
    return entry.make(preset ?? first)
  }
}

extension Recipe {
  /// What must be computed for it.
  package var needs: Needs {
    var needs: Needs = []
    switch loss {
    case .policy(let policy):
      if policy.kl != 0 || policy.denominator == .reference { needs.insert(.reference) }
      if policy.rollout.mode != .none || policy.denominator == .behaviour { needs.insert(.behaviour) }
      if policy.entropy != 0 { needs.insert(.entropy) }
    case .preference(let preference): if !preference.referenceFree { needs.insert(.reference) }
    case .kto: needs.formUnion([.reference, .mismatched])
    case .rewardModel: needs.insert(.scores)
    case .kimi, .likelihood: break
    }
    if klInReward != nil { needs.formUnion([.reference, .old]) }
    if value != nil { needs.insert(.values) }
    switch advantage {
    case .gae: needs.insert(.values)
    case .greedy: needs.insert(.greedy)
    default: break
    }
    return needs
  }

  /// Whether its ratios are to the policy at the start of the step; else nothing asks for ``TokenStatistics/old``.
  package var comparesWithStart: Bool {
    switch loss {
    case .policy, .kimi: true
    case .preference, .kto, .rewardModel, .likelihood: false
    }
  }

  /// The policy loss of the recipe, to change single settings (`recipe.policy?.kl = 0.02`); nil where the loss is
  /// another one.
  package var policy: PolicyLoss? {
    get { if case .policy(let policy) = loss { policy } else { nil } }
    set { if let newValue, policy != nil { loss = .policy(newValue) } }
  }
}
