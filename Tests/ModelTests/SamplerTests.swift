import Foundation
import Kernels
import Model
import Testing

@Suite struct SamplerTests {
  struct Settings: Sendable, CustomTestStringConvertible {
    var temperature: Float = 1, topK = 0, topP: Float = 1, minP: Float = 0
    var testDescription: String { "T \(temperature), top-k \(topK), top-p \(topP), min-p \(minP)" }
    var sampling: SamplingSettings {
      var settings = SamplingSettings()
      (settings.temperature, settings.topK, settings.topP, settings.minP) = (temperature, topK, topP, minP)
      return settings
    }
  }

  static let settings: [Settings] =
    [0.3, 1, 1.7, 20].map { Settings(temperature: $0) }
    + [1, 2, 7, 50, 150, 100_000].map { Settings(topK: $0) }
    + [0.0001, 0.3, 0.9, 0.95, 0.999].map { Settings(topP: $0) }
    + [0.001, 0.05, 0.5, 1].map { Settings(minP: $0) }
    + [
      Settings(temperature: 0.7, topK: 40, topP: 0.9), Settings(temperature: 1.5, topK: 50, topP: 0.95, minP: 0.02),
      Settings(topK: 150, topP: 0.99), Settings(topK: 20, minP: 0.1), Settings(temperature: 3, topP: 0.8, minP: 0.3),
      Settings(topK: 100, topP: 0.6), Settings(temperature: 0.25, topK: 180, topP: 0.9999),
    ]

  /// Rows of logits: peaked, flat, long-tailed, with ties, far from zero.
  static func rows(_ vocabulary: Int) -> [[Float]] {
    var numbers = Numbers(seed: vocabulary)
    let noise = numbers.floats(vocabulary)
    return [
      noise.map { 3 * $0 }, noise.map { 0.01 * $0 }, noise.indices.map { -0.1 * Float($0 % 97) + noise[$0] },
      noise.map { ($0 * 4).rounded() }, noise.map { 50 + 6 * $0 }, noise.map { $0 * $0 * $0 * 12 },
    ]
  }

  @Test(arguments: settings)
  func drawsFollowTheDistribution(settings: Settings) throws {
    let model = try ChosenLogits(Self.rows(200))
    for (k, logits) in model.logits.enumerated() {
      let plain = PlainSampler(logits, settings.sampling)
      let draws = model.draws(k, count: 4000, settings.sampling)
      // Where the cut is a matter of rounding, what is kept cannot be compared.
      if plain.margin < 1e-6 { continue }
      let expected = Dictionary(uniqueKeysWithValues: plain.kept.map { ($0.token, $0.logprob) })
      for draw in draws {
        let logprob = try #require(expected[draw.token], "row \(k): token \(draw.token) was cut off")
        #expect(abs(Double(draw.logprob) - logprob) < 2e-5, "row \(k), token \(draw.token)")
      }
      let square = plain.chiSquare(draws.map(\.token)), freedom = Double(square.freedom)
      #expect(square.value <= freedom + 5 * (2 * freedom).squareRoot() + 5, "row \(k): chi-square of \(square)")
    }
  }

  /// No setting may hide behind the margin for every row.
  @Test(arguments: settings)
  func mostRowsAreCompared(settings: Settings) {
    let compared = Self.rows(200).count { PlainSampler($0, settings.sampling).margin >= 1e-6 }
    #expect(compared >= 3)
  }

  @Test func greedyIsTheFirstOfTheLikeliest() throws {
    var rows = Self.rows(300)
    rows.append([Float](repeating: 2, count: 300))
    rows[0][299] = 100
    rows[1][17] = 5
    rows[1][200] = 5
    let model = try ChosenLogits(rows)
    var settings = SamplingSettings()
    settings.temperature = 0
    for (k, logits) in rows.enumerated() {
      let top = try #require(logits.max()), best = try #require(logits.firstIndex(of: top))
      let draws = model.draws(k, count: 3, settings)
      let expected = ReferenceModel.statistics(logits.map { Double($0) }, temperature: 1).logprobs[best]
      for draw in draws {
        #expect(draw.token == best, "row \(k)")
        #expect(abs(Double(draw.logprob) - expected) < 2e-5, "the model's own log-probability, at temperature 1")
      }
    }
  }

  /// The same number draws the same token whatever else is going on: inversion over the order of ids.
  @Test func drawsAreInversions() throws {
    let model = try ChosenLogits(Self.rows(200)), logits = model.logits[0]
    let p = ReferenceModel.statistics(logits.map { Double($0) }, temperature: 1).logprobs.map { exp($0) }
    for (sample, draw) in model.draws(0, count: 1000, SamplingSettings()).enumerated() {
      let uniform = random(sample).uniform(position: 0), below = p[..<draw.token].reduce(0, +)
      #expect(uniform >= below - 1e-6 && uniform <= below + p[draw.token] + 1e-6)
    }
  }

  /// A model that has diverged must not trap, and its samples must show it.
  @Test(arguments: [Settings(temperature: 0), Settings(), Settings(topK: 5), Settings(topP: 0.9), Settings(minP: 0.1)])
  func notANumber(settings: Settings) throws {
    var some = Self.rows(200)[0]
    some[150] = .nan
    let rows: [[Float]] = [some, [Float](repeating: .nan, count: 200), some.map { $0.isNaN ? .infinity : $0 }]
    let model = try ChosenLogits(rows)
    for k in rows.indices {
      for draw in model.draws(k, count: 3, settings.sampling) {
        #expect((0..<200).contains(draw.token) && draw.logprob.isNaN)
      }
    }
  }
}
