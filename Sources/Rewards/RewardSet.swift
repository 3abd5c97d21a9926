/// The weighted rewards of one score set: total = Σ weight · value over the components that were scored.
package struct RewardSet: Sendable {
  /// One reward with its weight and the name of its column: the spec as given, without the weight.
  package struct Component: Sendable {
    package let name: String
    package let reward: any Reward
    package let weight: Double
  }

  /// The scores of one response.
  package struct Scored: Equatable, Sendable {
    /// nil when no component was scored.
    package var total: Double?
    /// One value per component, without its weight.
    package var components: [Double?]
    /// What the first component that extracted anything read off the response.
    package var extracted: String?
    /// The verdict of the component that judges correctness, where there is one.
    package var correct: Bool?
  }

  package let components: [Component]
  /// The component whose value 1 means "right": the first that can say so.
  private let judge: Int?

  /// Makes a set from specs with weights, such as `math=1`, `format:form=strict=0.2`, `o1-pruner`.
  ///
  /// The weight is the number after the last `=`, unless that `=` belongs to a setting (`o1-pruner:reference=given`);
  /// without one it is 1. Weight 0 scores without counting. Duplicates are refused.
  package init(specs: [String]) throws(RewardError) {
    var components: [Component] = []
    for text in specs {
      let (spec, weight) = try Self.weighted(text)
      guard !components.contains(where: { $0.name == spec }) else {
        throw RewardError("reward '\(spec)' is given twice")
      }
      components.append(Component(name: spec, reward: try RewardRegistry.reward(spec), weight: weight))
    }
    judge = components.firstIndex { $0.reward.judgesCorrectness }
    if judge == nil, let needy = components.first(where: { $0.reward.needsCorrectness }) {
      throw RewardError(
        "\(needy.name) needs to know which answers are right: add a reward that judges them, such as math (=0 to "
          + "leave it out of the total)")
    }
    self.components = components
  }

  /// The names of the components, in order.
  package var names: [String] { components.map(\.name) }

  /// Scores all responses of one prompt.
  package func score(_ group: [RewardInput]) -> [Scored] {
    var inputs = group
    var scored = group.map { _ in
      Scored(total: nil, components: Array(repeating: nil, count: components.count), extracted: nil, correct: nil)
    }
    // The judge first: the others may need its verdicts.
    let order = (judge.map { [$0] } ?? []) + components.indices.filter { $0 != judge }
    var extracts = group.map { _ in [String?](repeating: nil, count: components.count) }
    for index in order {
      let outputs = components[index].reward.score(inputs)
      for (place, output) in outputs.enumerated() where scored.indices.contains(place) {
        scored[place].components[index] = output.value
        extracts[place][index] = output.extracted
        if index == judge {
          scored[place].correct = output.value.map { $0 == 1 }
          inputs[place].correct = scored[place].correct
        }
      }
    }
    let weights = components.map(\.weight)
    for place in scored.indices {
      scored[place].total = weightedSum(scored[place].components, weights: weights)
      scored[place].extracted = extracts[place].lazy.compactMap { $0 }.first
    }
    return scored
  }

  private static func weighted(_ text: String) throws(RewardError) -> (spec: String, weight: Double) {
    guard let last = text.utf8.lastIndex(of: UInt8(ascii: "=")) else { return (text, 1) }
    let spec = String(text[..<last])
    let tail = String(text[text.utf8.index(after: last)...])
    let colon = spec.utf8.firstIndex(of: UInt8(ascii: ":"))
    let hasSetting = colon.map { spec.utf8[$0...].contains(UInt8(ascii: "=")) } ?? true
    guard hasSetting else { return (text, 1) }
    guard let weight = Double(tail), weight.isFinite else {
      if colon != nil { return (text, 1) }
      throw RewardError("reward '\(text)': expected a number as weight after '=', found '\(tail)'")
    }
    return (spec, weight)
  }
}

/// Σ weight · value over the values that are there; nil where none is. Same counts.
package func weightedSum(_ values: [Double?], weights: [Double]) -> Double? {
  var total: Double?
  for (value, weight) in zip(values, weights) {
    guard let value else { continue }
    total = (total ?? 0) + weight * value
  }
  return total
}
