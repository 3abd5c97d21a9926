import Formats
import Objectives
import TestSupport

/// One case of a golden objectives file.
struct GoldenCase: CustomStringConvertible, Sendable {
  let name: String
  let config: JSON
  let inputs: JSON
  let expected: JSON

  var description: String { name }

  /// Every case of a file in the golden folder's `objectives`.
  static func all(_ file: String) throws -> [GoldenCase] {
    let cases = try JSON.parse(contentsOf: Golden.folder + "/objectives/" + file).array ?? []
    return cases.compactMap { entry in
      guard let name = entry["name"]?.string, let config = entry["config"], let inputs = entry["inputs"],
        let expected = entry["expected"]
      else { return nil }
      return GoldenCase(name: name, config: config, inputs: inputs, expected: expected)
    }
  }

  /// A setting; nil where it is switched off (null or missing).
  func setting(_ key: String) -> JSON? {
    guard let value = config[key], !value.isNull else { return nil }
    return value
  }

  func rows(_ key: String) -> [[Double]]? { inputs[key].flatMap(rectangle) }
}

func vector(_ json: JSON?) -> [Double]? { json?.array?.compactMap(\.double) }
func rectangle(_ json: JSON?) -> [[Double]]? { json?.array?.compactMap { vector($0) } }

/// The distance that the golden files' README asks for: |got − expected| / (1 + |expected|).
func distance(_ got: Double, _ expected: Double) -> Double {
  got == expected ? 0 : (got - expected).magnitude / (1 + expected.magnitude)
}

let tolerance = 1e-10

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
  var sequences: [Range<Int>] = []
  var weights: StepWeights

  /// Evaluates the loss over `parts` (ranges of tokens), adding up reports and gradients.
  func evaluate(
    _ loss: ClippedSurrogate, parts: [Range<Int>]? = nil
  ) -> (report: Report, gradient: [TokenGradient]) {
    var report = Report()
    var gradient = [TokenGradient](repeating: TokenGradient(), count: tokens.count)
    for part in parts ?? [0..<tokens.count] {
      let piece = Array(tokens[part])
      var output = [TokenGradient](repeating: TokenGradient(), count: piece.count)
      var span = output.mutableSpan
      report += loss(piece.span, step: weights, &span)
      gradient.replaceSubrange(part, with: output)
    }
    return (report, gradient)
  }
}
