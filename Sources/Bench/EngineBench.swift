internal import ArgumentParser
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
      try Output.print("peak memory after training: \(Format.decimal(peak(), 2)) GB")
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
    for (prompts, samples) in [(8, 8), (1, 8), (1, 1)] {
      var settings = SamplingSettings()
      settings.maxNewTokens = 64
      let decoder = Decoder(transformer, settings: settings, endTokens: [], sequences: 64)
      let requests = (0..<prompts).map { p in
        GenerationRequest(
          prompt: tokens(45, p, c),
          randoms: (0..<samples).map { RolloutRandom(seed: 1, step: 0, prompt: UInt64(p), sample: UInt64($0)) })
      }
      let seconds = best {
        decoder.generate(requests, stops: { _ in false }, progress: { _ in true }, finish: { _ in })
      }
      let sequences = prompts * samples
      try report("generate \(sequences) x 64", Double(sequences * 64) / seconds, limit: limit(sequences))
    }
  }

  /// Forward, backward and AdamW: 16 separate sequences of 109 tokens; then 8 groups of 8 responses of 21 tokens to
  /// a prompt of 102, counted as the tokens that separate copies would have.
  private func training(_ files: ModelFiles, _ c: ModelConfiguration, _ matmul: Matmul, limit: Double) throws {
    let policy = try Parameters(c, from: files, pool: matmul.pool)
    let gradients = Parameters(c), mean = Parameters(c), square = Parameters(c)
    policy.round(for: matmul)
    let transformer = Transformer(c, weights: policy.weights, matmul: matmul)
    let store = KeyStore(c, keepsLayers: false)
    var separate = Batch(), shared = Batch()
    for s in 0..<16 { _ = separate.append(sequence: tokens(109, s, c)) }
    for g in 0..<8 {
      _ = shared.append(prompt: tokens(102, g, c), responses: (0..<8).map { tokens(21, 8 * g + $0, c) })
    }
    var step = 0
    for (name, batch, count) in [("16 x 109", separate, 16 * 109), ("8 groups of 8 x (102 + 21)", shared, 64 * 123)] {
      let slopes = [Float](repeating: -1 / Float(batch.heads.count), count: batch.heads.count)
      let none = [Float](repeating: 0, count: batch.heads.count)
      let seconds = best {
        gradients.arena.zero()
        let result = transformer.forward(batch, store: store)
        transformer.backward(
          batch, result: result, dLogprobs: slopes, dEntropies: none, store: store, into: gradients)
        step += 1
        AdamW(learningRate: 1e-6).update(
          matmul.pool, policy.arena.base, gradients: gradients.arena.base, m: mean.arena.base, v: square.arena.base,
          count: policy.layout.count, step: step, gradientScale: 1)
        policy.round(for: matmul)
      }
      try report("train \(name)", Double(count) / seconds, limit: batch.rows == count ? limit : nil)
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
