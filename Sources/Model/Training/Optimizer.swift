package import Formats
package import Kernels

/// How gradients become updates: a choice of rule with its settings, the state it keeps for every parameter, and that
/// state's place in a checkpoint. The result is the same for any number of threads.
package final class Optimizer {
  package enum Rule: String, Sendable, CaseIterable { case adamW = "adamw", muon, adafactor }

  package struct Settings: Sendable, Equatable {
    package var rule = Rule.adamW
    package var beta1: Float = 0.9, beta2: Float = 0.999, epsilon: Float = 1e-8
    /// Muon's; its share of the parameters that are no hidden matrices goes by AdamW's settings.
    package var momentum: Float = 0.95
    package var weightDecay: Float = 0
    /// Whether norms and biases decay too.
    package var decaysAll = false

    package init() {}
  }

  package let settings: Settings
  let trainable: Trainable
  let matmul: Matmul
  private let restored: Safetensors?
  /// Once taken up.
  private var states: [State]?
  private lazy var scratch = Arena(count: scratchCount)

  /// The state of one part of the trainable.
  private struct State {
    /// AdamW's mean, or Muon's momentum: the layout of the part.
    var mean: Arena?
    var square: Arena?
    /// Adafactor's, and where each entry's begin in it: rows, then columns; or squares.
    var factored: Arena?
    var places: [Int] = []
  }

  /// - Parameters:
  ///   - restored: the state to go on with; nil begins anew.
  ///   - matmul: of any precision; what the rules multiply themselves is in f32.
  /// - Throws: `usage` when the state is another rule's, or lacks something that trains now.
  package init(_ settings: Settings, for trainable: Trainable, restored: Safetensors?, matmul: Matmul) throws {
    (self.settings, self.trainable, self.restored) = (settings, trainable, restored)
    self.matmul = matmul.precision == .f32 ? matmul : Matmul(pool: matmul.pool)
    guard let restored else { return }
    let found = Self.rule(of: restored)
    guard found == settings.rule else {
      throw RollbookError.usage(
        "--optimizer \(settings.rule.rawValue): \(restored.path) holds the state of \(found.rawValue)",
        hint: "give --optimizer \(found.rawValue) to go on, or --fresh-optimizer to begin anew")
    }
    for tensor in tensors([]) where restored.info(tensor.name)?.shape != tensor.shape {
      let what = restored.info(tensor.name).map { "has shape \($0.shape)" } ?? "is not there"
      throw RollbookError.usage(
        "\(restored.path): '\(tensor.name)' \(what), expected \(tensor.shape): other parameters were trained before",
        hint: "train the same ones (--freeze, --lora-targets), or give --fresh-optimizer to begin anew")
    }
  }

  /// Whose state a file holds: every name says it.
  package static func rule(of file: Safetensors) -> Rule {
    Rule.allCases.first { rule in rule != .adamW && file.tensors.contains { $0.name.hasPrefix("\(rule.rawValue).") } }
      ?? .adamW
  }

  package var isTakenUp: Bool { states != nil }

  /// Takes the state's memory and reads what is to be gone on with; before the first update, so that the memory is
  /// the activations' until then.
  package func takeUp() throws {
    guard states == nil else { return }
    let fresh = trainable.parts.map { part -> State in
      guard settings.rule == .adafactor else {
        return State(mean: Arena(count: part.values.count), square: Arena(count: part.values.count))
      }
      var plan = ArenaPlan()
      let places = zip(part.entries, part.trains).map { entry, trains in
        plan.region(trains ? Self.factoredCount(entry) : 0)
      }
      return State(factored: Arena(count: plan.count), places: places)
    }
    if let restored { try tensors(fresh).read(from: restored, matmul.pool) }
    states = fresh
  }

  /// The state by the names of optimizer.safetensors.
  package func tensors() throws -> [NamedTensor] {
    try takeUp()
    return tensors(states ?? [])
  }

  /// The same of some states; without any, names and shapes alone.
  private func tensors(_ states: [State]) -> [NamedTensor] {
    let nowhere = scratch.base
    func all(_ prefix: String, _ arena: KeyPath<State, Arena?>, where fits: (ParameterLayout.Entry) -> Bool)
      -> [NamedTensor]
    {
      trainable.parts.enumerated().flatMap { index, part in
        part.moving.filter(fits).map { entry in
          let base = states.isEmpty ? nowhere : states[index][keyPath: arena].map { $0.base + entry.offset } ?? nowhere
          return NamedTensor(prefix + entry.name, entry.shape, base)
        }
      }
    }
    switch settings.rule {
    case .adamW: return all("m.", \.mean) { _ in true } + all("v.", \.square) { _ in true }
    case .muon:
      return all("muon.", \.mean, where: Self.isHidden) + all("m.", \.mean) { !Self.isHidden($0) }
        + all("v.", \.square) { !Self.isHidden($0) }
    case .adafactor:
      return trainable.parts.enumerated().flatMap { index, part in
        zip(part.entries.indices, part.trains).filter(\.1).flatMap { e, _ in
          let base = states.isEmpty ? nowhere : states[index].factored!.base + states[index].places[e]
          return Self.factored(part.entries[e], base)
        }
      }
    }
  }

  /// Whether Muon updates it: a matrix, but of the embedding or the token head.
  private static func isHidden(_ entry: ParameterLayout.Entry) -> Bool {
    entry.shape.count == 2 && !entry.name.hasPrefix("model.embed_tokens.") && !entry.name.hasPrefix("lm_head.")
  }

  private static func factoredCount(_ entry: ParameterLayout.Entry) -> Int {
    entry.shape.count == 2 ? Arena.padded(entry.shape[0]) + entry.shape[1] : entry.count
  }

  private static func factored(_ entry: ParameterLayout.Entry, _ base: FloatPointer) -> [NamedTensor] {
    guard entry.shape.count == 2 else { return [NamedTensor("adafactor.square.\(entry.name)", entry.shape, base)] }
    return [
      NamedTensor("adafactor.row.\(entry.name)", [entry.shape[0]], base),
      NamedTensor("adafactor.column.\(entry.name)", [entry.shape[1]], base + Arena.padded(entry.shape[0])),
    ]
  }

  private var scratchCount: Int {
    let matrices = trainable.parts.flatMap(\.moving).filter { $0.shape.count == 2 }.map(\.shape)
    switch settings.rule {
    case .adamW: return 0
    case .muon: return matrices.map { Muon.scratch(rows: $0[0], columns: $0[1]) }.max() ?? 0
    case .adafactor: return matrices.map { Adafactor.scratch(rows: $0[0], columns: $0[1]) }.max() ?? 0
    }
  }
}

