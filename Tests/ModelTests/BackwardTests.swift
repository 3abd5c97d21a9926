import Formats
import Foundation
import Kernels
import Model
import Testing

/// A group as training sees it: a prompt, its responses and the loss's derivatives, one per response token.
struct Group {
  var prompt: [Int32]
  var responses: [[Int32]]
  var c: [[Float]], e: [[Float]]

  static func random(_ numbers: inout Numbers, vocabulary: Int, responses: Int, longest: Int) -> Group {
    let lengths = (0..<responses).map { _ in 1 + Int(numbers.next() % UInt64(longest)) }
    return Group(
      prompt: numbers.tokens(1 + Int(numbers.next() % UInt64(longest)), below: vocabulary),
      responses: lengths.map { numbers.tokens($0, below: vocabulary) }, c: lengths.map { numbers.floats($0) },
      e: lengths.map { numbers.floats($0) })
  }

  /// Adds the group to a batch, its prompt once or a copy for every response.
  func append(to batch: inout Batch, shared: Bool, c: inout [Float], e: inout [Float]) -> [Range<Int>] {
    c += self.c.flatMap { $0 }
    e += self.e.flatMap { $0 }
    if shared { return batch.append(prompt: prompt, responses: responses) }
    return responses.flatMap { batch.append(prompt: prompt, responses: [$0]) }
  }

  /// The same sequences one by one, for the twin.
  var terms: [ReferenceModel.Term] {
    zip(responses, zip(c, e)).map { response, slopes in
      let before = [Float](repeating: 0, count: prompt.count - 1)
      return ReferenceModel.Term(ids: prompt + response, c: before + slopes.0 + [0], e: before + slopes.1 + [0])
    }
  }
}

/// The gradient of some groups in one pass.
func gradient(of groups: [Group], _ harness: Harness, shared: Bool = true, temperature: Float = 1) -> Parameters {
  let gradients = Parameters(harness.configuration)
  accumulate(groups, harness, shared: shared, temperature: temperature, into: gradients)
  return gradients
}

@discardableResult
func accumulate(
  _ groups: [Group], _ harness: Harness, shared: Bool, temperature: Float, into gradients: Parameters
) -> [Float] {
  var batch = Batch(), c: [Float] = [], e: [Float] = []
  let ranges = groups.flatMap { $0.append(to: &batch, shared: shared, c: &c, e: &e) }
  let result = harness.backward(batch, dLogprobs: c, dEntropies: e, temperature: temperature, into: gradients)
  return ranges.flatMap { result.logprobs[$0] + result.entropies[$0] }
}

/// Every tensor of two gradients: the largest difference within `limit` of the tensor's largest element.
func expectSameGradient(
  _ a: Parameters, _ b: Parameters, _ limit: Double, _ what: String, sourceLocation: SourceLocation = #_sourceLocation
) {
  for entry in a.layout.entries {
    let error = relativeError(a.values(entry), b.values(entry).map { Double($0) })
    #expect(error <= limit, "\(what), \(entry.name)", sourceLocation: sourceLocation)
  }
}

@Suite struct BackwardTests {
  static func models() throws -> [ModelConfiguration] {
    [
      try smallConfiguration(),
      try smallConfiguration(
        vocabulary: 70, hidden: 33, heads: 3, keyValueHeads: 3, headDimensions: 12, tied: false),
      try smallConfiguration(
        vocabulary: 5, hidden: 16, intermediate: 17, layers: 3, heads: 5, keyValueHeads: 1, headDimensions: 20),
      try smallConfiguration(heads: 3, keyValueHeads: 3, headDimensions: 10, type: "qwen2"),
      try smallConfiguration(
        heads: 4, keyValueHeads: 1, headDimensions: 12, tied: false, type: "qwen3",
        rope: [
          "rope_theta": 500.0, "rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 3.0,
          "original_max_position_embeddings": 24,
        ]),
    ]
  }

