internal import Formats
internal import Foundation
internal import Kernels
internal import Model
internal import Pipeline
internal import Rewards

/// `value`: what a critic expects of a response, before its first token, before its last, or in the mean over all.
struct ValueScorer: ModelScorer {
  enum Place: String, CaseIterable, Sendable { case prompt, end, mean }

  let name = "value"
  let version = 1
  let model: ScoringModel
  let place: Place
  private let batchTokens: Int
  let parameters: [(name: String, value: String)]
  let needs: RewardNeeds = .tokens

  init(_ options: RewardOptions, _ context: ScoringContext) throws {
    place = try options.choice("at", default: .prompt)
    let settings = try ModelSettings("value", options, context)
    batchTokens = settings.batchTokens
    let matmul = context.models.matmul(settings.precision, context)
    model = try context.models.model("value \(settings.path) \(settings.precision)") {
      let path = "\(settings.path)/\(Self.criticName)"
      guard FileManager.default.fileExists(atPath: path) else { return try Self.headed(settings.path, matmul) }
      let critic = try Safetensors(path: path)
      let source = try ModelSource(critic: critic, of: settings.path)
      guard let head = try ValueHead(source.configuration, from: critic, path: path) else {
        throw RollbookError.badInput(path, "expected the critic's value.weight, found none")
      }
      return try ScoringModel(source, tokenizer: source.tokenizer(), head: head, role: "critic", matmul) { matmul in
        let weights = try Parameters(source.configuration, from: critic, prefix: "", pool: matmul.pool)
        weights.round(for: matmul)
        return Transformer(source.configuration, weights: weights.weights, matmul: matmul)
      }
    }
    try model.checkTokens("value", options, context)
    parameters = model.identity + [("at", place.rawValue)]
  }

  /// As training names it.
  private static let criticName = "critic.safetensors"

  /// A policy with a head on its trunk, or a reward model.
  private static func headed(_ path: String, _ matmul: Matmul) throws -> ScoringModel {
    let source = try ModelSource(opening: path)
    guard let head = try source.head() else {
      throw RollbookError.badInput(
        path, "expected a critic (\(criticName) or \(CheckpointWriter.headName)) or a reward model, found neither",
        hint: "checkpoints of --recipe ppo and a2c have one")
    }
    return try ScoringModel(source, tokenizer: source.tokenizer(), head: head, role: "critic", matmul) {
      try source.reading($0)
    }
  }

  func score(groups: [[RewardInput]]) throws -> [[RewardOutput]] {
    let responses = try groups.map { group in try group.map { try ScoredResponse($0, model) } }
    let rows = responses.enumerated().flatMap { index, group in
      group.compactMap { $0.map { ModelRow($0, family: index) } }
    }
    var answers = try model.ask(.values, rows, batchTokens: batchTokens).makeIterator()
    return responses.map { group in
      group.map { response in
        guard response != nil, let values = answers.next(), let first = values.first, let last = values.last else {
          return RewardOutput(nil)
        }
        switch place {
        case .prompt: return RewardOutput(Double(first))
        case .end: return RewardOutput(Double(last))
        case .mean: return RewardOutput(values.reduce(0.0) { $0 + Double($1) } / Double(values.count))
        }
      }
    }
  }

  static func entry(_ context: ScoringContext) -> RewardRegistry.Entry {
    RewardRegistry.Entry(
      name: "value", summary: "a critic's value of the response, or of its prompt",
      keys: [
        ModelRewards.pathKey, (key: "at", explanation: "prompt, end, mean: before the first token, the last, all"),
        (key: "tokens", explanation: "stored: for a model without tokenizer"),
      ] + ModelRewards.engineKeys, mainKey: "path"
    ) { try ValueScorer($0, context) }
  }
}
