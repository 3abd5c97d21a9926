internal import ArgumentParser
internal import Formats
internal import Rewards

/// What a score set is made of: by flags, or by a file that says the same.
struct RewardFlags: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A reward and its weight, SPEC[=WEIGHT][; MODIFIER]…; several may be given.",
      discussion: """
        Modifiers: when COMPONENT OP NUMBER (counts 0 where that does not hold), clip LOW..HIGH, from-step N, until-step \
        N, in ENSEMBLE, as NAME, judge (its 1 means right). E.g. --reward 'o1-pruner=0.1; when math = 1; clip -2..4'
        """,
      valueName: "spec"))
  var reward: [String] = []

  @Option(
    help: ArgumentHelp("The rewards as a YAML file instead (docs/rewards.md).", valueName: "file"))
  var rewards: String?

  @Option(
    help: ArgumentHelp(
      "Rewards that count as one, NAME[=WEIGHT]: mean, min or uncertainty [COEFFICIENT].",
      discussion: "Its members are the rewards with '; in NAME'. E.g. --ensemble 'rm=0.5: uncertainty 0.1'",
      valueName: "rule"))
  var ensemble: [String] = []

  @Option(
    help: ArgumentHelp(
      "none, or group: each component becomes its z-score in its group before it is weighted (GDPO).",
      valueName: "how"))
  var normalise: String?

  @Option(
    help: ArgumentHelp(
      "What a component that does not apply (null) counts as: skip, zero, or null (no reward at all).", valueName: "how"))
  var missing: String?

  @Option(
    parsing: .unconditional,  // A negative bound looks like a flag.
    help: ArgumentHelp("Clamps the total, LOW..HIGH, e.g. --clip -2..2", valueName: "range"))
  var clip: String?

  /// The set that the flags or the file describe.
  func rewardSet(_ registry: RewardRegistry) throws -> RewardSet {
    if let rewards {
      guard reward.isEmpty, ensemble.isEmpty, normalise == nil, missing == nil, clip == nil else {
        throw RollbookError.usage(
          "--rewards \(rewards) says it all: leave out --reward, --ensemble, --normalise, --missing and --clip")
      }
      let file = try RewardFile(path: rewards, registry)
      do { return try RewardSet(file.terms, file.combination, registry: registry) } catch let error as RewardError {
        throw RollbookError.badInput(rewards, error.description)
      }
    }
    guard !reward.isEmpty else {
      throw RollbookError.usage("expected a reward", hint: "give --reward, e.g. --reward math=1, or --rewards FILE")
    }
    do {
      var combination = Combination()
      combination.ensembles = try ensemble.map { try Combination.Ensemble(parsing: $0) }
      combination.normalise = try choice("--normalise", normalise, default: .none)
      combination.missing = try choice("--missing", missing, default: .skip)
      combination.clip = try clip.map { try RewardTerm.range($0) }
      return try RewardSet(
        reward.map { try RewardTerm(parsing: $0, registry: registry) }, combination, registry: registry)
    } catch let error as RewardError {
      throw RollbookError.usage("--reward: \(error.description)")
    }
  }

  private func choice<Choice: RawRepresentable & CaseIterable>(
    _ flag: String, _ text: String?, default value: Choice
  ) throws -> Choice where Choice.RawValue == String {
    guard let text else { return value }
    guard let choice = Choice(rawValue: text) else {
      throw RollbookError.usage(
        "\(flag) \(text): expected one of \(Choice.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return choice
  }
}
