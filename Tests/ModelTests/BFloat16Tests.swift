import Formats
import Kernels
import Model
import Testing

/// The goldens with products in bfloat16: within twice of what torch's autocast was measured to be off by (the table at
/// the end of the goldens' README).
@Suite(.enabled(if: Precision.bf16.isSupported, "this processor does not multiply bfloat16"))
struct BFloat16Tests {
  private func error(_ found: [Float], _ expected: [Double]) -> (largest: Double, sum: Double) {
    let errors = zip(found, expected).map { abs(Double($0) - $1) }
    return (errors.max() ?? 0, errors.reduce(0, +))
  }

  @Test(arguments: GoldenModel.all)
  func logprobsAndEntropies(model: GoldenModel) throws {
    let (batch, ranges, _, _) = model.batch()
    let result = try Harness(model.open(), precision: .bf16).evaluate(batch)
    var total = 0.0, count = 0
    for (s, range) in zip(model.sequences, ranges) {
      let logprobs = error(Array(result.logprobs[range].dropLast()), s.logprobs)
      #expect(logprobs.largest <= 2 * 0.079)
      total += logprobs.sum
      count += s.logprobs.count
      #expect(error(Array(result.entropies[range]), s.entropy).largest <= 2 * 0.044)
    }
    #expect(total / Double(count) <= 2 * 0.019)
    #expect(total > 0, "nothing was rounded")
    // What generation packs has the bits of what training multiplies.
    let packed = try Harness(model.open(), packed: true, precision: .bf16).evaluate(batch)
    expectSame(packed.logprobs, result.logprobs, "packed weights")
    expectSame(packed.entropies, result.entropies, "packed weights")
  }

  @Test(arguments: GoldenModel.all)
  func gradients(model: GoldenModel) throws {
    let harness = try Harness(model.open(), precision: .bf16), file = try model.tensors("grads.safetensors")
    let gradients = Parameters(harness.configuration)
    let (batch, _, c, e) = model.batch()
    harness.backward(batch, dLogprobs: c, dEntropies: e, into: gradients)
    for entry in gradients.layout.entries {
      let expected = try file.read(entry.name), found = gradients.values(entry)
      let difference = zip(found, expected).reduce(0.0) { $0 + (Double($1.0) - Double($1.1)) * (Double($1.0) - Double($1.1)) }
      let size = expected.reduce(0.0) { $0 + Double($1) * Double($1) }
      #expect(difference.squareRoot() <= 2 * 0.03 * size.squareRoot(), "\(entry.name)")
    }
  }

  /// A model in bfloat16 whose adapter is in f32. The goldens measured no such case, so the yardstick is the same
  /// adapter merged into the weights: in the mean at most twice as far off. Of the gradient, the table's 3 %.
  @Test(arguments: GoldenModel.all)
  func adapters(model: GoldenModel) throws {
    let (harness, adapter) = try AdapterGoldenTests.harness(model, precision: .bf16)
    let (batch, ranges, c, e) = model.batch(), merged = try Harness(model.open(), precision: .bf16)
    adapter.merge(into: merged.parameters, pool: merged.matmul.pool)
    merged.parameters.round(for: merged.matmul)
    let gradients = Adapter(harness.configuration, adapter.configuration)
    let result = harness.adapterBackward(batch, c, e, into: gradients), yardstick = merged.evaluate(batch)
    var (found, limit) = ((logprob: 0.0, entropy: 0.0), (logprob: 0.0, entropy: 0.0))
    for (s, range) in zip(try #require(model.json["lora"]?["sequences"]?.array), ranges) {
      let logprobs = error(Array(result.logprobs[range].dropLast()), s.doubles("logprobs"))
      #expect(logprobs.largest <= 2 * 0.079)
      found.logprob += logprobs.sum
      found.entropy += error(Array(result.entropies[range]), s.doubles("entropy")).sum
      limit.logprob += error(Array(yardstick.logprobs[range].dropLast()), s.doubles("logprobs")).sum
      limit.entropy += error(Array(yardstick.entropies[range]), s.doubles("entropy")).sum
    }
    #expect(found.logprob > 0 && found.logprob <= 2 * limit.logprob)
    #expect(found.entropy > 0 && found.entropy <= 2 * limit.entropy)
    let file = try model.tensors("lora/grads.safetensors")
    var difference = 0.0, size = 0.0
    for entry in gradients.layout.entries {
      for (a, b) in zip(gradients.values(entry), try file.read(entry.name)) {
        difference += (Double(a) - Double(b)) * (Double(a) - Double(b))
        size += Double(b) * Double(b)
      }
    }
    #expect(difference.squareRoot() <= 2 * 0.03 * size.squareRoot())
  }

  /// Rounding follows the weights: after an update the products see the new ones.
  @Test func weightsAreRoundedAnew() throws {
    let parameters = smallParameters(try smallConfiguration()), harness = Harness(parameters, precision: .bf16)
    var batch = Batch()
    _ = batch.append(sequence: [3, 1, 4, 1, 5, 9])
    let before = harness.evaluate(batch).logprobs
    for i in 0..<parameters.layout.count { parameters.arena.base[i] *= 1.25 }
    parameters.round(for: harness.matmul)
    let after = harness.evaluate(batch).logprobs
    #expect(after != before)
    expectSame(after, Harness(parameters, precision: .bf16).evaluate(batch).logprobs, "as from the start")
  }
}
