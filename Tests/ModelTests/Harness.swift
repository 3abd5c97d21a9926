import Formats
import Kernels
import Model
import Testing

/// A model with all that training and generation need around it.
final class Harness {
  let configuration: ModelConfiguration
  let parameters: Parameters
  let matmul: Matmul
  let transformer: Transformer
  let store: KeyStore

  /// - Parameter weights: nil for the parameters as they stand, as in training.
  init(_ parameters: Parameters, weights: ModelWeights? = nil, threads: Int = 2, precision: Precision = .f32) {
    configuration = parameters.configuration
    self.parameters = parameters
    matmul = Matmul(pool: ThreadPool(threads: threads), precision: precision)
    if weights == nil { parameters.round(for: matmul) }
    transformer = Transformer(configuration, weights: weights ?? parameters.weights, matmul: matmul)
    store = KeyStore(configuration, keepsLayers: false)
  }

  convenience init(
    _ files: ModelFiles, packed: Bool = false, threads: Int = 2, precision: Precision = .f32
  ) throws {
    let configuration = try ModelConfiguration(files.config, place: files.path)
    let matmul = Matmul(pool: ThreadPool(threads: threads), precision: precision)
    if packed {
      let weights = try ModelWeights.packed(configuration, from: files, matmul: matmul)
      self.init(Parameters(configuration), weights: weights, threads: threads, precision: precision)
    } else {
      let parameters = try Parameters(configuration, from: files, pool: matmul.pool)
      self.init(parameters, threads: threads, precision: precision)
    }
  }

  func evaluate(_ batch: Batch, temperature: Float = 1) -> HeadResult {
    transformer.evaluate(batch, store: store, temperature: temperature)
  }

  /// The gradient of Σ dLogprobs·logprob + dEntropies·entropy over the batch's head rows, added to `gradients`.
  @discardableResult
  func backward(
    _ batch: Batch, dLogprobs: [Float], dEntropies: [Float], temperature: Float = 1, into gradients: Parameters
  ) -> HeadResult {
    let result = transformer.forward(batch, store: store, temperature: temperature)
    transformer.backward(
      batch, result: result, dLogprobs: dLogprobs, dEntropies: dEntropies, store: store, into: gradients,
      temperature: temperature)
    return result
  }

  /// log p of some tokens (or all) after each of these positions: [position][token]. A head row for each of them, so
  /// this is for few tokens or small vocabularies.
  func distributions(
    _ ids: [Int32], positions: [Int], tokens: [Int32]? = nil, temperature: Float = 1
  ) -> [[Float]] {
    var batch = Batch()
    _ = batch.append(sequence: ids)
    let tokens = tokens ?? (0..<Int32(configuration.vocabularyCount)).map { $0 }
    batch.heads = positions.flatMap { row in tokens.map { HeadRow(row: Int32(row), target: $0) } }
    let all = evaluate(batch, temperature: temperature).logprobs
    return positions.indices.map { Array(all[$0 * tokens.count..<($0 + 1) * tokens.count]) }
  }

  /// Samples; the result is [request][sample].
  func generate(
    _ requests: [GenerationRequest], _ settings: SamplingSettings, endTokens: Set<Int32> = [], slots: Int = 64
  ) -> [[GeneratedSequence]] {
    let decoder = Decoder(transformer, settings: settings, endTokens: endTokens, sequences: slots)
    return Self.collect(requests, from: decoder)
  }

  static func collect(_ requests: [GenerationRequest], from decoder: Decoder) -> [[GeneratedSequence]] {
    var found = requests.map { [GeneratedSequence?](repeating: nil, count: $0.randoms.count) }
    decoder.generate(
      requests, stops: { _ in false }, progress: { _ in true },
      finish: { sequence in
        #expect(found[sequence.request][sequence.sample] == nil, "a sequence ended twice")
        found[sequence.request][sequence.sample] = sequence
      })
    #expect(found.allSatisfy { $0.allSatisfy { $0 != nil } }, "a sequence never ended")
    return found.map { $0.compactMap { $0 } }
  }

  /// The most likely continuation of each prompt, through all end tokens.
  func greedy(_ prompts: [[Int32]], count: Int) -> [GeneratedSequence] {
    var settings = SamplingSettings()
    settings.temperature = 0
    settings.maxNewTokens = count
    return generate(prompts.map { GenerationRequest(prompt: $0, randoms: [random(0)]) }, settings).map { $0[0] }
  }
}

func random(_ sample: Int, seed: Int = 1, prompt: Int = 0) -> RolloutRandom {
  RolloutRandom(seed: UInt64(seed), step: 0, prompt: UInt64(prompt), sample: UInt64(sample))
}

extension Parameters {
  /// A copy of one parameter's values.
  func values(_ entry: ParameterLayout.Entry) -> [Float] {
    Array(UnsafeBufferPointer(start: arena.base + entry.offset, count: entry.count))
  }

