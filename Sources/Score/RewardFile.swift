internal import Formats
internal import Rewards
internal import Yams

/// A YAML file that says what `--reward` and its fellows say (docs/rewards.md).
///
///     rewards:
///       - math
///       - reward: o1-pruner
///         settings: {lambda: 2}
///         weight: 0.1
///         when: math = 1
///         clip: [-2, 4]
///     ensembles: ['rm=0.5: uncertainty 0.1']
///     normalise: group
///     missing: skip
///     clip: [-5, 5]
struct RewardFile {
  private(set) var terms: [RewardTerm] = []
  private(set) var combination = Combination()
  private let path: String

  /// A file of settings; more is not one.
  private static let mostBytes = 1 << 20

  /// - Throws: `RollbookError`: `missing`, `io`, or `badInput` with the line of what cannot be read.
  init(path: String, _ registry: RewardRegistry) throws {
    self.path = path
    let file = try MappedFile(path: path)
    guard file.bytes.count <= Self.mostBytes else {
      throw RollbookError.badInput(path, "expected at most \(Self.mostBytes) bytes of settings, found \(file.bytes.count)")
    }
    let text = withExtendedLifetime(file) { String(decoding: file.bytes, as: UTF8.self) }
    let root: Node?
    do { root = try Yams.compose(yaml: text) } catch {
      throw RollbookError.badInput(path, "expected YAML: \(String(describing: error).split(separator: "\n").joined(separator: " "))")
    }
    guard let root else { throw RollbookError.badInput(path, "expected a list of rewards, found nothing") }
    for (key, value) in try members(root, "rewards, ensembles, normalise, missing, clip") {
      switch key {
      case "rewards": terms = try items(value).map { try term($0, registry) }
      case "ensembles": combination.ensembles = try items(value).map(ensemble)
      case "normalise": combination.normalise = try choice(value)
      case "missing": combination.missing = try choice(value)
      case "clip": combination.clip = try range(value)
      default: throw fault(value, "unknown key '\(key)'; there are rewards, ensembles, normalise, missing, clip")
      }
    }
    guard !terms.isEmpty else { throw fault(root, "expected at least one reward below 'rewards'") }
  }

  private func term(_ node: Node, _ registry: RewardRegistry) throws -> RewardTerm {
    if let text = node.scalar?.string { return try reading(node) { try RewardTerm(parsing: text, registry: registry) } }
    let keys = "reward, settings, weight, name, when, clip, from-step, until-step, in, judge"
    let all = try members(node, keys)
    guard let spec = all.first(where: { $0.key == "reward" }) else { throw fault(node, "expected the key 'reward'") }
    var term = RewardTerm(spec: try text(spec.value))
    if let settings = all.first(where: { $0.key == "settings" }) {
      term.spec += ":" + (try members(settings.value, "settings").map { "\($0.key)=\(try text($0.value))" }.joined(separator: ","))
    }
    term.name = term.spec
    for (key, value) in all {
      switch key {
      case "reward", "settings": break
      case "weight": term.weight = try number(value)
      case "clip": term.clip = try range(value)
      case "when": for gate in value.sequence.map(Array.init) ?? [value] { try apply("when", gate, &term) }
      case "judge":
        guard let judges = value.bool else { throw fault(value, "judge: expected true or false") }
        term.judges = judges
      case "name": try apply("as", value, &term)
      case "from-step", "until-step", "in": try apply(key, value, &term)
      default: throw fault(value, "unknown key '\(key)'; there are \(keys)")
      }
    }
    return term
  }

  private func apply(_ word: String, _ node: Node, _ term: inout RewardTerm) throws {
    let text = try text(node)
    var changed = term
    try reading(node) { try changed.apply("\(word) \(text)") }
    term = changed
  }

  private func ensemble(_ node: Node) throws -> Combination.Ensemble {
    if let text = node.scalar?.string { return try reading(node) { try Combination.Ensemble(parsing: text) } }
    var ensemble = Combination.Ensemble(name: "", rule: .mean)
    for (key, value) in try members(node, "name, rule, coefficient, weight") {
      switch key {
      case "name": ensemble.name = try text(value)
      case "rule": ensemble.rule = try choice(value)
      case "coefficient": ensemble.coefficient = try number(value)
      case "weight": ensemble.weight = try number(value)
      default: throw fault(value, "unknown key '\(key)'; there are name, rule, coefficient, weight")
      }
    }
    guard !ensemble.name.isEmpty else { throw fault(node, "expected the ensemble's name") }
    return ensemble
  }

  // MARK: - Nodes

  private func members(_ node: Node, _ keys: String) throws -> [(key: String, value: Node)] {
    guard let mapping = node.mapping else { throw fault(node, "expected keys and values: \(keys)") }
    return try mapping.map { key, value in (try text(key), value) }
  }

  private func items(_ node: Node) throws -> [Node] {
    guard let sequence = node.sequence else { throw fault(node, "expected a list, each item after '- '") }
    return Array(sequence)
  }

  private func text(_ node: Node) throws -> String {
    guard let scalar = node.scalar else { throw fault(node, "expected one value, found a list or keys") }
    return scalar.string
  }

  private func number(_ node: Node) throws -> Double {
    guard let number = Double(try text(node)), number.isFinite else { throw fault(node, "expected a number") }
    return number
  }

  private func range(_ node: Node) throws -> ClosedRange<Double> {
    guard let sequence = node.sequence else {
      let text = try text(node)
      return try reading(node) { try RewardTerm.range(text) }
    }
    let ends = try sequence.map(number)
    guard ends.count == 2, ends[0] <= ends[1] else { throw fault(node, "expected [LOW, HIGH]") }
    return ends[0]...ends[1]
  }

  private func choice<Choice: RawRepresentable & CaseIterable>(_ node: Node) throws -> Choice
  where Choice.RawValue == String {
    guard let choice = Choice(rawValue: try text(node)) else {
      throw fault(node, "expected one of \(Choice.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return choice
  }

  private func reading<Value>(_ node: Node, _ body: () throws -> Value) throws -> Value {
    do { return try body() } catch let error as RewardError { throw fault(node, error.description) }
  }

  private func fault(_ node: Node, _ message: String) -> RollbookError {
    RollbookError.badInput("\(path):\(node.mark?.line ?? 1):\(node.mark?.column ?? 1)", message)
  }
}