  /// Central differences of the slow twin, for elements of every tensor and the largest element of each.
  @Test(arguments: 0..<5, [Float(1), 0.7])
  func gradientIsTheSlope(model: Int, temperature: Float) throws {
    let configuration = try Self.models()[model], parameters = smallParameters(configuration, seed: model)
    var numbers = Numbers(seed: 40 + model)
    let groups = [2, 1, 3].map {
      Group.random(&numbers, vocabulary: configuration.vocabularyCount, responses: $0, longest: 6)
    }
    let found = gradient(of: groups, Harness(parameters), temperature: temperature)
    var twin = ReferenceModel(parameters)
    let terms = groups.flatMap(\.terms)
    for entry in parameters.layout.entries {
      let gradient = found.values(entry), top = gradient.indices.max { abs(gradient[$0]) < abs(gradient[$1]) } ?? 0
      for index in Set((0..<8).map { _ in Int(numbers.next() % UInt64(entry.count)) } + [top]) {
        let place = entry.offset + index, value = twin.values[place], step = 1e-5
        twin.values[place] = value + step
        let up = twin.loss(terms, temperature: temperature)
        twin.values[place] = value - step
        let down = twin.loss(terms, temperature: temperature)
        twin.values[place] = value
        let slope = (up - down) / (2 * step)
        let error = abs(slope - Double(gradient[index])) / Double(abs(gradient[top]))
        #expect(error <= Limit.gradient, "\(entry.name)[\(index)]: \(gradient[index]), the slope is \(slope)")
      }
    }
  }

  /// Losses and gradients add: how a step is cut into micro-batches does not matter.
  @Test(arguments: 0..<10)
  func anySplitGivesTheSameGradient(seed: Int) throws {
    let configuration = try Self.models()[seed % 5], harness = Harness(smallParameters(configuration))
    var numbers = Numbers(seed: seed)
    let groups = (0..<9).map { _ in
      Group.random(&numbers, vocabulary: configuration.vocabularyCount, responses: 1 + seed % 4, longest: 40)
    }
    let whole = gradient(of: groups, harness, temperature: 1.3)
    for _ in 0..<3 {
      let parts = Parameters(configuration)
      var rest = groups.shuffled(using: &numbers)[...]
      while !rest.isEmpty {
        let count = 1 + Int(numbers.next() % UInt64(rest.count))
        accumulate(Array(rest.prefix(count)), harness, shared: numbers.next() % 2 == 0, temperature: 1.3, into: parts)
        rest = rest.dropFirst(count)
      }
      expectSameGradient(parts, whole, 1e-5, "split")
    }
  }

  @Test(arguments: 0..<10)
  func sharedPromptEqualsCopies(seed: Int) throws {
    let configuration = try Self.models()[seed % 5], harness = Harness(smallParameters(configuration))
    var numbers = Numbers(seed: 70 + seed)
    let groups = (0..<4).map { _ in
      Group.random(&numbers, vocabulary: configuration.vocabularyCount, responses: 4, longest: 50)
    }
    let shared = Parameters(configuration), copies = Parameters(configuration)
    let a = accumulate(groups, harness, shared: true, temperature: 0.9, into: shared)
    let b = accumulate(groups, harness, shared: false, temperature: 0.9, into: copies)
    expectSame(a, b, "log-probabilities and entropies")
    expectSameGradient(shared, copies, 1e-5, "shared prompt")
    // Whole sequences in one piece, prompts included: the same numbers once more.
    for group in groups {
      for response in group.responses {
        var whole = Batch(), apart = Batch()
        _ = whole.append(sequence: group.prompt + response)
        let range = apart.append(prompt: group.prompt, responses: [response])[0]
        let tail = Array(harness.evaluate(whole, temperature: 0.9).logprobs.dropLast().suffix(response.count))
        expectSame(tail, Array(harness.evaluate(apart, temperature: 0.9).logprobs[range]), "in one piece")
      }
    }
  }

