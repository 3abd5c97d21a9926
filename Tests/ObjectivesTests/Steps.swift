import Objectives

/// SplitMix64: seeded draws for property tests.
struct Draws: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func uniform(_ range: ClosedRange<Double>) -> Double { .random(in: range, using: &self) }
}

/// A step in one array, as the trainer lays it out.
struct Step {
  var tokens: [TokenStatistics] = []
  var sequences: [SequenceStatistics] = []
  var weights: StepWeights

  /// Appends a sequence; its weight in losses of whole sequences is that of the step's weights.
  mutating func append(_ more: [TokenStatistics], _ change: (inout SequenceStatistics) -> Void = { _ in }) {
    let index = sequences.count
    var sequence = SequenceStatistics(
      index: index, tokens: tokens.count..<tokens.count + more.count,
      weight: index < weights.ofSequences.count ? weights.ofSequences[index] : 0)
    change(&sequence)
    tokens += more
    sequences.append(sequence)
  }

  /// Evaluates a recipe's loss over `parts` (places of sequences), adding up reports and gradients.
  func evaluate(_ recipe: Recipe, parts: [[Int]]? = nil) -> (report: Report, gradient: [TokenGradient]) {
    var report = Report()
    var gradient = [TokenGradient](repeating: TokenGradient(), count: tokens.count)
    for part in parts ?? [Array(sequences.indices)] {
      var piece: [TokenStatistics] = []
      var local: [SequenceStatistics] = []
      for place in part {
        var sequence = sequences[place]
        sequence.tokens = piece.count..<piece.count + sequence.tokens.count
        piece += tokens[sequences[place].tokens]
        local.append(sequence)
      }
      var output = [TokenGradient](repeating: TokenGradient(), count: piece.count)
      var span = output.mutableSpan
      report += recipe.loss(piece.span, sequences: local, weights: weights, &span)
      for (place, sequence) in zip(part, local) {
        gradient.replaceSubrange(sequences[place].tokens, with: output[sequence.tokens])
      }
    }
    return (report, gradient)
  }

  func evaluate(_ loss: PolicyLoss, parts: [[Int]]? = nil) -> (report: Report, gradient: [TokenGradient]) {
    evaluate(Recipe(name: "test", preset: "test", loss: .policy(loss)), parts: parts)
  }

  /// A column of the gradient, as rows like the sequences.
  func rows(_ gradient: [TokenGradient], _ path: KeyPath<TokenGradient, Double>) -> [[Double]] {
    sequences.map { gradient[$0.tokens].map { $0[keyPath: path] } }
  }
}
