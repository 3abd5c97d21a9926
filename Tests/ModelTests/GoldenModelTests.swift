import Formats
import Foundation
import Kernels
import Model
import TestSupport
import Testing

/// The goldens of every model folder.
@Suite struct GoldenModelTests {
  @Test func everyFolderRuns() {
    let names = Set(GoldenModel.all.map(\.name))
    let known =
      ["", "3", "-bf16"].map { "tiny-llama" + $0 }
      + ["tiny-mistral", "tiny-qwen2", "tiny-qwen2-sharded", "tiny-qwen3"]
    #expect(names.isSuperset(of: known), "folders are missing under \(Golden.folder)/models")
  }

  /// The notations of old and new transformers say the same.
  @Test(arguments: GoldenModel.all)
  func bothNotations(model: GoldenModel) throws {
    let legacy = "\(model.path)/config.legacy.json"
    guard FileManager.default.fileExists(atPath: legacy) else { return }
    let new = try ModelConfiguration(model.open().config, place: "new")
    #expect(try ModelConfiguration(JSON.parse(contentsOf: legacy), place: "old") == new)
  }

  @Test(arguments: GoldenModel.all, [false, true])
  func logprobsEntropiesLoss(model: GoldenModel, packed: Bool) throws {
    let harness = try Harness(model.open(), packed: packed)
    let (batch, ranges, c, e) = model.batch()
    let together = harness.evaluate(batch)
    for (s, range) in zip(model.sequences, ranges) {
      expectClose(Array(together.logprobs[range].dropLast()), s.logprobs, Limit.logprob, "log-probabilities")
      expectClose(Array(together.entropies[range]), s.entropy, Limit.entropy, "entropies")
      #expect(together.logprobs[range.upperBound - 1] == 0, "a row without a target")
      var alone = Batch()
      _ = alone.append(sequence: s.ids)
      let result = harness.evaluate(alone)
      expectSame(result.logprobs, Array(together.logprobs[range]), "a sequence alone")
      expectSame(result.entropies, Array(together.entropies[range]), "a sequence alone")
    }
    let expected = try #require(model.json["loss"]?.double)
    #expect(abs(GoldenModel.loss(together, c, e) - expected) <= Limit.loss)
  }

  /// The logits, up to the constant that softmax ignores.
  @Test(arguments: GoldenModel.all)
  func logits(model: GoldenModel) throws {
    let harness = try Harness(model.open()), file = try model.tensors("golden.safetensors")
    for (index, s) in model.sequences.enumerated() {
      let golden = try file.read("logits.\(index)"), vocabulary = harness.configuration.vocabularyCount
      #expect(golden.count == s.logitPositions.count * vocabulary)
      let found = harness.distributions(s.ids, positions: s.logitPositions)
      for (row, logprobs) in found.enumerated() {
        let expected = logSoftmax(golden[row * vocabulary..<(row + 1) * vocabulary])
        expectClose(logprobs, expected, Limit.logits, "position \(s.logitPositions[row]) of sequence \(index)")
      }
    }
  }

  /// The residual stream and what attention sees, for the first sequence.
  @Test(arguments: GoldenModel.all)
  func hiddenStates(model: GoldenModel) throws {
    let harness = try Harness(model.open()), file = try model.tensors("golden.safetensors")
    let transformer = harness.transformer, rows = 0..<model.sequences[0].ids.count
    var batch = Batch()
    _ = batch.append(sequence: model.sequences[0].ids)
    _ = transformer.forward(batch, store: harness.store)
    let places: [(String, Activation, Int)] = [
      ("embed", .residual, 0), ("layer0", .residual, 1), ("layer1", .residual, 2), ("layer0.q", .queries, 0),
      ("layer0.k", .keys, 0), ("layer0.v", .values, 0), ("layer0.attn", .attended, 0),
    ]
    for (name, kind, layer) in places {
      let expected = try file.read("hidden.0.\(name)").map { Double($0) }
      expectClose(transformer.activation(kind, layer: layer, rows: rows), expected, Limit.logits, name)
    }
  }

