internal import Formats
internal import Model
internal import Pipeline
internal import Rewards
internal import Tokenizer

/// `logprob`: log π(response | prompt) of a language model, in nats. `kl`: how much more of it the sampler had,
/// Σ log π_sampler − log π, the k1 estimate of KL(sampler ‖ model). Over the tokens that the policy said itself.
struct LogprobScorer: ModelScorer {
  enum Per: String, CaseIterable, Sendable { case response, token }

  let name: String
  let version = 1
  let model: ScoringModel
  let per: Per
  /// Nil: what the rollouts were drawn at.
  let temperature: Float?
  private let batchTokens: Int
  private let isDivergence: Bool
  let parameters: [(name: String, value: String)]
  let needs: RewardNeeds = .tokens

  init(_ name: String, isDivergence: Bool, _ options: RewardOptions, _ context: ScoringContext) throws {
    self.name = name
    self.isDivergence = isDivergence
    per = try options.choice("per", default: .response)
    switch options["temperature"] {
    case nil, "sampled": temperature = nil
    case let text?:
      guard let value = Float(text), value > 0, value.isFinite else {
        throw RewardError("\(name): temperature=\(text): expected 'sampled' or a number above 0")
      }
      temperature = value
    }
    let settings = try ModelSettings(name, options, context)
    batchTokens = settings.batchTokens
    model = try .language(name, settings, context)
    try model.checkTokens(name, options, context)
    parameters =
      model.identity + [("per", per.rawValue), ("temperature", temperature.map { "\($0)" } ?? "sampled")]
  }

  func score(groups: [[RewardInput]]) throws -> [[RewardOutput]] {
    let responses = try groups.map { group in try group.map { try ScoredResponse($0, model) } }
    var outputs = groups.map { $0.map { _ in RewardOutput(nil) } }
    // Greedy responses carry the model's log-probabilities at temperature 1, as imported ones are taken to.
    func drawnAt(_ input: RewardInput) -> Float { temperature ?? input.temperature.flatMap { $0 > 0 ? $0 : nil } ?? 1 }
    for temperature in Set(groups.joined().map(drawnAt)).sorted() {
      var places: [(group: Int, index: Int)] = [], rows: [ModelRow] = []
      for (g, group) in groups.enumerated() {
        for (i, input) in group.enumerated() where drawnAt(input) == temperature {
          guard let response = responses[g][i], !isDivergence || response.logprobs != nil else { continue }
          places.append((g, i))
          rows.append(ModelRow(response, family: g))
        }
      }
      let answers = try model.ask(.logprobs(temperature: temperature), rows, batchTokens: batchTokens)
      for (place, logprobs) in zip(places, answers) {
        guard let response = responses[place.group][place.index] else { continue }
        outputs[place.group][place.index] = RewardOutput(value(response, logprobs))
      }
    }
    return outputs
  }

  /// Nil where none of its tokens counts.
  private func value(_ response: ScoredResponse, _ logprobs: [Float]) -> Double? {
    let counted = response.counts.indices.filter { response.counts[$0] }
    guard !counted.isEmpty else { return nil }
    let sum = counted.reduce(0.0) { sum, t in
      sum + (isDivergence ? Double(response.logprobs?[t] ?? 0) - Double(logprobs[t]) : Double(logprobs[t]))
    }
    return per == .token ? sum / Double(counted.count) : sum
  }

  private static let keys =
    [
      ModelRewards.pathKey, (key: "per", explanation: "response: the sum; token: the mean"),
      (key: "temperature", explanation: "a number; default 'sampled': that of the rollouts"),
      (key: "tokens", explanation: "stored: for a model without tokenizer"),
    ] + ModelRewards.engineKeys

  static func logprob(_ context: ScoringContext) -> RewardRegistry.Entry {
    RewardRegistry.Entry(
      name: "logprob", summary: "log-probability of the response under a model, in nats", keys: keys, mainKey: "path"
    ) { try LogprobScorer("logprob", isDivergence: false, $0, context) }
  }

  static func divergence(_ context: ScoringContext) -> RewardRegistry.Entry {
    RewardRegistry.Entry(
      name: "kl", summary: "log-probability under the sampler, less that under a model", keys: keys,
      mainKey: "path"
    ) { try LogprobScorer("kl", isDivergence: true, $0, context) }
  }
}
