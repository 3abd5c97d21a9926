import Kernels
import Model
import Testing

/// Requests as a step has them: prompts of many lengths, some samples each, named by seed, prompt and sample.
struct Sampling {
  let prompts: [[Int32]]
  let samples: Int
  var settings = SamplingSettings()
  var endTokens: Set<Int32> = []

  /// - Parameters:
  ///   - vocabulary: some of its tokens end a response, so that lengths differ.
  ///   - beginning: how many tokens the prompts have in common, `beginnings` different ones in turn.
  init(
    vocabulary: Int, prompts: Int = 7, samples: Int = 4, beginning: Int = 0, beginnings: Int = 1, seed: Int = 1
  ) {
    var numbers = Numbers(seed: seed)
    let shared = (0..<beginnings).map { _ in numbers.tokens(beginning, below: vocabulary) }
    self.prompts = (0..<prompts).map { shared[$0 % beginnings] + numbers.tokens(1 + Int(numbers.next() % 40), below: vocabulary) }
    self.samples = samples
    settings.maxNewTokens = 30
    settings.temperature = 0.8
    endTokens = [1, 5]
  }

  func request(_ prompt: Int, samples: some Sequence<Int>) -> GenerationRequest {
    GenerationRequest(prompt: prompts[prompt], randoms: samples.map { random($0, prompt: prompt) })
  }

  /// What became of each (prompt, sample), as text that two runs can be compared by, bits included.
  typealias Outcome = [String: String]

  static func text(_ s: GeneratedSequence) -> String { "\(s.tokens) \(s.logprobs.bits) \(s.finish)" }

  /// All samples of some prompts at once.
  func run(_ harness: Harness, order: [Int]? = nil, slots: Int = 64) -> Outcome {
    let order = order ?? Array(prompts.indices)
    let found = harness.generate(
      order.map { request($0, samples: 0..<samples) }, settings, endTokens: endTokens, slots: slots)
    var outcome: Outcome = [:]
    for (prompt, group) in zip(order, found) {
      for s in group { outcome["\(prompt)/\(s.sample)"] = Self.text(s) }
    }
    return outcome
  }
}

@Suite struct DecodingTests {
  /// Temperatures, truncation apart, at which the stored log-probabilities are those that training computes.
  @Test(arguments: 0..<5, [Float(1), 0.7, 1.5])
  func decodingEqualsTheFullForward(model: Int, temperature: Float) throws {
    for precision in precisions { try decodingEqualsTheFullForward(model, temperature, precision) }
  }

  private func decodingEqualsTheFullForward(_ model: Int, _ temperature: Float, _ precision: Precision) throws {
    let configuration = try BackwardTests.models()[model]
    let harness = Harness(smallParameters(configuration), precision: precision)
    var sampling = Sampling(vocabulary: configuration.vocabularyCount)
    sampling.settings.temperature = temperature
    let requests = sampling.prompts.indices.map { sampling.request($0, samples: 0..<sampling.samples) }
    let found = harness.generate(requests, sampling.settings, endTokens: sampling.endTokens)
    var batch = Batch(), ranges: [[Range<Int>]] = []
    for (prompt, group) in zip(sampling.prompts, found) {
      ranges.append(batch.append(prompt: prompt, responses: group.map(\.tokens)))
    }
    let together = harness.evaluate(batch, temperature: temperature)
    for (prompt, (group, ranges)) in zip(sampling.prompts, zip(found, ranges)) {
      for (s, range) in zip(group, ranges) {
        expectSame(s.logprobs, Array(together.logprobs[range]), "against the packed batch")
        var alone = Batch()
        _ = alone.append(sequence: prompt + s.tokens)
        let tail = harness.evaluate(alone, temperature: temperature).logprobs.dropLast().suffix(s.tokens.count)
        expectSame(s.logprobs, Array(tail), "against the sequence alone")
        #expect(s.tokens.count == s.logprobs.count && !s.tokens.isEmpty)
        let ended = sampling.endTokens.contains(s.tokens[s.tokens.count - 1])
        #expect(s.finish == (ended ? .endToken : .length))
        #expect(!s.tokens.dropLast().contains { sampling.endTokens.contains($0) })
        #expect(ended || s.tokens.count == sampling.settings.maxNewTokens)
      }
    }
    #expect(found.joined().contains { $0.finish == .endToken })
  }

