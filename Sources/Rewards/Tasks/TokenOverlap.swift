extension RewardInput {
  /// The answers that a response may overlap with: the prompt's, and the texts in `meta.answers`.
  var references: [[UInt8]] {
    (answer.map { [$0] } ?? []) + (meta["answers"]?.list?.compactMap { $0.text.map { Array($0.utf8) } } ?? [])
  }
}

/// SQuAD's overlap with the answer (arXiv 1606.05250): tokens of the lower-cased texts without ASCII punctuation and
/// without "a", "an", "the". The best of several answers (`meta.answers`) counts. nil: no answer.
///
/// `measure=f1` (default): 2 · common / (tokens + answer's tokens); where one of the two has no tokens, 1 if neither
/// has, else 0. `measure=exact`: 1 if the tokens are the same, else 0.
package struct TokenOverlapReward: RolloutReward {
  enum Measure: String, CaseIterable { case f1, exact }

  let measure: Measure
  let source: Source

  package let name = "f1"
  package let version = 1
  package let needs = RewardNeeds.meta
  package let judgesCorrectness = true
  package var parameters: [(name: String, value: String)] {
    [("measure", measure.rawValue), ("from", source.rawValue)]
  }

  static let entry = RewardRegistry.Entry(
    name: "f1", summary: "SQuAD's token F1 (or exact match) with the answer",
    keys: [("measure", "f1 or exact"), ("from", Source.explanation)],
    make: { (options) throws(RewardError) in
      TokenOverlapReward(
        measure: try options.choice("measure", default: .f1), source: try options.choice("from", default: .response))
    })

  package func score(_ input: RewardInput) -> RewardOutput {
    let references = input.references
    guard !references.isEmpty else { return RewardOutput(nil) }
    guard let range = source.range(in: input.response) else { return RewardOutput(0) }
    let tokens = Self.tokens(input.response[range])
    return RewardOutput(references.map { value(tokens, Self.tokens($0[...])) }.max())
  }

  private func value(_ tokens: [String], _ wanted: [String]) -> Double {
    if measure == .exact || tokens.isEmpty || wanted.isEmpty { return tokens == wanted ? 1 : 0 }
    var counts: [String: Int] = [:]
    for token in wanted { counts[token, default: 0] += 1 }
    var common = 0
    for token in tokens {
      guard let left = counts[token], left > 0 else { continue }
      counts[token] = left - 1
      common += 1
    }
    return 2 * Double(common) / Double(tokens.count + wanted.count)
  }

  private static func tokens(_ text: ArraySlice<UInt8>) -> [String] {
    var tokens: [String] = []
    var token = String.UnicodeScalarView()
    func close() {
      let word = String(token)
      token = String.UnicodeScalarView()
      if !word.isEmpty, word != "a", word != "an", word != "the" { tokens.append(word) }
    }
    for scalar in String(decoding: text, as: UTF8.self).lowercased().unicodeScalars {
      if scalar.isWhite {
        close()
      } else if !scalar.isASCII || scalar.isWord || scalar.value < 0x20 || scalar.value == 0x7F {
        token.append(scalar)
      }
    }
    close()
    return tokens
  }
}
