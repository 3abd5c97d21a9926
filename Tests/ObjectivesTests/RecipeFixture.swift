import Objectives

/// A random step with everything that any recipe asks for: groups of four with ragged, masked and empty responses.
struct RecipeFixture {
  var data = StepData(responseLimit: 12, seed: 5)
  var tokens: [[TokenStatistics]] = []

  init(seed: UInt64, groups: Int = 4, onPolicy: Bool = false, demonstrations: Bool = false) {
    var draws = Draws(state: seed)
    for index in 0..<groups * 4 {
      let length = Int(draws.next() % 6) + (index % 7 == 3 ? 0 : 1)
      var response = StepData.Response(
        trains: (0..<length).map { _ in draws.next() % 6 != 0 }, reward: draws.uniform(-1...1), group: index / 4)
      if index == 6 { response.reward = nil }
      func draw(_ range: ClosedRange<Double>) -> [Double] { (0..<length).map { _ in draws.uniform(range) } }
      response.old = draw(-4 ... -0.1)
      response.reference = draw(-4 ... -0.1)
      response.values = draw(-1...1)
      response.greedyReward = draws.uniform(-1...1)
      response.isDesirable = index % 5 == 4 ? nil : draws.next() % 2 == 0
      response.mismatched = draws.uniform(-0.5...1.5)
      response.components = [draws.uniform(-1...1), draws.next() % 3 == 0 ? nil : draws.uniform(0...1)]
      response.isDemonstration = demonstrations && index % 4 == 1
      let spread = onPolicy ? 0 : 0.4
      tokens.append(
        (0..<length).map { t in
          TokenStatistics(
            logprob: response.old[t] + draws.uniform(-spread...spread),
            behaviour: response.old[t] + draws.uniform(-0.2...0.2), old: response.old[t],
            reference: response.reference[t], entropy: draws.uniform(0.1...3),
            value: response.values[t] + draws.uniform(-spread...spread), oldValue: response.values[t], weight: 0)
        })
      data.responses.append(response)
    }
    data.pairs = PairRule(.margin, margin: 0.3)(
      rewards: data.responses.map(\.reward), groups: data.responses.map(\.group))
  }

  /// The step, or a part of it, as the trainer would hand it to the recipe's loss.
  func step(_ recipe: Recipe, _ prepared: PreparedStep, part: [Int]? = nil) -> Step {
    let part = part ?? Array(data.responses.indices)
    var step = Step(weights: recipe.weights(data, prepared, part: part))
    for (place, index) in part.enumerated() {
      let row = tokens[index].enumerated().map { t, token in
        var token = token
        token.advantage = prepared.advantages[index][t]
        if !prepared.returns[index].isEmpty { token.return = prepared.returns[index][t] }
        token.weight = step.weights.weight(sequence: place, trains: data.responses[index].trains[t])
        return token
      }
      let weight = step.weights.ofSequences[place]
      step.append(row) { $0 = recipe.sequence(index, data, prepared, tokens: $0.tokens, weight: weight) }
    }
    return step
  }
}

/// Every recipe and preset.
let everyRecipe: [String] = Recipe.table.flatMap { entry in entry.presets.map { "\(entry.name) \($0)" } }

func recipe(_ text: String) -> Recipe? {
  let words = text.split(separator: " ").map(String.init)
  return Recipe.named(words[0], preset: words[1])
}