  @Test(arguments: GoldenModel.all)
  func gradients(model: GoldenModel) throws {
    let harness = try Harness(model.open()), file = try model.tensors("grads.safetensors")
    let gradients = Parameters(harness.configuration)
    let (batch, _, c, e) = model.batch()
    harness.backward(batch, dLogprobs: c, dEntropies: e, into: gradients)
    #expect(Set(file.tensors.map(\.name)) == Set(gradients.layout.entries.map(\.name)))
    for entry in gradients.layout.entries {
      #expect(try #require(file.info(entry.name)).shape == entry.shape)
      let error = relativeError(gradients.values(entry), try file.read(entry.name).map { Double($0) })
      #expect(error <= Limit.gradient, "\(entry.name)")
    }
    let expected = try #require(model.json["grad_norm"]?.double)
    let found = norm(harness.matmul.pool, gradients.arena.base, count: gradients.layout.count)
    #expect(abs(found - expected) <= Limit.gradient * expected)
    #expect(model.json["parameter_count"]?.int == gradients.layout.parameterCount)
  }

  @Test(arguments: GoldenModel.all)
  func greedyContinuation(model: GoldenModel) throws {
    let count = try #require(model.sequences.map(\.greedy.count).max())
    for packed in [false, true] {
      let harness = try Harness(model.open(), packed: packed)
      let found = harness.greedy(model.sequences.map(\.ids), count: count)
      for (s, sequence) in zip(model.sequences, found) {
        #expect(sequence.tokens == s.greedy)
        #expect(sequence.finish == .length)
      }
    }
  }

  /// Three steps of AdamW on the same batch, for every setting of the golden.
  @Test(arguments: GoldenModel.all)
  func adamW(model: GoldenModel) throws {
    let runs = try #require(model.json["adamw"]?.array)
    let (batch, _, c, e) = model.batch()
    for run in runs {
      let harness = try Harness(model.open()), p = harness.parameters, pool = harness.matmul.pool
      let gradients = Parameters(p.configuration), m = Parameters(p.configuration), v = Parameters(p.configuration)
      let betas = run.floats("betas"), limit = try #require(run["max_grad_norm"]?.double)
      let optimizer = AdamW(
        learningRate: Float(try #require(run["lr"]?.double)), beta1: betas[0], beta2: betas[1],
        epsilon: Float(try #require(run["eps"]?.double)), weightDecay: Float(try #require(run["weight_decay"]?.double)))
      for (index, step) in try #require(run["steps"]?.array).enumerated() {
        gradients.arena.zero()
        let result = harness.backward(batch, dLogprobs: c, dEntropies: e, into: gradients)
        let total = norm(pool, gradients.arena.base, count: gradients.layout.count)
        let loss = try #require(step["loss_before"]?.double), size = try #require(step["grad_norm_before_clip"]?.double)
        #expect(abs(GoldenModel.loss(result, c, e) - loss) <= (index == 0 ? Limit.loss : Limit.lossAfterAdam))
        #expect(abs(total - size) <= (index == 0 ? Limit.gradient : 1e-3) * size)
        optimizer.update(
          pool, p.arena.base, gradients: gradients.arena.base, m: m.arena.base, v: v.arena.base, count: p.layout.count,
          step: index + 1, gradientScale: Float(min(1, limit / (total + 1e-6))))
      }
      try compare(p, with: model.tensors(try #require(run["file"]?.string)))
      let after = try #require(run["loss_after"]?.double)
      #expect(abs(GoldenModel.loss(harness.evaluate(batch), c, e) - after) <= Limit.lossAfterAdam)
    }
  }

  private func compare(_ found: Parameters, with file: Safetensors) throws {
    var far = 0
    for entry in found.layout.entries {
      for (a, b) in zip(found.values(entry), try file.read(entry.name)) {
        let distance = abs(Double(a) - Double(b))
        if !(distance <= Limit.adamMaximum) {
          Issue.record("\(entry.name) is off by \(distance)")
          return
        }
        if distance > Limit.adamNear { far += 1 }
      }
    }
    #expect(Double(far) <= Limit.adamShare * Double(found.layout.parameterCount), "\(far) elements are far off")
  }
}
