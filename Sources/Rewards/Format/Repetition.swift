/// The penalty on repeated n-grams (Demystifying Long CoT, arXiv 2502.03373; TRL `get_repetition_penalty_reward`):
///
///     max-penalty · (1 − distinct n-grams / n-grams)
///
/// 0 for a response of fewer than `ngram` units. `of=tokens` counts tokens, as TRL does; `of=words` words between white
/// space, letters of ASCII folded. Defaults 3 and −1.
package struct RepetitionReward: RolloutReward {
  enum Unit: String, CaseIterable { case tokens, words }

  let size: Int
  let penalty: Double
  let unit: Unit

  static let sizeLimit = 100

  package let name = "repetition"
  package let version = 1
  package var needs: RewardNeeds { unit == .tokens ? .tokens : [] }
  package var parameters: [(name: String, value: String)] {
    [("ngram", "\(size)"), ("max-penalty", "\(penalty)"), ("of", unit.rawValue)]
  }

  static let entry = RewardRegistry.Entry(
    name: "repetition", summary: "a penalty, times the share of n-grams that are repeated",
    keys: [
      ("ngram", "tokens or words at a time; 3"), ("max-penalty", "at most 0; -1"), ("of", "tokens or words"),
    ],
    make: { (options) throws(RewardError) in
      let size = try options.number("ngram") ?? 3
      guard size >= 1, size <= Double(sizeLimit), size == size.rounded() else {
        throw RewardError("repetition: ngram=\(options["ngram"] ?? ""): expected a whole number from 1 to \(sizeLimit)")
      }
      let penalty = try options.number("max-penalty") ?? -1
      guard penalty <= 0 else { throw RewardError("repetition: max-penalty=\(penalty): expected 0 or less") }
      return RepetitionReward(size: Int(size), penalty: penalty, unit: try options.choice("of", default: .tokens))
    })

  package func score(_ input: RewardInput) -> RewardOutput {
    let units = unit == .tokens ? input.responseTokens : Self.wordNumbers(input.response)
    guard units.count >= size else { return RewardOutput(0) }
    let total = units.count - size + 1
    var numbers = units
    for order in 2..<max(size + 1, 2) {
      var grams = NGrams(capacity: units.count)
      numbers = grams.longer(numbers, units, order: order)
    }
    let repeated = 1 - Double(Set(numbers).count) / Double(total)
    return RewardOutput(repeated == 0 ? 0 : repeated * penalty)
  }

  /// A number for every distinct word, in the order of the text.
  private static func wordNumbers(_ text: [UInt8]) -> [Int32] {
    var known: [ArraySlice<UInt8>: Int32] = [:]
    return text.map(lowercased).split(whereSeparator: isSpace).map { word in
      let number = known[word] ?? Int32(truncatingIfNeeded: known.count)
      known[word] = number
      return number
    }
  }
}