extension Optimizer {
  /// One update of everything that trains, from its gradients times `gradientScale`.
  /// - Parameter step: the number of this update, from 1.
  /// - Returns: The 2-norm of what the parameters changed by.
  /// - Throws: what reading the state throws.
  @discardableResult
  package func update(step: Int, learningRate: Float, gradientScale: Float) throws -> Double {
    try takeUp()
    var squares = 0.0
    for (part, state) in zip(trainable.parts, states ?? []) {
      switch settings.rule {
      case .adamW: squares += adamW(part, state, step, learningRate, gradientScale) { _ in true }
      case .muon:
        squares += adamW(part, state, step, learningRate, gradientScale) { !Self.isHidden($0) }
        for entry in part.moving where Self.isHidden(entry) {
          squares += Muon(learningRate: learningRate, momentum: settings.momentum, weightDecay: decay(entry)).update(
            matmul, part.values.base + entry.offset, gradients: part.gradients.base + entry.offset,
            buffer: state.mean!.base + entry.offset, rows: entry.shape[0], columns: entry.shape[1],
            gradientScale: gradientScale, scratch: scratch.base)
        }
      case .adafactor: squares += adafactor(part, state, step, learningRate, gradientScale)
      }
    }
    return squares.squareRoot()
  }

  private func decay(_ entry: ParameterLayout.Entry) -> Float {
    entry.shape.count > 1 || settings.decaysAll ? settings.weightDecay : 0
  }

  /// Neighbours that are treated alike are one pass, padding included, which stays zero.
  private func adamW(
    _ part: Trainable.Part, _ state: State, _ step: Int, _ learningRate: Float, _ gradientScale: Float,
    where fits: (ParameterLayout.Entry) -> Bool
  ) -> Double {
    var squares = 0.0
    var rule = AdamW(
      learningRate: learningRate, beta1: settings.beta1, beta2: settings.beta2, epsilon: settings.epsilon)
    var next = 0
    while next < part.entries.count {
      let first = next
      func takes(_ index: Int) -> Bool { part.trains[index] && fits(part.entries[index]) }
      next += 1
      guard takes(first) else { continue }
      rule.weightDecay = decay(part.entries[first])
      while next < part.entries.count, takes(next), decay(part.entries[next]) == rule.weightDecay { next += 1 }
      let offset = part.entries[first].offset, last = part.entries[next - 1]
      squares += rule.update(
        matmul.pool, part.values.base + offset, gradients: part.gradients.base + offset, m: state.mean!.base + offset,
        v: state.square!.base + offset, count: last.offset + last.count - offset, step: step,
        gradientScale: gradientScale)
    }
    return squares
  }

  private func adafactor(
    _ part: Trainable.Part, _ state: State, _ step: Int, _ learningRate: Float, _ gradientScale: Float
  ) -> Double {
    var squares = 0.0
    for (index, entry) in part.entries.enumerated() where part.trains[index] {
      let rule = Adafactor(learningRate: learningRate, weightDecay: decay(entry))
      let p = part.values.base + entry.offset, g = part.gradients.base + entry.offset
      let kept = Self.factored(entry, state.factored!.base + state.places[index]).map { $0.values.baseAddress! }
      if kept.count == 2 {
        squares += rule.update(
          matmul.pool, p, gradients: g, rowMeans: kept[0], columnMeans: kept[1], rows: entry.shape[0],
          columns: entry.shape[1], step: step, gradientScale: gradientScale, scratch: scratch.base)
      } else {
        squares += rule.update(
          matmul.pool, p, gradients: g, squares: kept[0], count: entry.count, step: step, gradientScale: gradientScale)
      }
    }
    return squares
  }
}
