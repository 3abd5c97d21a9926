import Formats
import Foundation
import Kernels
import Model
import Testing

@Suite struct AdapterTests {
  static let config: JSON = [
    "peft_type": "LORA", "r": 3, "lora_alpha": 6, "target_modules": ["q_proj", "v_proj", "down_proj"],
    "lora_dropout": 0.05, "bias": "none", "base_model_name_or_path": "base",
  ]

  /// An adapter that changes something, on some modules only.
  private func adapter(_ c: ModelConfiguration, rank: Int = 3, modules: [String]) -> Adapter {
    let a = Adapter.fresh(c, AdapterConfiguration(rank: rank, alpha: 5, modules: Set(modules)), seed: 4)
    var numbers = Numbers(seed: rank)
    for entry in a.layout.entries {
      for (i, value) in numbers.floats(entry.count).enumerated() { a.arena.base[entry.offset + i] += 0.3 * value }
    }
    return a
  }

  @Test func aFreshAdapterChangesNothing() throws {
    let c = try smallConfiguration(), harness = Harness(smallParameters(c))
    var batch = Batch()
    _ = batch.append(sequence: [1, 2, 3, 4, 5, 6])
    let before = harness.evaluate(batch).logprobs
    let fresh = Adapter.fresh(c, AdapterConfiguration(rank: 4, alpha: 8), seed: 1)
    #expect(fresh.bits == Adapter.fresh(c, AdapterConfiguration(rank: 4, alpha: 8), seed: 1).bits)
    #expect(fresh.bits != Adapter.fresh(c, AdapterConfiguration(rank: 4, alpha: 8), seed: 2).bits)
    harness.transformer.adapter = fresh
    #expect(harness.evaluate(batch).logprobs == before)
  }

