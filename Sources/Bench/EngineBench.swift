internal import ArgumentParser
internal import CAllocations
internal import Formats
internal import Foundation
internal import Kernels
internal import Model
internal import Pipeline

/// The engine's speed, without the disk: what scripts/bench_engine.sh prints.
struct EngineBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "engine", abstract: "Measure generation and training speed of a model on this machine.")

  @Option(help: "A Hugging Face folder or a .gguf file.")
  var model: String
  @Option var threads = 2
  @OptionGroup var engine: EngineOptions
  @Option(help: "Measurements; the best counts.")
  var repeats = 3
  @Option(parsing: .upToNextOption, help: "How many sequences to decode at once: 64 (8 prompts × 8), 8, 1.")
  var sequences = [64, 8, 1]
  @Option(help: "Tokens of a training step computed at a time; gradients accumulate over the rest.")
  var tokensPerBatch = 1024
  @Flag(help: "Train with activations computed again in the backward pass.")
  var recompute = false
  @Option(help: "What to measure: generate or train (default: both).")
  var only: String?

  func run() throws {
    let files = try ModelFiles.open(path: model)
    let configuration = try ModelConfiguration(files.config, place: model)
    let matmul = Matmul(pool: ThreadPool(threads: threads), precision: try .choose(engine.precision))
    try Output.print("kernels: \(matmul.description); \(threads) threads")
    let limit = Roofline(configuration, matmul)
    try Output.print(
      "limits: \(Format.decimal(limit.operations / 1e9, 0)) GFLOP/s, \(Format.decimal(limit.bandwidth / 1e9, 0)) GB/s")
    let weights = Parameters.multiplied(configuration)
    if only != "train" {
      try generation(files, configuration, matmul) { limit.decoding(weights, matmul.precision, sequences: $0) }
      try Output.print("peak memory after generation: \(Format.decimal(peak(), 2)) GB")
    }
    if only != "generate" {
      try training(files, configuration, matmul, limit: limit.training(weights))
    }
  }

  private func tokens(_ count: Int, _ salt: Int, _ c: ModelConfiguration) -> [Int32] {
    (0..<count).map { Int32(5 + ($0 * 7919 + salt * 104_729) % (c.vocabularyCount - 5)) }
  }

  private func best(_ work: () -> Void) -> Double {
    (0..<repeats).map { _ in
      let start = Timestamp.steady
      work()
      return Timestamp.steady - start
    }.min()!
  }

  /// 64 sequences (8 prompts of 45 tokens × 8), 8 and 1, of 64 new tokens each.
  private func generation(
    _ files: ModelFiles, _ c: ModelConfiguration, _ matmul: Matmul, limit: (_ sequences: Int) -> Double
  ) throws {
    let weights = try ModelWeights.packed(c, from: files, matmul: matmul)
    let transformer = Transformer(c, weights: weights, matmul: matmul)
    for sequences in sequences {
      let samples = min(8, sequences), prompts = max(1, sequences / samples)
      var settings = SamplingSettings()
      settings.maxNewTokens = 64
      let decoder = Decoder(transformer, settings: settings, endTokens: [], sequences: 64)
      let requests = (0..<prompts).map { p in
        GenerationRequest(
          prompt: tokens(45, p, c),
          randoms: (0..<samples).map { RolloutRandom(seed: 1, step: 0, prompt: UInt64(p), sample: UInt64($0)) })
      }
      var decoding = Double.infinity
      let seconds = best {
        // The first call comes after the prompts and two tokens of each sequence.
        var begun: Double?
        decoder.generate(
          requests, stops: { _ in false },
          progress: { _ in
            begun = begun ?? Timestamp.steady
            return true
          }, finish: { _ in })
        decoding = min(decoding, Timestamp.steady - (begun ?? 0))
      }
      let count = prompts * samples
      try report("generate \(count) x 64", Double(count * 64) / seconds, limit: limit(count))
      try report("decode \(count) x 64 without the prompts", Double(count * 62) / decoding, limit: limit(count))
    }
  }

  /// Forward, backward and AdamW: 16 separate sequences of 109 tokens; then 8 groups of 8 responses of 21 tokens to
  /// a prompt of 102, counted as the tokens that separate copies would have. Gradients accumulate over micro-batches
  /// of at most `tokensPerBatch` rows, as in `rollbook-train`.
  private func training(_ files: ModelFiles, _ c: ModelConfiguration, _ matmul: Matmul, limit: Double) throws {
    let policy = try Parameters(c, from: files, pool: matmul.pool)
    let gradients = Parameters(c), mean = Parameters(c), square = Parameters(c)
    policy.round(for: matmul)
    let transformer = Transformer(c, weights: policy.weights, matmul: matmul)
    transformer.recomputes = recompute
    let store = KeyStore(c, keepsLayers: false)
    var step = 0
    func accumulate(_ batch: Batch, heads: Int) {
      let result = transformer.forward(batch, store: store)
      transformer.backward(
        batch, result: result, dLogprobs: [Float](repeating: -1 / Float(heads), count: batch.heads.count),
        dEntropies: [Float](repeating: 0, count: batch.heads.count), store: store, into: gradients)
    }
    func measure(_ name: String, _ batches: [Batch], tokens: Int, limit: Double?) throws {
      let heads = batches.reduce(0) { $0 + $1.heads.count }
      let seconds = best {
        gradients.arena.zero()
        for batch in batches { accumulate(batch, heads: heads) }
        step += 1
        AdamW(learningRate: 1e-6).update(
          matmul.pool, policy.arena.base, gradients: gradients.arena.base, m: mean.arena.base, v: square.arena.base,
          count: policy.layout.count, step: step, gradientScale: 1)
        policy.round(for: matmul)
      }
      try report("train \(name)", Double(tokens) / seconds, limit: limit)
    }
    let separate = parts(of: 16, rows: 109) { batch, s in _ = batch.append(sequence: tokens(109, s, c)) }
    try measure("16 x 109", separate, tokens: 16 * 109, limit: limit)
    ca_start()
    accumulate(separate[0], heads: 1)
    let batchCounts = ca_stop()
    try Output.print(
      "allocations in a micro-batch after the first, calling thread: \(batchCounts.count) of \(batchCounts.bytes) bytes, the largest \(batchCounts.largest); oneDNN: \(batchCounts.library)")
    try Output.print("peak memory after training: \(Format.decimal(peak(), 2)) GB")
    let groups = parts(of: 8, rows: 102 + 8 * 20) { batch, g in
      _ = batch.append(prompt: tokens(102, g, c), responses: (0..<8).map { tokens(21, 8 * g + $0, c) })
    }
    try measure("8 groups of 8 x (102 + 21)", groups, tokens: 64 * 123, limit: nil)
  }

  /// Deals `count` units of so many rows evenly into micro-batches of at most `tokensPerBatch` rows.
  private func parts(of count: Int, rows: Int, _ append: (inout Batch, Int) -> Void) -> [Batch] {
    let parts = min(count, max(1, (count * rows + tokensPerBatch - 1) / tokensPerBatch))
    return (0..<parts).map { part in
      var batch = Batch()
      for unit in count * part / parts..<count * (part + 1) / parts { append(&batch, unit) }
      return batch
    }
  }

  private func report(_ name: String, _ rate: Double, limit: Double?) throws {
    let share = limit.map { ", \(Format.percent(rate / $0)) of the limit \(Format.decimal($0, 0))" } ?? ""
    try Output.print("\(name): \(Format.decimal(rate, 0)) tokens/s\(share)")
  }

  private func peak() -> Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Double(usage.ru_maxrss) * 1024 / 1e9
  }
}