  /// Prompts of more rows than are computed at once, alone and with others.
  @Test(arguments: [[1024], [1025], [1023, 2], [3, 2100, 17], [700, 700, 700]])
  func longPrompts(lengths: [Int]) throws {
    let configuration = try smallConfiguration(layers: 1), harness = Harness(smallParameters(configuration))
    var numbers = Numbers(seed: lengths.count)
    let prompts = lengths.map { numbers.tokens($0, below: 37) }
    let requests = prompts.indices.map {
      GenerationRequest(prompt: prompts[$0], randoms: [random(0, prompt: $0), random(1, prompt: $0)])
    }
    var settings = SamplingSettings()
    settings.maxNewTokens = 5
    let found = harness.generate(requests, settings)
    for (prompt, group) in zip(prompts, found) {
      var batch = Batch()
      let ranges = batch.append(prompt: prompt, responses: group.map(\.tokens))
      let result = harness.evaluate(batch)
      for (s, range) in zip(group, ranges) { expectSame(s.logprobs, Array(result.logprobs[range]), "\(lengths)") }
    }
  }

  /// A sequence depends on its prompt, its numbers and the weights alone.
  @Test(.enabled(if: productsAreInvariant, needsInvariance), arguments: 0..<6, precisions)
  func whatSharesTheBatchDoesNotMatter(variant: Int, precision: Precision) throws {
    let type = variant == 4 ? "qwen2" : variant == 5 ? "qwen3" : "llama"
    let configuration = try smallConfiguration(vocabulary: variant == 3 ? 5000 : 37, type: type)
    let p = smallParameters(configuration)
    var sampling = Sampling(vocabulary: configuration.vocabularyCount)
    if variant == 1 { sampling.settings.topK = 9 }
    if variant == 2 { (sampling.settings.topP, sampling.settings.minP) = (0.8, 0.02) }
    if variant == 3 { sampling.endTokens = Set((0..<150).map { $0 * 31 }) }
    let expected = sampling.run(Harness(p, threads: 1, precision: precision))
    #expect(expected.count == sampling.prompts.count * sampling.samples && Set(expected.values).count > 7)
    for threads in 1...3 {
      let harness = Harness(p, threads: threads, precision: precision)
      for slots in [4, 7, 64] {
        #expect(sampling.run(harness, slots: slots) == expected, "\(threads) threads, \(slots) slots")
      }
      #expect(sampling.run(harness, order: sampling.prompts.indices.reversed(), slots: 9) == expected, "reversed")
      for prompt in sampling.prompts.indices where prompt % 3 == threads - 1 {
        for (name, text) in sampling.run(harness, order: [prompt]) {
          #expect(expected[name] == text, "\(name) with its group alone, \(threads) threads")
        }
        let one = harness.generate(
          [sampling.request(prompt, samples: [2])], sampling.settings, endTokens: sampling.endTokens, slots: 1)
        #expect(expected["\(prompt)/2"] == Sampling.text(one[0][0]), "a sample alone, \(threads) threads")
      }
    }
  }

