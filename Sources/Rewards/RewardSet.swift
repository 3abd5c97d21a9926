/// The rewards of one score set and how they are combined.
package struct RewardSet: Sendable {
  /// The scores of one response.
  package struct Scored: Equatable, Sendable {
    /// nil when no component was scored.
    package var total: Double?
    /// One value per component, as its reward gave it.
    package var components: [Double?]
    /// What the first component that extracted anything read off the response.
    package var extracted: String?
    /// The verdict of the component that judges correctness, where there is one.
    package var correct: Bool?
  }

  package let terms: [RewardTerm]
  /// Parallel to `terms`.
  package let scorers: [any Scorer]
  package let combination: Combination
  /// The component whose value 1 means "right": the one marked as judge, else the first that can say so.
  private let judge: Int?

  /// - Throws: For unknown rewards, names given twice, gates and ensembles that name nothing, and lengths without a
  ///   judge.
  package init(
    _ terms: [RewardTerm], _ combination: Combination = Combination(), registry: RewardRegistry = RewardRegistry()
  ) throws {
    var scorers: [any Scorer] = []
    for (index, term) in terms.enumerated() {
      guard !terms[..<index].contains(where: { $0.name == term.name }) else {
        throw RewardError("reward '\(term.name)' is given twice")
      }
      scorers.append(try registry.scorer(term.spec))
    }
    self.terms = terms
    self.scorers = scorers
    self.combination = combination
    judge = terms.firstIndex(where: \.judges) ?? scorers.firstIndex { $0.judgesCorrectness }
    if judge == nil, let needy = scorers.first(where: { $0.needs.contains(.correctness) }) {
      throw RewardError(
        "\(needy.name) needs to know which answers are right: add a reward that judges them, such as math (=0 to "
          + "leave it out of the total)")
    }
    try checkNames()
  }

  /// From specs with weights, such as `math=1`, `format:form=strict=0.2`, `o1-pruner`; see ``RewardTerm``.
  package init(specs: [String], registry: RewardRegistry = RewardRegistry()) throws {
    var terms: [RewardTerm] = []
    for spec in specs { terms.append(try RewardTerm(parsing: spec, registry: registry)) }
    try self.init(terms, registry: registry)
  }

  private func checkNames() throws(RewardError) {
    for term in terms {
      for gate in term.gates where !names.contains(gate.component) {
        throw RewardError(
          "\(term.name): when \(gate.component): expected one of the set's components \(names.joined(separator: ", "))")
      }
      if let name = term.ensemble, !combination.ensembles.contains(where: { $0.name == name }) {
        throw RewardError("\(term.name): in \(name): there is no such ensemble; give --ensemble '\(name): mean'")
      }
    }
    for ensemble in combination.ensembles where !terms.contains(where: { $0.ensemble == ensemble.name }) {
      throw RewardError("ensemble '\(ensemble.name)' has no members: add '; in \(ensemble.name)' to their rewards")
    }
  }

  /// The names of the components, in order.
  package var names: [String] { terms.map(\.name) }

  /// Whether every component is a pure function, so that any split of the groups may run at once.
  package var isPure: Bool { scorers.allSatisfy { $0 is any Reward } }

  /// Whether a component remembers what it has scored.
  package var isStateful: Bool { scorers.contains(where: \.isStateful) }

  /// The fewest that a component which is no pure function wants at once.
  package var rowsAtOnce: Int { scorers.lazy.filter { !($0 is any Reward) }.map(\.rowsAtOnce).min() ?? 512 }

  /// What the inputs must hold.
  package var needs: RewardNeeds { scorers.reduce(into: []) { $0.formUnion($1.needs) } }

  /// Scores all responses of some prompts.
  /// - Throws: What a component that is not pure throws.
  package func score(groups: consuming [[RewardInput]]) throws -> [[Scored]] {
    // Consumed: a second owner would make a copy of every input when the judge's verdicts are put in.
    var inputs = groups
    let empty = Scored(
      total: nil, components: Array(repeating: nil, count: terms.count), extracted: nil, correct: nil)
    var scored = inputs.map { $0.map { _ in empty } }
    var extractor = inputs.map { $0.map { _ in terms.count } }
    // The judge first: the others may need its verdicts.
    for index in (judge.map { [$0] } ?? []) + terms.indices.filter({ $0 != judge }) {
      for (group, outputs) in try scorers[index].score(groups: inputs).enumerated() where group < scored.count {
        for (place, output) in outputs.enumerated() where place < scored[group].count {
          scored[group][place].components[index] = output.value
          if let extracted = output.extracted, index < extractor[group][place] {
            scored[group][place].extracted = extracted
            extractor[group][place] = index
          }
          guard index == judge else { continue }
          scored[group][place].correct = output.value.map { $0 == 1 }
          inputs[group][place].correct = scored[group][place].correct
        }
      }
    }
    for group in scored.indices {
      let totals = combination.totals(terms, scored[group].map(\.components), steps: inputs[group].map(\.step))
      for (place, total) in totals.enumerated() { scored[group][place].total = total }
    }
    return scored
  }

  /// Scores all responses of one prompt.
  package func score(_ group: [RewardInput]) throws -> [Scored] { try score(groups: [group])[0] }
}
