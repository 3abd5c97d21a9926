import Objectives
import Testing

/// One row per recipe and preset: its advantage, its aggregation and the settings that its source prints.
private let rows:
  [(
    name: String, preset: String, group: GroupNormalization, aggregation: Weights.Aggregation,
    high: Double, dualClip: Double?, kl: Double
  )] = [
    ("grpo", "trl", .trl, .seqMeanTokenMean, 0.2, nil, 0), ("grpo", "verl", .verl, .tokenMean, 0.2, 3, 0.001),
    ("grpo", "openrlhf", .openrlhf, .tokenMean, 0.2, nil, 0),
    ("dr-grpo", "trl", .trlScaleNone, .seqMeanTokenSumNorm, 0.2, nil, 0),
    ("dr-grpo", "verl", .verlNoStd, .seqMeanTokenSumNorm, 0.2, 3, 0),
    ("dapo", "trl", .trl, .tokenMean, 0.28, nil, 0), ("dapo", "verl", .verl, .tokenMean, 0.28, 3, 0),
  ]

@Suite struct RecipeTests {
  @Test func everyEntryHasItsRow() {
    let table = Recipe.table.flatMap { entry in entry.presets.map { "\(entry.name) \($0)" } }
    #expect(Set(table) == Set(rows.map { "\($0.name) \($0.preset)" }))
    #expect(table.count == rows.count)
  }

  @Test(arguments: rows.indices)
  func recipeValues(index: Int) throws {
    let row = rows[index]
    let recipe = try #require(Recipe.named(row.name, preset: row.preset))
    #expect(recipe.name == row.name && recipe.preset == row.preset)
    #expect(recipe.advantage == .groupNormalization(row.group))
    #expect(recipe.weights.aggregation == row.aggregation)
    #expect(recipe.surrogate?.low == 0.2)
    #expect(recipe.surrogate?.high == row.high)
    #expect(recipe.surrogate?.dualClip == row.dualClip)
    #expect(recipe.surrogate?.kl == row.kl)
    #expect(recipe.needsReference == (row.kl != 0))
    #expect(!recipe.needsEntropy)
    #expect(Set(recipe.parameters.map(\.name)).count == recipe.parameters.count)
  }

  @Test func namesThatDoNotExist() {
    #expect(Recipe.named("grpo2") == nil)
    #expect(Recipe.named("grpo", preset: "nobody") == nil)
    #expect(Recipe.named("grpo") == Recipe.named("grpo", preset: "trl"))
  }

  @Test func settingsOfTheSurrogateCanChange() throws {
    var recipe = try #require(Recipe.named("dapo"))
    recipe.surrogate?.kl = 0.02
    recipe.surrogate?.entropy = 0.01
    #expect(recipe.needsReference && recipe.needsEntropy)
    #expect(recipe.parameters.contains { $0.name == "kl_beta" && $0.value == "0.02" })
  }

  /// From rewards to gradients: a step whose groups are uniform trains nothing, whatever the recipe.
  @Test(arguments: rows.indices)
  func uniformGroupsTrainNothing(index: Int) throws {
    var recipe = try #require(Recipe.named(rows[index].name, preset: rows[index].preset))
    recipe.surrogate?.kl = 0
    let advantages = recipe.advantages(rewards: [1, 1, 0.3, 0.3], groups: [0, 0, 1, 1]).advantages
    let step = recipe.stepWeights(lengths: [2, 1, 3, 1], responseLimit: 8)
    var tokens: [TokenStatistics] = []
    for (sequence, length) in [2, 1, 3, 1].enumerated() {
      for t in 0..<length {
        tokens.append(
          TokenStatistics(
            logprob: -1 - Double(t), old: -1.2, advantage: advantages[sequence],
            weight: step.weight(sequence: sequence)))
      }
    }
    var gradient = [TokenGradient](repeating: TokenGradient(), count: tokens.count)
    var span = gradient.mutableSpan
    let report = recipe(tokens.span, sequences: [0..<2, 2..<3, 3..<6, 6..<7], step: step, &span)
    #expect(report.tokens == 7)
    #expect(report.loss == 0)
    #expect(gradient.allSatisfy { $0.logprob == 0 })
  }
}
