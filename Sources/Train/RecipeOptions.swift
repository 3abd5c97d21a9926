internal import ArgumentParser
internal import Formats
internal import Objectives

/// The flags that decide the loss and how its gradients come about.
struct RecipeOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The algorithm: \(Recipe.table.map(\.name).joined(separator: ", ")).",
      discussion: "docs/objectives.md has each one's equation and paper."))
  var recipe = "grpo"

  @Option(help: "Whose constants (eps, ddof, aggregation), such as trl or verl, or which variant (default: the recipe's first).")
  var preset: String?

  @Option(help: "Weight of the KL divergence to the reference in the loss (beta; default: the preset's).")
  var kl: Double?
  @Option(name: .customLong("clip-low"), help: "The ratio is clipped below 1 minus this.")
  var clipLow: Double?
  @Option(name: .customLong("clip-high"), help: "The ratio is clipped above 1 plus this.")
  var clipHigh: Double?
  @Option(help: "Weight of the entropy bonus.")
  var entropy: Double?
  @Option(help: ArgumentHelp("How tokens are weighted: token-mean, seq-mean-token-mean, …", valueName: "name"))
  var aggregation: String?

  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp(
      "Any other setting of the recipe, as NAME=VALUE; may be given again.",
      discussion: "Such as beta=0.2, lambda=0.95, rollout_mode=token_truncate or kl_in_reward_beta=0.05; a wrong name lists all.",
      valueName: "name=value"))
  var settings: [String] = []

  @Option(help: ArgumentHelp("Optimizer updates per pass: the groups are dealt into this many parts.", valueName: "n"))
  var minibatches = 1
  @Option(help: ArgumentHelp("Passes over the step's rollouts.", valueName: "n"))
  var epochs = 1
  @Option(
    help: ArgumentHelp(
      "Tokens computed at a time; gradients accumulate over the rest.",
      discussion: "Memory grows with it; the gradient does not depend on it beyond rounding.", valueName: "n"))
  var tokensPerBatch = 1024
  @Flag(
    help: ArgumentHelp(
      "Keep each layer's input only, and compute the rest again in the backward pass.",
      discussion: "A tenth of the activations' memory for a third more arithmetic; the result is the same to the bit."))
  var recomputeActivations = false

  mutating func validate() throws {
    func require(_ holds: Bool, _ message: String) throws {
      if !holds { throw ValidationError(message) }
    }
    for (name, value) in [("--kl", kl), ("--clip-low", clipLow), ("--clip-high", clipHigh)] {
      try require((value ?? 0) >= 0 && (value ?? 0).isFinite, "\(name): expected a number of 0 or more")
    }
    try require((entropy ?? 0).isFinite, "--entropy: expected a number")
    try require((1...65536).contains(minibatches), "--minibatches \(minibatches): expected 1 or more")
    try require((1...65536).contains(epochs), "--epochs \(epochs): expected 1 or more")
    try require((1...1 << 24).contains(tokensPerBatch), "--tokens-per-batch \(tokensPerBatch): expected 1 or more")
  }

  /// The recipe with the flags' changes.
  func made() throws -> Recipe {
    guard var made = Recipe.named(recipe, preset: preset) else {
      let known = Recipe.table.map { "\($0.name) (\($0.presets.joined(separator: ", ")))" }.joined(separator: "; ")
      throw RollbookError.usage(
        "--recipe \(recipe)\(preset.map { " --preset \($0)" } ?? ""): there is no such recipe and preset",
        hint: "there are \(known)")
    }
    let given = try settings.map { text in
      let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
      guard parts.count == 2 else { throw RollbookError.usage("--set \(text): expected NAME=VALUE") }
      return (parts[0], parts[1] as String?)
    }
    let flags = [
      ("kl", kl.map { "\($0)" }), ("clip-low", clipLow.map { "\($0)" }), ("clip-high", clipHigh.map { "\($0)" }),
      ("entropy", entropy.map { "\($0)" }), ("aggregation", aggregation),
    ] + given
    var waiting = flags.compactMap { name, value in value.map { (name: name, value: $0) } }
    // One setting may bring others with it (kl_in_reward_beta, kl_target), in whatever order they are given.
    while !waiting.isEmpty {
      let count = waiting.count
      waiting = try waiting.filter { try !apply($0.name, $0.value, to: &made, mustBeThere: false) }
      guard waiting.count == count else { continue }
      _ = try apply(waiting[0].name, waiting[0].value, to: &made, mustBeThere: true)
    }
    return made
  }

  /// - Parameter mustBeThere: false: whether the recipe has the setting is the result.
  /// - Throws: `usage` for a value that the setting does not take.
  private func apply(
    _ name: String, _ value: String, to made: inout Recipe, mustBeThere: Bool
  ) throws -> Bool {
    do {
      try made.set(name, value)
      return true
    } catch {
      if error.expected == nil, !mustBeThere { return false }
      let isFlag = ["kl", "clip-low", "clip-high", "entropy", "aggregation"].contains(name)
      throw RollbookError.usage(
        (isFlag ? "--\(name) \(value): " : "--set \(name)=\(value): ")
          + (error.expected.map { "expected \($0)" } ?? "recipe \(recipe) has no such setting"),
        hint: "its settings are \(error.known.joined(separator: ", "))")
    }
  }

  /// What decides the gradients, for provenance; the recipe's own parameters come with it.
  var parameters: [String: String] {
    ["minibatches": "\(minibatches)", "epochs": "\(epochs)", "tokens-per-batch": "\(tokensPerBatch)"]
  }
}
