import Formats
import Foundation
import Model
import TestSupport
import Testing

/// The GGUF files of the goldens: log-probabilities, entropies and the likeliest tokens.
@Suite struct GGUFModelTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let golden: JSON
    var path: String { "\(Golden.folder)/gguf/\(name)" }
    var testDescription: String { name }

    static let all: [Case] = {
      let json = try? JSON.parse(contentsOf: "\(Golden.folder)/gguf/golden.json")
      return (json?.object?.members ?? []).map { Case(name: $0.key, golden: $0.value) }
    }()
  }

  @Test func everyFileRuns() {
    let found = Set(Case.all.compactMap { $0.golden["architecture"]?.string })
    #expect(found.isSuperset(of: ["llama", "qwen2", "qwen3"]))
    #expect(Case.all.count >= 6)
  }

  @Test(arguments: Case.all)
  func asGolden(file: Case) throws {
    let files = try ModelFiles.open(path: file.path)
    let plain = try Harness(files), packed = try Harness(files, packed: true)
    for s in try #require(file.golden["sequences"]?.array) {
      let ids = s.int32s("ids")
      var batch = Batch()
      _ = batch.append(sequence: ids)
      let result = plain.evaluate(batch), same = packed.evaluate(batch)
      expectClose(Array(result.logprobs.dropLast()), s.doubles("logprobs"), Limit.logprob, "log-probabilities")
      let entropies = s.doubles("entropy")
      expectClose(Array(result.entropies.prefix(entropies.count)), entropies, Limit.entropy, "entropies")
      expectSame(result.logprobs, same.logprobs, "packed weights")
      let last = plain.distributions(ids, positions: [ids.count - 1])[0]
      expectTop(last, ids: s.int32s("top5_ids"), logits: s.doubles("top5_logits"), Limit.logits)
    }
  }

  /// Written as a folder the model says the same: to the bit in float32, nearly in the short types.
  @Test(arguments: Case.all, [TensorType.f32, .bf16, .f16])
  func asAFolder(file: Case, type: TensorType) throws {
    let folder = NSTemporaryDirectory() + "rollbook-folder-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let files = try ModelFiles.open(path: file.path), writer = try FolderWriter(folder)
    let count = try files.write(to: writer, type: type) {}
    try writer.publish()
    let source = try Harness(files), converted = try Harness(ModelFiles.open(path: folder))
    #expect(converted.configuration == source.configuration && count == source.parameters.layout.parameterCount)
    for s in try #require(file.golden["sequences"]?.array) {
      var batch = Batch()
      _ = batch.append(sequence: s.int32s("ids"))
      let a = converted.evaluate(batch), b = source.evaluate(batch)
      if type == .f32 {
        #expect(a.logprobs.bits == b.logprobs.bits && a.entropies.bits == b.entropies.bits)
      } else {
        expectClose(a.logprobs, b.logprobs.map { Double($0) }, 0.15, "\(type)")
      }
    }
  }
}

/// The likeliest tokens in order, and the distances of their logits.
func expectTop(
  _ logprobs: [Float], ids: [Int32], logits: [Double], _ limit: Double,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  let order = logprobs.indices.sorted { logprobs[$0] > logprobs[$1] }.prefix(ids.count).map { Int32($0) }
  #expect(order == ids && !ids.isEmpty, sourceLocation: sourceLocation)
  let shift = Double(logprobs[Int(ids[0])]) - logits[0]
  expectClose(
    ids.map { logprobs[Int($0)] }, logits.map { $0 + shift }, limit, "logits", sourceLocation: sourceLocation)
}
