/// 1 when the response equals the answer, white space at both ends aside; else 0. nil without an answer.
///
/// Settings: `case=fold` ignores the case of ASCII letters; `from=tag` compares the content of the last
/// `<answer>…</answer>` (0 where there is none). An empty response equals an empty answer.
package struct ExactMatchReward: RolloutReward {
  enum Case: String, CaseIterable { case exact, fold }

  let letters: Case
  let source: Source

  package let name = "exact"
  package let version = 1
  package var parameters: [(name: String, value: String)] {
    [("case", letters.rawValue), ("from", source.rawValue)]
  }
  package let judgesCorrectness = true

  static let entry = RewardRegistry.Entry(
    name: "exact", summary: "1 when the trimmed response equals the answer",
    keys: [("case", "exact or fold"), ("from", Source.explanation)],
    make: { (options) throws(RewardError) in
      ExactMatchReward(
        letters: try options.choice("case", default: .exact), source: try options.choice("from", default: .response))
    })

  package func score(_ input: RewardInput) -> RewardOutput {
    guard let answer = input.answer else { return RewardOutput(nil) }
    let text = input.response
    guard let content = source.range(in: text) else { return RewardOutput(0) }
    let range = text.trimmed(content)
    let wanted = answer[answer.trimmed(0..<answer.count)]
    let got = text[range]
    let same =
      letters == .fold
      ? got.count == wanted.count && zip(got, wanted).allSatisfy { lowercased($0) == lowercased($1) } : got == wanted
    return RewardOutput(same ? 1 : 0, extracted: got)
  }
}
