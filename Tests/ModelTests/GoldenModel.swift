import Formats
import Foundation
import Kernels
import Model
import TestSupport
import Testing

/// What a float32 implementation should stay within: the table "Tolerances" of the goldens' README.
enum Limit {
  static let logits = 1e-4
  static let logprob = 5e-5
  static let entropy = 5e-5
  /// Of the largest element of the tensor.
  static let gradient = 3e-5
  static let loss = 2e-4
  static let adamMaximum = 1e-3
  /// At most this share of the elements is off by more than `adamNear`.
  static let adamShare = 1e-3
  static let adamNear = 1e-5
  static let lossAfterAdam = 5e-3
}

/// One folder of the goldens' models.
struct GoldenModel: Sendable, CustomTestStringConvertible {
  struct Sequence: Sendable {
    var ids: [Int32], c: [Float], e: [Float], logitPositions: [Int], logprobs: [Double], entropy: [Double]
    var greedy: [Int32]
  }

  let name: String
  let path: String
  let json: JSON
  let sequences: [Sequence]

  var testDescription: String { name }

  init(name: String) throws {
    self.name = name
    path = "\(Golden.folder)/models/\(name)"
    json = try JSON.parse(contentsOf: "\(path)/golden.json")
    sequences = try #require(json["sequences"]?.array).map { s in
      Sequence(
        ids: s.int32s("ids"), c: s.floats("c"), e: s.floats("e"),
        logitPositions: s.int32s("logit_positions").map(Int.init), logprobs: s.doubles("logprobs"),
        entropy: s.doubles("entropy"), greedy: s.int32s("greedy"))
    }
  }

  /// Every folder that holds a golden.json.
  static let all: [GoldenModel] = {
    let root = "\(Golden.folder)/models"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    return names.sorted().filter { FileManager.default.fileExists(atPath: "\(root)/\($0)/golden.json") }
      .compactMap { name in
        do { return try GoldenModel(name: name) } catch {
          Issue.record("\(name): \(error)")
          return nil
        }
      }
  }()

  func open() throws -> ModelFiles { try ModelFiles.open(path: path) }
  func tensors(_ file: String) throws -> Safetensors { try Safetensors(path: "\(path)/\(file)") }

  /// All sequences in one batch, with the coefficients of the golden loss.
  func batch() -> (batch: Batch, ranges: [Range<Int>], c: [Float], e: [Float]) {
    var batch = Batch(), ranges: [Range<Int>] = [], c: [Float] = [], e: [Float] = []
    for s in sequences {
      ranges.append(batch.append(sequence: s.ids))
      c += s.c + [0]
      e += s.e + [0]
    }
    return (batch, ranges, c, e)
  }

  static func loss(_ result: HeadResult, _ c: [Float], _ e: [Float]) -> Double {
    c.indices.reduce(0.0) {
      $0 + Double(c[$1]) * Double(result.logprobs[$1]) + Double(e[$1]) * Double(result.entropies[$1])
    }
  }
}

extension JSON {
  func doubles(_ key: String) -> [Double] { (self[key]?.array ?? []).compactMap(\.double) }
  func floats(_ key: String) -> [Float] { doubles(key).map { Float($0) } }
  func int32s(_ key: String) -> [Int32] { (self[key]?.array ?? []).compactMap(\.int).map { Int32($0) } }
}

/// z − log Σ exp z, in double.
func logSoftmax(_ z: some Swift.Sequence<Float>) -> [Double] {
  let z = z.map { Double($0) }, top = z.max() ?? 0
  let normalizer = top + log(z.reduce(0) { $0 + exp($1 - top) })
  return z.map { $0 - normalizer }
}
