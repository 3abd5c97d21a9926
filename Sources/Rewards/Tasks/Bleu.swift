/// Sentence BLEU up to 4-grams (Papineni 2002) against the answer and `meta.answers`: the brevity penalty times the
/// geometric mean of the clipped n-gram precisions, as sacreBLEU computes it for sentences (orders that the response is
/// too short for are left out). nil: no answer, or only such without tokens.
///
/// `smooth=exp` (default): the k-th order without a match counts 1 / (2^k · n-grams); `add-one`: one match and one
/// n-gram more for orders above 1; `none`. Without any match 0. Tokens are words in their own case (`case=fold`: in
/// lower case), numbers with their points and commas, and every other visible character.
package struct BleuReward: RolloutReward {
  enum Smoothing: String, CaseIterable {
    case exp
    case addOne = "add-one"
    case none
  }
  enum Case: String, CaseIterable { case exact, fold }

  let smoothing: Smoothing
  let letters: Case
  let source: Source

  package let name = "bleu"
  package let version = 1
  package let needs = RewardNeeds.meta
  package var parameters: [(name: String, value: String)] {
    [("smooth", smoothing.rawValue), ("case", letters.rawValue), ("from", source.rawValue)]
  }

  static let entry = RewardRegistry.Entry(
    name: "bleu", summary: "sentence BLEU-4 with the answer",
    keys: [("smooth", "exp, add-one or none"), ("case", "exact or fold"), ("from", Source.explanation)],
    make: { (options) throws(RewardError) in
      BleuReward(
        smoothing: try options.choice("smooth", default: .exp), letters: try options.choice("case", default: .exact),
        source: try options.choice("from", default: .response))
    })

  package func score(_ input: RewardInput) -> RewardOutput {
    var numbers: [String: Int32] = [:]
    func numbered(_ text: ArraySlice<UInt8>) -> [Int32] {
      tokens(of: text).map { token in
        let number = numbers[token] ?? Int32(truncatingIfNeeded: numbers.count)
        numbers[token] = number
        return number
      }
    }
    let wanted = input.references.map { numbered($0[...]) }.filter { !$0.isEmpty }
    guard !wanted.isEmpty else { return RewardOutput(nil) }
    guard let range = source.range(in: input.response) else { return RewardOutput(0) }
    return RewardOutput(value(numbered(input.response[range]), wanted))
  }

  private func value(_ got: [Int32], _ wanted: [[Int32]]) -> Double {
    var product = 1.0
    var orders = 0
    var halving = 1.0
    var (gotGrams, wantedGrams) = (got, wanted)
    for order in 1...4 where got.count >= order {
      if order > 1 {
        var grams = NGrams(capacity: got.count)
        gotGrams = grams.longer(gotGrams, got, order: order)
        wantedGrams = zip(wantedGrams, wanted).map { grams.longer($0, $1, order: order) }
      }
      var most: [Int32: Int] = [:]
      for reference in wantedGrams { most.merge(Self.counts(reference)) { max($0, $1) } }
      let matches = Self.counts(gotGrams).reduce(0) { $0 + min($1.value, most[$1.key] ?? 0) }
      if order == 1, matches == 0 { return 0 }
      let extra = smoothing == .addOne && order > 1 ? 1.0 : 0
      let total = Double(got.count - order + 1) + extra
      var precision = (Double(matches) + extra) / total
      if precision == 0 {
        guard smoothing == .exp else { return 0 }
        halving *= 2
        precision = 1 / (halving * total)
      }
      product *= precision
      orders = order
    }
    guard orders > 0 else { return 0 }
    // The length of the nearest answer, the shorter of two as near.
    let length =
      wanted.map(\.count).min { a, b in
        let (left, right) = ((a - got.count).magnitude, (b - got.count).magnitude)
        return left != right ? left < right : a < b
      } ?? 0
    let brevity = got.count < length ? exponential(1 - Double(length) / Double(got.count)) : 1
    return brevity * root(product, degree: orders)
  }

  private static func counts(_ grams: [Int32]) -> [Int32: Int] {
    var counts: [Int32: Int] = [:]
    for gram in grams { counts[gram, default: 0] += 1 }
    return counts
  }

  private func tokens(of text: ArraySlice<UInt8>) -> [String] {
    let string = String(decoding: text, as: UTF8.self)
    let scalars = Array((letters == .fold ? string.lowercased() : string).unicodeScalars)
    func isDigit(_ index: Int) -> Bool {
      scalars.indices.contains(index) && scalars[index].value >= 0x30 && scalars[index].value <= 0x39
    }
    var tokens: [String] = []
    var word = String.UnicodeScalarView()
    func close() {
      if !word.isEmpty { tokens.append(String(word)) }
      word = String.UnicodeScalarView()
    }
    for (index, scalar) in scalars.enumerated() {
      let isPoint = (scalar == "." || scalar == ",") && isDigit(index - 1) && isDigit(index + 1)
      if (scalar.isWord && !scalar.isUnspaced) || isPoint {
        word.append(scalar)
        continue
      }
      close()
      if !scalar.isWhite { tokens.append(String(scalar)) }
    }
    close()
    return tokens
  }
}