  /// Decoding with a cache, packed weights, and any number of threads: the same bits as training's forward.
  @Test(.enabled(if: productsAreInvariant, needsInvariance), arguments: [1, 2, 4, 8, 16, 33], precisions)
  func rowsDoNotDependOnTheBatch(rank: Int, precision: Precision) throws {
    let c = try smallConfiguration(hidden: 48, intermediate: 80, type: "qwen2"), p = smallParameters(c)
    let adapter = adapter(c, rank: rank, modules: ["q_proj", "v_proj", "o_proj", "up_proj", "down_proj"])
    let sampling = Sampling(vocabulary: c.vocabularyCount)
    let harnesses = (1...3).map { threads in
      let harness = Harness(p, threads: threads, precision: precision)
      harness.transformer.adapter = adapter
      return harness
    }
    let expected = sampling.run(harnesses[0])
    for (harness, slots) in zip(harnesses, [5, 4, 64]) { #expect(sampling.run(harness, slots: slots) == expected) }
    let requests = sampling.prompts.indices.map { sampling.request($0, samples: 0..<sampling.samples) }
    let found = harnesses[1].generate(requests, sampling.settings, endTokens: sampling.endTokens)
    var batch = Batch()
    let ranges = zip(sampling.prompts, found).flatMap { batch.append(prompt: $0, responses: $1.map(\.tokens)) }
    let together = harnesses[2].evaluate(batch, temperature: sampling.settings.temperature).logprobs
    for (s, range) in zip(found.joined(), ranges) { expectSame(s.logprobs, Array(together[range]), "training") }
    let ones = [Float](repeating: 1, count: batch.heads.count)
    let gradients = harnesses.map { harness in
      let gradients = Adapter(c, adapter.configuration)
      harness.adapterBackward(batch, ones, ones, into: gradients)
      return gradients.bits
    }
    #expect(gradients[1] == gradients[0] && gradients[2] == gradients[0], "gradients depend on the threads")
  }

  /// What an adapter does not see in training depends on the tokens alone: any packing gives the same numbers and, up
  /// to rounding, the same gradients, which are those of the loss with that very dropout; `evaluate` leaves nothing out.
  @Test func dropoutDependsOnTheTokensAlone() throws {
    let c = try smallConfiguration(type: "qwen2"), harness = Harness(smallParameters(c))
    let adapter = adapter(c, rank: 4, modules: ["q_proj", "o_proj", "up_proj", "down_proj"])
    harness.transformer.adapter = adapter
    let prompt: [Int32] = [1, 2, 3, 4], responses: [[Int32]] = [[5, 6, 7], [8, 9], [5, 10, 11, 12]]
    func run(
      _ batches: [[Int]], recomputes: Bool = false, threads: Int = 2
    ) -> (logprobs: [Float], gradients: Adapter) {
      let harness = Harness(harness.parameters, threads: threads)
      harness.transformer.adapter = adapter
      harness.transformer.recomputes = recomputes
      harness.transformer.dropout = Dropout(share: 0.4, seed: 3, update: 2)
      var logprobs = [Float](repeating: 0, count: 9)
      let starts = [0, 3, 5]
      let gradients = Adapter(c, adapter.configuration)
      for indices in batches {
        var batch = Batch()
        let ranges = batch.append(prompt: prompt, responses: indices.map { responses[$0] })
        let ones = [Float](repeating: 1, count: batch.heads.count)
        let result = harness.adapterBackward(batch, ones, ones, into: gradients)
        for (index, range) in zip(indices, ranges) {
          for (t, head) in range.enumerated() { logprobs[starts[index] + t] = result.logprobs[head] }
        }
      }
      return (logprobs, gradients)
    }
    let whole = run([[0, 1, 2]])
    var batch = Batch()
    _ = batch.append(prompt: prompt, responses: responses)
    harness.transformer.dropout = Dropout(share: 0.4, seed: 3, update: 2)
    #expect(harness.evaluate(batch).logprobs != whole.logprobs)
    harness.transformer.dropout = nil
    for other in [run([[0], [1], [2]]), run([[2, 0], [1]], recomputes: true), run([[0, 1, 2]], threads: 3)] {
      expectSame(other.logprobs, whole.logprobs, "another packing")
      let expected = (0..<whole.gradients.layout.count).map { Double(whole.gradients.arena.base[$0]) }
      let found = (0..<whole.gradients.layout.count).map { other.gradients.arena.base[$0] }
      #expect(relativeError(found, expected) < 1e-5)
    }
    let again = run([[0, 1, 2]], recomputes: true)
    #expect(again.gradients.bits == whole.gradients.bits)
    // Finite differences of the sum of log-probabilities and entropies at one element of each matrix.
    for entry in adapter.layout.entries {
      let at = entry.offset + entry.count / 2, value = adapter.arena.base[at], step: Float = 1e-2
      func loss(_ value: Float) -> Double {
        adapter.arena.base[at] = value
        harness.transformer.dropout = Dropout(share: 0.4, seed: 3, update: 2)
        let result = harness.transformer.forward(batch, store: harness.store)
        return zip(result.logprobs, result.entropies).reduce(0) { $0 + Double($1.0) + Double($1.1) }
      }
      let slope = (loss(value + step) - loss(value - step)) / Double(2 * step)
      adapter.arena.base[at] = value
      let found = Double(whole.gradients.arena.base[at])
      #expect(abs(slope - found) <= 2e-2 * max(abs(found), 0.5), "\(entry.name): \(found), by differences \(slope)")
    }
  }

  @Test func aFolderComesBackAsItWas() throws {
    let c = try smallConfiguration(type: "qwen3"), adapter = adapter(c, modules: ["k_proj", "gate_proj"])
    let folder = NSTemporaryDirectory() + "rollbook-adapter-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try adapter.write(folder: folder + "/")
    let read = try Adapter(folder: folder, for: c, pool: ThreadPool(threads: 2))
    #expect(read.configuration == adapter.configuration && read.layout == adapter.layout && read.bits == adapter.bits)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    #expect(names == ["adapter_config.json", "adapter_model.safetensors"])
    let error = #expect(throws: RollbookError.self) { try adapter.write(folder: folder) }
    #expect(error?.code == .usage && error?.message.contains("is there already") == true)
    let other = try smallConfiguration(hidden: 24), pool = ThreadPool(threads: 1)
    let misshapen = #expect(throws: RollbookError.self) { try Adapter(folder: folder, for: other, pool: pool) }
    #expect(misshapen?.message.contains("k_proj.lora_A.weight'") == true)
    let deeper = try smallConfiguration(layers: 3), flat = try smallConfiguration(layers: 1)
    let missing = #expect(throws: RollbookError.self) { try Adapter(folder: folder, for: deeper, pool: pool) }
    #expect(missing?.code == .missing && missing?.message.contains("layers.2") == true)
    let strange = #expect(throws: RollbookError.self) { try Adapter(folder: folder, for: flat, pool: pool) }
    #expect(strange?.message.contains("layers.1") == true)
  }

  @Test func settings() throws {
    let read = try AdapterConfiguration(Self.config, place: "adapter_config.json")
    #expect(read.dropout == 0.05)
    #expect(read.rank == 3 && read.alpha == 6 && read.scale == 2 && read.modules == ["q_proj", "v_proj", "down_proj"])
    #expect(try AdapterConfiguration(read.json, place: "again") == read)
    var object = Self.config.object ?? JSONObject()
    object["use_rslora"] = true
    #expect(try AdapterConfiguration(.object(object), place: "again").scale == Float(6 / 3.0.squareRoot()))
  }

  @Test(
    arguments: [
      ("peft_type", "LOHA"), ("r", 0), ("r", nil), ("r", "8"), ("lora_alpha", nil), ("target_modules", []),
      ("target_modules", ["q_proj", "lm_head"]), ("target_modules", "q.*"), ("use_dora", true), ("bias", "all"),
      ("fan_in_fan_out", true), ("modules_to_save", ["lm_head"]), ("rank_pattern", ["q_proj": 8]),
      ("layers_to_transform", [0]), ("lora_bias", true),
    ] as [(String, JSON?)])
  func whatIsNotSupportedIsNamed(key: String, value: JSON?) {
    var object = Self.config.object ?? JSONObject()
    object[key] = value
    let error = #expect(throws: RollbookError.self) {
      try AdapterConfiguration(.object(object), place: "adapter_config.json")
    }
    #expect(error?.code == .badInput && error?.message.contains("'\(key)'") == true, "\(error as Any)")
  }
}