  /// What several prompts begin with, once or in every prompt: the same bits forward, the same gradient.
  @Test(arguments: [1, 15, 16, 33, 50], precisions)
  func sharedBeginningEqualsCopies(beginning: Int, precision: Precision) throws {
    let configuration = try Self.models()[beginning % 5]
    let harness = Harness(smallParameters(configuration), precision: precision)
    var numbers = Numbers(seed: beginning)
    let head = numbers.tokens(beginning, below: configuration.vocabularyCount)
    let groups = (0..<4).map { _ in
      var group = Group.random(&numbers, vocabulary: configuration.vocabularyCount, responses: 3, longest: 40)
      group.prompt = head + group.prompt
      return group
    }
    func run(shared: Bool) -> (found: [Float], gradients: Parameters) {
      var batch = Batch(), c: [Float] = [], e: [Float] = [], ranges: [Range<Int>] = []
      let segment = shared ? batch.append(shared: head) : nil
      for group in groups {
        c += group.c.flatMap { $0 }
        e += group.e.flatMap { $0 }
        ranges += batch.append(prompt: group.prompt, responses: group.responses, after: segment)
      }
      let gradients = Parameters(configuration)
      let result = harness.backward(batch, dLogprobs: c, dEntropies: e, into: gradients)
      return (ranges.flatMap { result.logprobs[$0] + result.entropies[$0] }, gradients)
    }
    let once = run(shared: true), copies = run(shared: false)
    expectSame(once.found, copies.found, "log-probabilities and entropies")
    // In bf16 the gradients that reach the beginning are rounded before they are added, or after.
    expectSameGradient(once.gradients, copies.gradients, precision == .bf16 ? 2e-2 : 1e-5, "shared beginning")
  }

  @Test(arguments: 0..<5)
  func evaluateHasTheBitsOfForward(model: Int) throws {
    let configuration = try Self.models()[model], harness = Harness(smallParameters(configuration))
    var numbers = Numbers(seed: 1), batch = Batch()
    for length in [1, 2, 17, 40, 70] {
      _ = batch.append(sequence: numbers.tokens(length, below: configuration.vocabularyCount))
    }
    let before = harness.evaluate(batch)
    let during = harness.backward(
      batch, dLogprobs: before.logprobs, dEntropies: before.entropies, into: Parameters(configuration))
    let after = harness.evaluate(batch)
    for result in [during, after] {
      #expect(result.logprobs.bits == before.logprobs.bits && result.entropies.bits == before.entropies.bits)
    }
  }

  /// The same bits for one, two and three threads; a vocabulary of several chunks included.
  @Test(
    .enabled(if: productsAreInvariant, needsInvariance),
    arguments: [(37, "llama"), (9001, "llama"), (41, "qwen2"), (43, "qwen3")])
  func threadsDoNotMatter(vocabulary: Int, type: String) throws {
    let configuration = try smallConfiguration(vocabulary: vocabulary, tied: vocabulary == 37, type: type)
    var numbers = Numbers(seed: vocabulary)
    let groups = (0..<8).map { _ in Group.random(&numbers, vocabulary: vocabulary, responses: 3, longest: 60) }
    let results = (1...3).map { threads in
      let gradients = Parameters(configuration), harness = Harness(smallParameters(configuration), threads: threads)
      let found = accumulate(groups, harness, shared: true, temperature: 1, into: gradients)
      return (found.bits, gradients.bits)
    }
    #expect(results[1].0 == results[0].0 && results[2].0 == results[0].0, "statistics depend on the threads")
    #expect(results[1].1 == results[0].1 && results[2].1 == results[0].1, "gradients depend on the threads")
  }

  /// Weights that have diverged must be seen, not sampled around.
  @Test(arguments: ["llama", "qwen2", "qwen3"])
  func aNaNWeightReachesLossAndGradient(type: String) throws {
    let configuration = try smallConfiguration(type: type), parameters = smallParameters(configuration)
    var numbers = Numbers(seed: 5)
    let groups = [Group.random(&numbers, vocabulary: 37, responses: 2, longest: 10)]
    for entry in parameters.layout.entries where !entry.name.contains("embed") {
      let place = parameters.arena.base + entry.offset + entry.count / 2, value = place.pointee
      place.pointee = .nan
      let gradients = Parameters(configuration), harness = Harness(parameters)
      let found = accumulate(groups, harness, shared: true, temperature: 1, into: gradients)
      #expect(found.contains { $0.isNaN }, "\(entry.name)")
      #expect(norm(harness.matmul.pool, gradients.arena.base, count: gradients.layout.count).isNaN, "\(entry.name)")
      place.pointee = value
    }
  }
}
