internal import Formats
internal import Foundation
internal import Kernels
internal import Model
internal import Pipeline
internal import Tokenizer

/// A sequence to be computed. Neither part is empty.
struct ModelRow: Equatable, Sendable {
  var prompt: [Int32]
  var response: [Int32]
  /// Neighbours of the same number and prompt share its one computation.
  var family: Int

  /// - Parameter first: How many tokens may be shared with the neighbours; both parts get one token at least.
  /// - Returns: Nil for fewer than two tokens.
  init?(_ tokens: [Int32], sharing first: Int, family: Int) {
    guard tokens.count >= 2 else { return nil }
    let cut = min(max(1, first), tokens.count - 1)
    (prompt, response, self.family) = (Array(tokens[..<cut]), Array(tokens[cut...]), family)
  }
}

/// A model that is asked about whole sequences. Its weights are read when it is first asked.
///
/// What it says of a row depends on that row and the weights alone where products are batch-invariant.
final class ScoringModel: @unchecked Sendable {
  /// What is wanted of each row.
  enum Question: Equatable, Sendable {
    /// The head's value at the last token: one number.
    case score
    /// The head's value before each token of the response.
    case values
    /// log p of each token of the response at this temperature, in nats.
    case logprobs(temperature: Float)
  }

  /// Names it in errors.
  let path: String
  let configuration: ModelConfiguration
  let config: JSON
  let head: ValueHead?
  /// Whether a checkpoint of ours holds the head in a file of its own.
  let hasOwnHead: Bool
  /// Nil where its folder has none.
  let tokenizer: Tokenizer?
  /// In the words of provenance: digests of the weights and of what they mean.
  let identity: [(name: String, value: String)]
  let input: Manifest.Input
  let precision: Precision
  private let matmul: Matmul
  private let load: (Matmul) throws -> Transformer
  private let lock = NSLock()
  private var engine: (transformer: Transformer, store: KeyStore)?
  /// The last answers: several rewards may ask the same of the same rows.
  private var last: (question: Question, rows: [ModelRow], answers: [[Float]])?

  init(
    _ source: ModelSource, tokenizer: Tokenizer?, head: ValueHead?, role: String, _ matmul: Matmul,
    load: @escaping (Matmul) throws -> Transformer
  ) throws {
    (path, config, configuration) = (source.path, source.config, source.configuration)
    hasOwnHead = source.hasOwnHead
    (self.tokenizer, self.head, self.matmul, self.load) = (tokenizer, head, matmul, load)
    precision = matmul.precision
    input = Manifest.Input(role: role, name: source.path, digest: source.digest)
    let config = Digest.xxh3(try source.config.serialized(sortedKeys: true))
    identity =
      [("weights", source.digest), ("config", config)] + (head.map { [("head", $0.digest)] } ?? [])
      + [("precision", matmul.precision.rawValue)]
  }

  var kernels: String { matmul.description }
  var threads: Int { matmul.pool.count }

  /// - Throws: `interrupted` between batches; what reading the weights throws.
  func ask(_ question: Question, _ rows: [ModelRow], batchTokens: Int) throws -> [[Float]] {
    lock.lock()
    defer { lock.unlock() }
    if let last, last.question == question, last.rows == rows { return last.answers }
    let (transformer, store) = try loaded()
    let sequences = rows.enumerated().map { index, row in
      PackedSequence(prompt: row.prompt, response: row.response, family: row.family, together: index)
    }
    var answers = [[Float]](repeating: [], count: rows.count)
    for packed in PackedBatch.pack(sequences, limit: batchTokens, scored: question == .score) {
      if Interrupt.requested { throw Interrupt.error("scores that were stored are kept") }
      let found: [Float]
      switch question {
      case .logprobs(let temperature):
        found = transformer.evaluate(packed.batch, store: store, temperature: temperature).logprobs
      case .score, .values:
        guard let head else { throw RollbookError.bug("\(path) was asked for values, which it has not got") }
        found = transformer.values(packed.batch, head, store: store)
      }
      for (sequence, range) in zip(packed.sequences, packed.ranges) { answers[sequence] = Array(found[range]) }
    }
    if let place = answers.firstIndex(where: { !$0.allSatisfy(\.isFinite) }) {
      throw RollbookError.badInput(
        path, "what it says of a row of \(rows[place].prompt.count + rows[place].response.count) tokens is no number",
        hint: "its weights are damaged, or training has diverged")
    }
    last = (question, rows, answers)
    return answers
  }

  /// Lends the model to one caller at a time, for what it says itself.
  /// - Throws: What `body` and reading the weights throw.
  func speak<Result>(_ body: (Transformer) throws -> Result) throws -> Result {
    lock.lock()
    defer { lock.unlock() }
    return try body(loaded().0)
  }

  private func loaded() throws -> (Transformer, KeyStore) {
    if let engine { return engine }
    let transformer = try load(matmul)
    let fresh = (transformer, KeyStore(configuration, keepsLayers: false))
    engine = fresh
    return fresh
  }
}

extension ScoringModel {
  /// - Throws: `badInput` for a token that the model does not have, or more of them than it has positions.
  func check(_ tokens: [Int32], of id: String) throws {
    if let bad = tokens.first(where: { $0 < 0 || $0 >= configuration.vocabularyCount }) {
      throw RollbookError.badInput(
        "rollout \(id)", "token \(bad) is not in the vocabulary of \(configuration.vocabularyCount) of \(path)",
        hint: "the rollouts are of another tokenizer than this model")
    }
    guard tokens.count <= configuration.maximumPositions else {
      throw RollbookError.badInput(
        "rollout \(id)", "it has \(tokens.count) tokens, and \(path) has \(configuration.maximumPositions) positions",
        hint: "leave such rollouts out with --where 'response_length <= N', or use truncate=left with a reward model")
    }
  }
}

extension ValueHead {
  /// Of its numbers.
  var digest: String {
    let bytes = entries.flatMap { entry in
      Array(UnsafeRawBufferPointer(start: arena.base + entry.offset, count: entry.count * MemoryLayout<Float>.stride))
    }
    return Digest.xxh3(bytes)
  }
}
