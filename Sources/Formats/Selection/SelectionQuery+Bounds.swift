// Which steps can hold anything of a selection, by the least and greatest values that the index keeps of each step: a
// selection of few rollouts does not look at those of a million.

extension SelectionQuery {
  /// Conditions on the step that follow from those that every rollout has to meet.
  mutating func bounds(_ node: Selection.Node) -> [String] {
    switch node {
    case .and: return node.conjuncts.flatMap { bounds($0) }
    case .compare(let name, let sign, let value):
      guard case .number(let number) = value.kind else { return [] }
      switch sign {
      case .equal: return bound(name, least: number, greatest: number)
      case .less, .atMost: return bound(name, least: nil, greatest: number)
      case .greater, .atLeast: return bound(name, least: number, greatest: nil)
      case .unequal, .like, .unlike: return []
      }
    case .between(let name, let low, let high):
      guard case .number(let least) = low.kind, case .number(let greatest) = high.kind else { return [] }
      return bound(name, least: least, greatest: greatest)
    case .or, .not, .among, .isNull, .isTrue: return []
    }
  }

  /// The steps in which some value of the field is not below `least` and some not above `greatest`.
  private mutating func bound(_ name: Selection.Name, least: Double?, greatest: Double?) -> [String] {
    let (table, column, filter): (String, String, String)
    switch name.text {
    case "reward": (table, column, filter) = ("step_scores", "reward", "score_set = \(bind(defaultSet ?? "")) AND ")
    case "response_length": (table, column, filter) = ("step_rollouts", "response", "")
    default: return []
    }
    let conditions =
      (least.map { ["\(column)_max >= \(bind($0))"] } ?? []) + (greatest.map { ["\(column)_min <= \(bind($0))"] } ?? [])
    return ["r.step IN (SELECT step FROM \(table) WHERE \(filter)\(conditions.joined(separator: " AND ")))"]
  }
}