  func values(_ name: String) -> [Float] {
    layout.entries.first { $0.name == name }.map { values($0) } ?? []
  }

  func set(_ name: String, _ values: [Float]) {
    guard let entry = layout.entries.first(where: { $0.name == name }), entry.count == values.count else {
      Issue.record("no parameter \(name) of \(values.count) values")
      return
    }
    for (i, value) in values.enumerated() { arena.base[entry.offset + i] = value }
  }

  /// The bits of everything, padding included.
  var bits: [UInt32] { (0..<layout.count).map { arena.base[$0].bitPattern } }
}

/// A small model's configuration, written as config.json would.
func smallConfiguration(
  vocabulary: Int = 37, hidden: Int = 20, intermediate: Int = 28, layers: Int = 2, heads: Int = 4,
  keyValueHeads: Int = 2, headDimensions: Int = 8, tied: Bool = true, type: String = "llama",
  rope: JSON = ["rope_theta": 10000.0, "rope_type": "default"]
) throws -> ModelConfiguration {
  try ModelConfiguration(
    [
      "model_type": .string(type), "vocab_size": .int(vocabulary), "hidden_size": .int(hidden),
      "intermediate_size": .int(intermediate), "num_hidden_layers": .int(layers), "num_attention_heads": .int(heads),
      "num_key_value_heads": .int(keyValueHeads), "head_dim": .int(headDimensions), "rms_norm_eps": 1e-5,
      "rope_parameters": rope, "tie_word_embeddings": .bool(tied), "max_position_embeddings": 4096,
    ], place: "small")
}

/// Weights at which gates, attention and the head are all far from their linear range, norms and biases included.
func smallParameters(_ configuration: ModelConfiguration, seed: Int = 1, deviation: Float = 0.25) -> Parameters {
  let parameters = Parameters.random(configuration, seed: UInt64(seed), deviation: deviation)
  var numbers = Numbers(seed: seed)
  for entry in parameters.layout.entries where entry.shape.count == 1 {
    for i in 0..<entry.count { parameters.arena.base[entry.offset + i] = Float(0.5 + numbers.uniform()) }
  }
  return parameters
}

/// SplitMix64: the same numbers in every run.
struct Numbers: RandomNumberGenerator {
  private var state: UInt64

  init(seed: Int) { state = UInt64(bitPattern: Int64(seed)) &* 0x9E37_79B9_7F4A_7C15 }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// In [0, 1).
  mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

  /// In [-1, 1).
  mutating func floats(_ count: Int) -> [Float] { (0..<count).map { _ in Float(2 * uniform() - 1) } }

  mutating func tokens(_ count: Int, below vocabulary: Int) -> [Int32] {
    (0..<count).map { _ in Int32(next() % UInt64(vocabulary)) }
  }
}

extension [Float] {
  var bits: [UInt32] { map(\.bitPattern) }
}

/// What this machine multiplies in.
let precisions = Precision.allCases.filter(\.isSupported)

/// Where rows of a product do not depend on the batch: oneDNN on AVX-512.
let productsAreInvariant = Matmul.library.hasPrefix("oneDNN") && kernelVersion == "x86-64-v4"
let needsInvariance: Comment = "needs oneDNN and AVX-512: products are only reproducible per batch on this machine"

/// Equal to the bit where the machine's products allow it, else within `limit`.
func expectSame(
  _ a: [Float], _ b: [Float], _ what: String, limit: Double = 1e-5, sourceLocation: SourceLocation = #_sourceLocation
) {
  if productsAreInvariant {
    let different = zip(a, b).count { $0.bitPattern != $1.bitPattern }
    let same = a.count == b.count && different == 0
    #expect(same, "\(what): \(different) of \(a.count) differ", sourceLocation: sourceLocation)
  } else {
    expectClose(a, b.map { Double($0) }, limit, what, sourceLocation: sourceLocation)
  }
}

/// Fails with the worst place unless every |found − expected| ≤ limit.
func expectClose(
  _ found: [Float], _ expected: [Double], _ limit: Double, _ what: String,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(found.count == expected.count, "\(what)", sourceLocation: sourceLocation)
  let errors = zip(found, expected).map { abs(Double($0) - $1) }
  guard let worst = errors.indices.max(by: { errors[$0] < errors[$1] }) else { return }
  #expect(
    errors.allSatisfy { $0 <= limit }, "\(what): [\(worst)] is \(found[worst]), expected \(expected[worst])",
    sourceLocation: sourceLocation)
}

/// The largest |found − expected| over the largest |expected|; infinite for NaN.
func relativeError(_ found: [Float], _ expected: [Double]) -> Double {
  let errors = zip(found, expected).map { abs(Double($0) - $1) }
  if errors.contains(where: { $0.isNaN }) || found.count != expected.count { return .infinity }
  return (errors.max() ?? 0) / max(expected.map { abs($0) }.max() ?? 0, 1e-30)
}
