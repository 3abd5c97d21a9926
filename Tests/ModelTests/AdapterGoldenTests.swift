import Formats
import Foundation
import Kernels
import Model
import Testing

/// The LoRA cases of every golden model.
@Suite struct AdapterGoldenTests {
  /// The golden's model with its adapter.
  static func harness(
    _ model: GoldenModel, packed: Bool = false, precision: Precision = .f32
  ) throws -> (harness: Harness, adapter: Adapter) {
    let harness = try Harness(model.open(), packed: packed, precision: precision)
    let adapter = try Adapter(folder: "\(model.path)/lora", for: harness.configuration, pool: harness.matmul.pool)
    harness.transformer.adapter = adapter
    return (harness, adapter)
  }

  private static func expect(_ result: HeadResult, _ ranges: [Range<Int>], _ golden: JSON, _ what: String) throws {
    for (s, range) in zip(try #require(golden["sequences"]?.array), ranges) {
      let logprobs = Array(result.logprobs[range].dropLast())
      expectClose(logprobs, s.doubles("logprobs"), Limit.logprob, "\(what): log-probabilities")
      expectClose(Array(result.entropies[range]), s.doubles("entropy"), Limit.entropy, "\(what): entropies")
    }
  }

  @Test(arguments: GoldenModel.all, [false, true])
  func logprobsEntropiesGreedy(model: GoldenModel, packed: Bool) throws {
    let golden = try #require(model.json["lora"]), (harness, adapter) = try Self.harness(model, packed: packed)
    #expect(adapter.configuration.rank == golden["rank"]?.int && adapter.configuration.alpha == golden["alpha"]?.double)
    let (batch, ranges, c, e) = model.batch(), result = harness.evaluate(batch)
    try Self.expect(result, ranges, golden, "adapter")
    #expect(abs(GoldenModel.loss(result, c, e) - (try #require(golden["loss"]?.double))) <= Limit.loss)
    let sequences = try #require(golden["sequences"]?.array), greedy = sequences.map { $0.int32s("greedy") }
    let found = harness.greedy(model.sequences.map(\.ids), count: greedy[0].count)
    for (a, b) in zip(found, greedy) { #expect(a.tokens == b) }
    for (s, range) in zip(model.sequences, ranges) {
      var alone = Batch()
      _ = alone.append(sequence: s.ids)
      expectSame(harness.evaluate(alone).logprobs, Array(result.logprobs[range]), "a sequence alone")
    }
  }

  @Test(arguments: GoldenModel.all)
  func logits(model: GoldenModel) throws {
    let (harness, _) = try Self.harness(model), file = try model.tensors("golden.safetensors")
    let vocabulary = harness.configuration.vocabularyCount
    for (index, s) in model.sequences.enumerated() {
      let golden = try file.read("lora.logits.\(index)")
      for (row, found) in harness.distributions(s.ids, positions: s.logitPositions).enumerated() {
        expectClose(found, logSoftmax(golden[row * vocabulary..<(row + 1) * vocabulary]), Limit.logits, "logits")
      }
    }
  }

  /// Merged into the weights the adapter says the same.
  @Test(arguments: GoldenModel.all)
  func merged(model: GoldenModel) throws {
    let (harness, adapter) = try Self.harness(model)
    harness.transformer.adapter = nil
    adapter.merge(into: harness.parameters, pool: harness.matmul.pool)
    let (batch, ranges, _, _) = model.batch()
    try Self.expect(harness.evaluate(batch), ranges, try #require(model.json["lora"]), "merged")
  }

  @Test(arguments: GoldenModel.all)
  func gradients(model: GoldenModel) throws {
    let (harness, adapter) = try Self.harness(model), file = try model.tensors("lora/grads.safetensors")
    let gradients = Adapter(harness.configuration, adapter.configuration)
    let (batch, _, c, e) = model.batch()
    harness.adapterBackward(batch, c, e, into: gradients)
    #expect(Set(file.tensors.map(\.name)) == Set(gradients.layout.entries.map(\.name)))
    for entry in gradients.layout.entries {
      #expect(try #require(file.info(entry.name)).shape == entry.shape)
      let error = relativeError(gradients.values(entry), try file.read(entry.name).map { Double($0) })
      #expect(error <= Limit.gradient, "\(entry.name)")
    }
  }

  @Test(arguments: GoldenModel.all)
  func adamW(model: GoldenModel) throws {
    let run = try #require(model.json["lora"]?["adamw"]), (harness, adapter) = try Self.harness(model)
    let (batch, _, c, e) = model.batch(), pool = harness.matmul.pool, betas = run.floats("betas")
    let copies = (0..<3).map { _ in Adapter(harness.configuration, adapter.configuration) }
    let optimizer = AdamW(
      learningRate: Float(try #require(run["lr"]?.double)), beta1: betas[0], beta2: betas[1],
      epsilon: Float(try #require(run["eps"]?.double)), weightDecay: Float(try #require(run["weight_decay"]?.double)))
    let limit = try #require(run["max_grad_norm"]?.double), count = adapter.layout.count
    for (index, step) in try #require(run["steps"]?.array).enumerated() {
      copies[0].arena.zero()
      let result = harness.adapterBackward(batch, c, e, into: copies[0])
      let total = norm(pool, copies[0].arena.base, count: count)
      let loss = try #require(step["loss_before"]?.double), size = try #require(step["grad_norm_before_clip"]?.double)
      #expect(abs(GoldenModel.loss(result, c, e) - loss) <= (index == 0 ? Limit.loss : Limit.lossAfterAdam))
      #expect(abs(total - size) <= (index == 0 ? Limit.gradient : 1e-3) * size)
      optimizer.update(
        pool, adapter.arena.base, gradients: copies[0].arena.base, m: copies[1].arena.base, v: copies[2].arena.base,
        count: count, step: index + 1, gradientScale: Float(min(1, limit / (total + 1e-6))))
    }
    let file = try model.tensors(try #require(run["file"]?.string))
    var far = 0
    for entry in adapter.layout.entries {
      for (a, b) in zip(adapter.values(entry), try file.read(entry.name)) {
        let distance = abs(Double(a) - Double(b))
        #expect(distance <= 2e-3, "\(entry.name)")
        if distance > 1e-4 { far += 1 }
      }
    }
    #expect(Double(far) <= Limit.adamShare * Double(adapter.layout.parameterCount), "\(far) elements are far off")
    let after = try #require(run["loss_after"]?.double)
    #expect(abs(GoldenModel.loss(harness.evaluate(batch), c, e) - after) <= Limit.lossAfterAdam)
  }
}

extension Harness {
  @discardableResult
  func adapterBackward(_ batch: Batch, _ c: [Float], _ e: [Float], into gradients: Adapter) -> HeadResult {
    let result = transformer.forward(batch, store: store)
    transformer.backward(
      batch, result: result, dLogprobs: c, dEntropies: e, store: store, into: GradientSink(adapter: gradients))
    return result
  }
}

extension Adapter {
  func values(_ entry: ParameterLayout.Entry) -> [Float] {
    Array(UnsafeBufferPointer(start: arena.base + entry.offset, count: entry.count))
  }

  var bits: [UInt32] { (0..<layout.count).map { arena.base[$0].bitPattern } }
}
