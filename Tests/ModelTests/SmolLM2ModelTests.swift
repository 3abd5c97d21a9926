import Formats
import Foundation
import Kernels
import Model
import TestSupport
import Testing

/// SmolLM2-135M-Instruct, where its weights are on this machine.
@Suite(.serialized) struct SmolLM2ModelTests {
  /// `ROLLBOOK_SMOLLM2`, or the file in the cache folder.
  static let gguf: String? = {
    let environment = ProcessInfo.processInfo.environment
    let cache = environment["XDG_CACHE_HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? "\(environment["HOME"] ?? "")/.cache"
    let candidates = [environment["ROLLBOOK_SMOLLM2"], "\(cache)/rollbook/SmolLM2-135M-Instruct.Q4_1.gguf"]
    return candidates.compactMap { $0 }.first { FileManager.default.fileExists(atPath: $0) }
  }()
  /// A Hugging Face folder of the bfloat16 weights: `ROLLBOOK_SMOLLM2_HF`.
  static let folder: String? = ProcessInfo.processInfo.environment["ROLLBOOK_SMOLLM2_HF"].flatMap {
    FileManager.default.fileExists(atPath: $0) ? $0 : nil
  }

  @Test(.enabled(if: gguf != nil, "set ROLLBOOK_SMOLLM2 to SmolLM2-135M-Instruct.Q4_1.gguf"))
  func quantisedWeights() throws { try check(path: try #require(Self.gguf), variant: "gguf") }

  @Test(.enabled(if: folder != nil, "set ROLLBOOK_SMOLLM2_HF to the folder of the bfloat16 weights"))
  func bfloat16Weights() throws { try check(path: try #require(Self.folder), variant: "bf16") }

  /// The README's limits for float32.
  private let logitLimit = 5e-4, logprobLimit = 3e-4, entropyLimit = 3e-4

  private func check(path: String, variant: String) throws {
    let golden = try JSON.parse(contentsOf: "\(Golden.folder)/smollm2/golden.json")
    let harness = try Harness(ModelFiles.open(path: path), packed: true)
    let prompts = try #require(golden["prompts"]?.array)
    let expected = try #require(golden["variants"]?[variant]?["prompts"]?.array)
    #expect(prompts.count == expected.count && !prompts.isEmpty)
    var batch = Batch(), ranges: [Range<Int>] = []
    for p in prompts { ranges += batch.append(prompt: p.int32s("ids"), responses: [p.int32s("response_ids")]) }
    let result = harness.evaluate(batch)
    for (range, e) in zip(ranges, expected) {
      expectClose(Array(result.logprobs[range]), e.doubles("response_logprobs"), logprobLimit, "log-probabilities")
      expectClose(Array(result.entropies[range]), e.doubles("response_entropy"), entropyLimit, "entropies")
    }
    let greedy = harness.greedy(prompts.map { $0.int32s("ids") }, count: expected[0].int32s("greedy_ids").count)
    for (p, (found, e)) in zip(prompts, zip(greedy, expected)) {
      #expect(found.tokens == e.int32s("greedy_ids"))
      expectLogits(harness, p.int32s("ids"), e)
    }
    try trainingAgrees(path, harness, prompts.map { $0.int32s("ids") }, greedy)
  }

  /// The logits at the end of a prompt, up to the constant that softmax ignores, and which tokens are the likeliest:
  /// those that top-k lets through.
  private func expectLogits(_ harness: Harness, _ ids: [Int32], _ e: JSON) {
    let top = e.int32s("top5_ids"), first = e.doubles("first_logits"), logits = e.doubles("top5_logits") + first
    let tokens = top + first.indices.map { Int32($0) }
    let found = harness.distributions(ids, positions: [ids.count - 1], tokens: tokens)[0]
    let shift = Double(found[0]) - logits[0]
    expectClose(found, logits.map { $0 + shift }, logitLimit, "logits")
    var settings = SamplingSettings()
    (settings.temperature, settings.topK, settings.maxNewTokens) = (20, top.count, 1)
    let request = GenerationRequest(prompt: ids, randoms: (0..<200).map { random($0) })
    let draws = harness.generate([request], settings, slots: 200)
    #expect(Set(draws[0].map { $0.tokens[0] }) == Set(top))
  }

  /// What the decoder stored is what the plain weights of training compute.
  private func trainingAgrees(
    _ path: String, _ harness: Harness, _ prompts: [[Int32]], _ greedy: [GeneratedSequence]
  ) throws {
    let trainer = try Harness(ModelFiles.open(path: path))
    var batch = Batch(), ranges: [Range<Int>] = []
    for (prompt, found) in zip(prompts, greedy) { ranges += batch.append(prompt: prompt, responses: [found.tokens]) }
    let result = trainer.evaluate(batch)
    for (range, found) in zip(ranges, greedy) {
      expectSame(found.logprobs, Array(result.logprobs[range]), "sampling against training", limit: logprobLimit)
    }
  }
}