  /// Hundreds of rollouts, each made again by itself: no group, no other prompt, nothing shared.
  @Test(.enabled(if: productsAreInvariant, needsInvariance), arguments: [0, 15, 16, 17, 40, 1100], precisions)
  func everyRolloutAlone(beginning: Int, precision: Precision) throws {
    let configuration = try smallConfiguration(layers: beginning > 1000 ? 1 : 2, type: "qwen3")
    let harness = Harness(smallParameters(configuration), threads: 2, precision: precision)
    let count = beginning > 1000 ? 6 : 40
    let kinds = beginning == 40 ? 3 : 1
    let sampling = Sampling(
      vocabulary: 37, prompts: count, samples: 6, beginning: beginning, beginnings: kinds, seed: beginning)
    // With 15 some prompts have 16 or more in common by chance.
    if beginning != 15 { #expect(Beginnings(sampling.prompts).list.count == (beginning >= 16 ? kinds : 0)) }
    let together = sampling.run(harness, slots: 50)
    #expect(together.count == 6 * count)
    for prompt in sampling.prompts.indices {
      for sample in 0..<6 {
        let alone = harness.generate(
          [sampling.request(prompt, samples: [sample])], sampling.settings, endTokens: sampling.endTokens, slots: 1)
        #expect(together["\(prompt)/\(sample)"] == "\(Sampling.text(alone[0][0]))", "\(prompt)/\(sample)")
      }
    }
  }

  @Test func aDecoderServesManyCalls() throws {
    let p = smallParameters(try smallConfiguration()), harness = Harness(p), sampling = Sampling(vocabulary: 37)
    let decoder = Decoder(
      harness.transformer, settings: sampling.settings, endTokens: sampling.endTokens, sequences: 16)
    let requests = sampling.prompts.indices.map { sampling.request($0, samples: 0..<4) }
    let first = Harness.collect(requests, from: decoder)
    _ = Harness.collect(Array(requests.prefix(2)), from: decoder)
    var calls = 0, ended = 0
    decoder.generate(
      requests, stops: { _ in false },
      progress: { _ in
        calls += 1
        return calls < 3
      }, finish: { _ in ended += 1 })
    #expect(calls == 3 && ended < 28, "giving up did not end the work")
    let again = Harness.collect(requests, from: decoder)
    for (a, b) in zip(first.joined(), again.joined()) { expectSame(a.logprobs, b.logprobs, "after giving up") }
    #expect(Harness.collect([], from: decoder).isEmpty)
    let none = Harness.collect([sampling.request(0, samples: []), requests[1]], from: decoder)
    #expect(none[0].isEmpty && none[1].count == 4)
  }

  /// However little memory there is, a group's samples fit, and the result is the same.
  @Test func fewerSequencesWhereMemoryIsShort() throws {
    let harness = Harness(smallParameters(try smallConfiguration())), sampling = Sampling(vocabulary: 37)
    let requests = sampling.prompts.indices.map { sampling.request($0, samples: 0..<4) }
    func decoder() -> Decoder {
      Decoder(harness.transformer, settings: sampling.settings, endTokens: sampling.endTokens, sequences: 16)
    }
    let expected = Harness.collect(requests, from: decoder())
    let fewest = decoder().heldTokens(requests, sequences: 4), most = decoder().heldTokens(requests, sequences: 16)
    #expect(fewest >= 4 * 30 + 2 && most > fewest)
    #expect(decoder().affordable(requests, tokens: fewest - 1) == nil)
    #expect(decoder().affordable(requests, tokens: fewest) == 4 && decoder().affordable(requests, tokens: 1 << 40) == 16)
    var last = 4
    for tokens in stride(from: fewest, through: most, by: 50) {
      let limited = decoder(), count = try #require(limited.affordable(requests, tokens: tokens))
      #expect(count >= last && count <= 16 && limited.heldTokens(requests, sequences: count) <= tokens)
      last = count
      limited.limit(sequences: count)
      let found = Harness.collect(requests, from: limited)
      for (a, b) in zip(found.joined(), expected.joined()) { expectSame(a.logprobs, b.logprobs, "\(count) sequences") }
    }
  }

  /// A model that has diverged ends its sequences at once.
  @Test func notANumberEndsASequence() throws {
    let parameters = smallParameters(try smallConfiguration())
    parameters.arena.base[parameters.layout.finalNorm] = .nan
    let sampling = Sampling(vocabulary: 37)
    let found = Harness(parameters).generate([sampling.request(0, samples: 0..<3)], sampling.settings)
    for s in found[0] { #expect(s.finish == .notFinite && s.tokens.count == 1 && s.logprobs[0].isNaN) }
  }

  @Test func stopsAndProgress() throws {
    let harness = Harness(smallParameters(try smallConfiguration())), sampling = Sampling(vocabulary: 37)
    let decoder = Decoder(harness.transformer, settings: sampling.settings, endTokens: [], sequences: 8)
    var tokens = 0, finished: [GeneratedSequence] = []
    decoder.generate(
      sampling.prompts.indices.map { sampling.request($0, samples: 0..<4) }, stops: { $0.tokens.suffix(1) == [3] },
      progress: {
        tokens += $0
        return true
      }, finish: { finished.append($0) })
    #expect(finished.count == 28)
    for s in finished {
      #expect(!s.tokens.dropLast().contains(3))
      #expect(s.finish == (s.tokens.last == 3 ? .stopped : .length))
      #expect(s.finish == .stopped || s.tokens.count == 30)
    }
    #expect(finished.contains { $0.finish == .stopped } && tokens > 0)
  }
}
