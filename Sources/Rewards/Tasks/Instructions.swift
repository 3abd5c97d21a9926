/// Whether the response follows checkable instructions, as IFEval (arXiv 2311.07911) states them: the share that it
/// follows, or with `count=all` 1 only if it follows every one.
///
/// They are `meta.instructions`, a list of `{"id": "length_constraints:number_words", "kwargs": {…}}`, or IFEval's own
/// columns `meta.instruction_id_list` and `meta.kwargs`. See ``InstructionCheck`` for what each means.
///
/// nil: no instructions, or one whose id is unknown or whose settings are missing or unusable; `extracted` names it.
/// Half a list is never scored: it would grant what nobody checked.
package struct InstructionsReward: RolloutReward {
  enum Count: String, CaseIterable { case share, all }

  let count: Count

  package let name = "instructions"
  package let version = 1
  package let needs = RewardNeeds.meta
  package var judgesCorrectness: Bool { count == .all }
  package var parameters: [(name: String, value: String)] { [("count", count.rawValue)] }

  static let entry = RewardRegistry.Entry(
    name: "instructions", summary: "share of the prompt's instructions (IFEval) that are followed",
    keys: [("count", "share, or all: 1 only if every one is followed")],
    make: { (options) throws(RewardError) in InstructionsReward(count: try options.choice("count", default: .share)) })

  package func score(_ input: RewardInput) -> RewardOutput {
    guard let instructions = Self.instructions(input.meta), !instructions.isEmpty else { return RewardOutput(nil) }
    let check = InstructionCheck(input.response)
    var followed = 0
    for (id, settings) in instructions {
      guard let isFollowed = check.follows(id, settings) else {
        return RewardOutput(nil, extracted: "instruction \(id): unknown, or its kwargs cannot be used".utf8)
      }
      followed += isFollowed ? 1 : 0
    }
    let isEvery = followed == instructions.count
    return RewardOutput(
      count == .all ? (isEvery ? 1 : 0) : Double(followed) / Double(instructions.count),
      extracted: "\(followed) of \(instructions.count)")
  }

  private static func instructions(_ meta: Fact) -> [(id: String, settings: Fact)]? {
    if let list = meta["instructions"]?.list {
      return list.map { ($0["id"]?.text ?? "without id", $0["kwargs"] ?? .object([])) }
    }
    guard let ids = meta["instruction_id_list"]?.list else { return nil }
    let settings = meta["kwargs"]?.list ?? []
    return ids.enumerated().map { index, id in
      (id.text ?? "without id", settings.indices.contains(index) ? settings[index] : .object([]))
    }
  }
}
