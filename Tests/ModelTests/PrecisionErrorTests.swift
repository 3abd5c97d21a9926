import Formats
import Foundation
import Kernels
import Model
import Testing

/// How far each golden is off in each precision. In f32 the limits of the goldens' README; in bf16 twice of what torch's
/// autocast was measured to be off by (the table at its end). With `ROLLBOOK_ERRORS` in the environment the errors are
/// printed: docs/models.md has them.
@Suite struct PrecisionErrorTests {
  private struct Limits {
    var logprob: Double, mean: Double, entropy: Double, gradient: Double

    init(_ precision: Precision) {
      switch precision {
      case .f32: (logprob, mean, entropy, gradient) = (Limit.logprob, Limit.logprob, Limit.entropy, Limit.gradient)
      case .bf16: (logprob, mean, entropy, gradient) = (2 * 0.079, 2 * 0.019, 2 * 0.044, 2 * 0.03)
      }
    }
  }

  private func errors(_ found: [Float], _ expected: [Double]) -> [Double] {
    zip(found, expected).map { abs(Double($0) - $1) }
  }

  @Test(arguments: GoldenModel.all, precisions)
  func goldens(model: GoldenModel, precision: Precision) throws {
    let limits = Limits(precision), (batch, ranges, c, e) = model.batch()
    let harness = try Harness(model.open(), precision: precision), gradients = Parameters(harness.configuration)
    let result = harness.backward(batch, dLogprobs: c, dEntropies: e, into: gradients)
    var logprobs: [Double] = [], entropies: [Double] = []
    for (s, range) in zip(model.sequences, ranges) {
      #expect(range.count == s.entropy.count && range.count == s.logprobs.count + 1)
      logprobs += errors(Array(result.logprobs[range].dropLast()), s.logprobs)
      entropies += errors(Array(result.entropies[range]), s.entropy)
    }
    let largest = try #require(logprobs.max()), entropy = try #require(entropies.max())
    let mean = logprobs.reduce(0, +) / Double(logprobs.count)
    let gradient = try gradientError(gradients, model)
    #expect(largest <= limits.logprob && mean <= limits.mean && entropy <= limits.entropy)
    #expect(gradient.error <= limits.gradient, "\(gradient.name)")
    #expect(mean > (precision == .bf16 ? 1e-5 : 0), "nothing was rounded")
    if ProcessInfo.processInfo.environment["ROLLBOOK_ERRORS"] != nil {
      func text(_ value: Double) -> String { String(format: "%.1e", value) }
      print("| \(model.name) | \(precision) | \(text(largest)) | \(text(mean)) | \(text(entropy)) | \(text(gradient.error)) |")
    }
    // What generation packs has the bits of what training multiplies.
    let packed = try Harness(model.open(), packed: true, precision: precision).evaluate(batch)
    expectSame(packed.logprobs, result.logprobs, "packed weights")
    expectSame(packed.entropies, result.entropies, "packed weights")
  }

  /// The worst tensor's: the 2-norm of the difference over that of the tensor.
  private func gradientError(_ found: Parameters, _ model: GoldenModel) throws -> (name: String, error: Double) {
    let file = try model.tensors("grads.safetensors")
    var worst = (name: "", error: 0.0)
    for entry in found.layout.entries {
      var difference = 0.0, size = 0.0
      for (a, b) in zip(found.values(entry), try file.read(entry.name)) {
        difference += (Double(a) - Double(b)) * (Double(a) - Double(b))
        size += Double(b) * Double(b)
      }
      let error = (difference / size).squareRoot()
      if !(error <= worst.error) { worst = (entry.name, error) }
    }
    return worst
  }

  /// Rounding follows the weights: after an update the products see the new ones.
  @Test(.enabled(if: Precision.bf16.isSupported, "this processor does not multiply bfloat16"))
  func weightsAreRoundedAnew() throws {
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
