import Foundation
import Kernels
import Model
import Testing

/// A model whose logits after the prompt [k] are numbers of our choice.
///
/// Its one layer adds nothing (its output products are zero) and the embedding of token k has a one at place k, which
/// the final norm turns into 8 = √64: row t of the head holds the logit of t over 8 there.
struct ChosenLogits {
  /// [k][token]
  let logits: [[Float]]
  let harness: Harness

  init(_ logits: [[Float]]) throws {
    self.logits = logits
    let vocabulary = logits[0].count, hidden = 64
    let parameters = Parameters(
      try smallConfiguration(
        vocabulary: vocabulary, hidden: hidden, intermediate: 4, layers: 1, heads: 1, keyValueHeads: 1,
        headDimensions: 4, tied: false))
    var embedding = [Float](repeating: 0, count: vocabulary * hidden), head = embedding
    for (k, row) in logits.enumerated() {
      embedding[k * hidden + k] = 1000
      for (token, logit) in row.enumerated() { head[token * hidden + k] = logit / 8 }
    }
    parameters.set("model.embed_tokens.weight", embedding)
    parameters.set("lm_head.weight", head)
    for entry in parameters.layout.entries where entry.shape.count == 1 {
      parameters.set(entry.name, [Float](repeating: 1, count: entry.count))
    }
    harness = Harness(parameters)
  }

  /// First tokens of `count` samples after prompt [k].
  func draws(_ k: Int, count: Int, _ settings: SamplingSettings, seed: Int = 1) -> [(token: Int, logprob: Float)] {
    var settings = settings
    settings.maxNewTokens = 1
    let requests = stride(from: 0, to: count, by: 500).map { start in
      GenerationRequest(
        prompt: [Int32(k)], randoms: (start..<min(count, start + 500)).map { random($0, seed: seed, prompt: k) })
    }
    return harness.generate(requests, settings, slots: 500).joined().map { (Int($0.tokens[0]), $0.logprobs[0]) }
  }
}

/// The distribution that a token is drawn from, by sorting everything.
struct PlainSampler {
  /// Likeliest first: token and its renormalised log-probability.
  private(set) var kept: [(token: Int, logprob: Double)]
  /// How near the cut was to falling elsewhere, as a share of the mass: too near to compare with rounded sums.
  private(set) var margin = 1.0

  init(_ logits: [Float], _ settings: SamplingSettings) {
    let scaled = logits.map { Double($0) / Double(settings.temperature) }, top = scaled.max() ?? 0
    let total = scaled.reduce(0.0) { $0 + exp($1 - top) }
    var p = scaled.enumerated().map { (token: $0.offset, p: exp($0.element - top) / total) }
    p.sort { $0.p != $1.p ? $0.p > $1.p : $0.token < $1.token }
    if settings.topK > 0 { p = Array(p.prefix(settings.topK)) }
    if settings.topP < 1 {
      let whole = p.reduce(0) { $0 + $1.p }, wanted = Double(settings.topP) * whole
      var sum = 0.0, count = 0
      while count < p.count, sum < wanted {
        sum += p[count].p
        count += 1
        margin = min(margin, abs(sum - wanted))
      }
      p = Array(p.prefix(max(1, count)))
    }
    if settings.minP > 0 {
      let limit = Double(settings.minP) * p[0].p
      for each in p.dropFirst() { margin = min(margin, abs(each.p - limit)) }
      p = p.filter { $0.p >= limit }
    }
    let mass = p.reduce(0) { $0 + $1.p }
    kept = p.map { ($0.token, log($0.p / mass)) }
  }

  /// Pearson's statistic over tokens expected at least five times, the others together, and its degrees of freedom.
  func chiSquare(_ tokens: [Int]) -> (value: Double, freedom: Int) {
    var counts: [Int: Int] = [:]
    for token in tokens { counts[token, default: 0] += 1 }
    var value = 0.0, bins = 0, rest = (expected: 0.0, observed: 0.0)
    for (token, logprob) in kept {
      let expected = exp(logprob) * Double(tokens.count), observed = Double(counts[token] ?? 0)
      if expected >= 5 {
        value += (observed - expected) * (observed - expected) / expected
        bins += 1
      } else {
        rest = (rest.expected + expected, rest.observed + observed)
      }
    }
    if rest.expected >= 5 {
      value += (rest.observed - rest.expected) * (rest.observed - rest.expected) / rest.expected
      bins += 1
    }
    return (value, max(0, bins - 1))
  }
}
