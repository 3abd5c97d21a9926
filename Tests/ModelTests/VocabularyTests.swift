import Kernels
import Model
import Testing

/// Vocabularies of any size: one token, odd ones, and several chunks of the token head.
@Suite struct VocabularyTests {
  static let sizes = [1, 2, 37, 63, 64, 65, 4095, 4096, 4097, 8191, 8200, 9001]

  static func configuration(_ size: Int, tied: Bool) throws -> ModelConfiguration {
    try smallConfiguration(
      vocabulary: size, hidden: 8, intermediate: 12, layers: 1, heads: 2, keyValueHeads: 1, headDimensions: 4,
      tied: tied)
  }

  @Test(arguments: sizes, [true, false])
  func statisticsAndGradient(size: Int, tied: Bool) throws {
    let configuration = try Self.configuration(size, tied: tied)
    let parameters = smallParameters(configuration), harness = Harness(parameters), twin = ReferenceModel(parameters)
    var numbers = Numbers(seed: size)
    // The first and last token of each chunk, and some others.
    let edges = [0, 4095, 4096, 8191, 8192, size - 1].filter { $0 < size }.map { Int32($0) }
    let ids = edges + numbers.tokens(5, below: size)
    var batch = Batch()
    _ = batch.append(sequence: ids)
    let c = numbers.floats(ids.count - 1) + [0], e = numbers.floats(ids.count)
    let gradients = Parameters(configuration)
    let result = harness.backward(batch, dLogprobs: c, dEntropies: e, temperature: 0.8, into: gradients)
    let logits = twin.logits(ids)
    for (t, z) in logits.enumerated() {
      let s = ReferenceModel.statistics(z, temperature: 0.8)
      let logprob = t + 1 < ids.count ? s.logprobs[Int(ids[t + 1])] : 0
      #expect(abs(Double(result.logprobs[t]) - logprob) <= Limit.logprob)
      #expect(abs(Double(result.entropies[t]) - s.entropy) <= Limit.entropy)
    }
    try expectSlopes(gradients, twin, ReferenceModel.Term(ids: ids, c: c, e: e), edges)
  }

  /// Some rows of the head's gradient against central differences.
  private func expectSlopes(
    _ gradients: Parameters, _ twin: ReferenceModel, _ term: ReferenceModel.Term, _ tokens: [Int32]
  ) throws {
    let name = gradients.configuration.tiedEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight"
    let entry = try #require(gradients.layout.entries.first { $0.name == name })
    let found = gradients.values(entry), top = Double(found.map { abs($0) }.max() ?? 0)
    var twin = twin
    for token in tokens.prefix(4) {
      let index = Int(token) * 8 + Int(token) % 8, place = entry.offset + index, value = twin.values[place]
      twin.values[place] = value + 1e-5
      let up = twin.loss([term], temperature: 0.8)
      twin.values[place] = value - 1e-5
      let down = twin.loss([term], temperature: 0.8)
      twin.values[place] = value
      #expect(abs((up - down) / 2e-5 - Double(found[index])) <= Limit.gradient * max(top, 0.1), "row \(token)")
    }
  }

  @Test(arguments: sizes)
  func samplingOverAllChunks(size: Int) throws {
    let parameters = smallParameters(try Self.configuration(size, tied: false))
    let harness = Harness(parameters), twin = ReferenceModel(parameters)
    let prompt: [Int32] = [0, Int32(size - 1), Int32(size / 2)]
    let z = twin.logits(prompt)[2], s = ReferenceModel.statistics(z, temperature: 1)
    let best = try #require(z.indices.max { z[$0] < z[$1] })
    #expect(harness.greedy([prompt], count: 1)[0].tokens == [Int32(best)])
    var settings = SamplingSettings()
    settings.maxNewTokens = 1
    let request = GenerationRequest(prompt: prompt, randoms: (0..<500).map { random($0) })
    let draws = harness.generate([request], settings, slots: 500)[0]
    for draw in draws {
      #expect(abs(Double(draw.logprobs[0]) - s.logprobs[Int(draw.tokens[0])]) <= Limit.logprob)
    }
    // Each chunk gets its share: half of the mass below this token.
    var mass = 0.0, median = 0
    while median < size - 1, mass < 0.5 {
      mass += _exp(s.logprobs[median])
      median += 1
    }
    let low = draws.count { $0.tokens[0] < median }
    let expected = 500 * min(mass, 1), deviation = (500 * mass * max(0, 1 - mass)).squareRoot()
    #expect(abs(Double(low) - expected) <= 4 * deviation + 1)
  }

  private func _exp(_ x: Double) -> Double { power(2.718281828459045, x) }
}
