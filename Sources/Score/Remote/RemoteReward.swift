internal import Formats
internal import Foundation
internal import Pipeline
internal import Rewards

/// A reward server (docs/command-rewards.md, "Servers").
struct RemoteReward: Scorer {
  /// What is sent and what comes back.
  enum Convention: String, CaseIterable {
    /// OpenRLHF's: texts of prompts and responses.
    case openrlhf
    /// The same facts that programs get.
    case rollbook
  }

  let name = "remote"
  let version = 1
  let parameters: [(name: String, value: String)]
  let judgesCorrectness: Bool
  let rowsAtOnce: Int
  let needs = RewardInput.factsNeeds
  private let convention: Convention
  private let batch: Int
  private let concurrency: Int
  private let client: HTTPClient

  static func entry(_ context: ScoringContext) -> RewardRegistry.Entry {
    RewardRegistry.Entry(
      name: "remote", summary: "what a reward server says, over HTTP",
      keys: [
        ("url", "http://HOST:PORT/get_reward"), ("convention", "openrlhf or rollbook, default openrlhf"),
        ("batch", "responses in a request, default 32"), ("revision", "what the server runs, for the provenance"),
        ("judges", "true: 1 means right"),
      ] + HTTPSettings.keys, mainKey: "url"
    ) { options in try RemoteReward(options, context) }
  }

  init(_ options: RewardOptions, _ context: ScoringContext) throws {
    let settings = try HTTPSettings(options, context)
    convention = try options.choice("convention", default: .openrlhf)
    batch = try options.count("batch", 1...4096, default: 32)
    judgesCorrectness = try options.flag("judges")
    concurrency = settings.concurrency
    rowsAtOnce = max(64, 2 * batch * concurrency)
    client = HTTPClient(settings)
    parameters = [
      ("url", settings.url.absoluteString), ("convention", convention.rawValue),
      ("revision", options["revision"] ?? "none"), ("judges", "\(judgesCorrectness)"),
    ]
  }

  func score(groups: [[RewardInput]]) throws -> [[RewardOutput]] {
    try ScoredRows(groups).score { rows in
      let starts = Array(stride(from: 0, to: rows.count, by: batch))
      let found = Shared(Array(repeating: [] as [RewardOutput], count: starts.count))
      try concurrently(starts.count, workers: concurrency) { piece, _ in
        let part = Array(rows[starts[piece]..<min(starts[piece] + batch, rows.count)])
        let answer = try client.post(request(part), jitter: Draw.number(part[0].id))
        let outputs = try self.outputs(answer, count: part.count)
        found.change { $0[piece] = outputs }
      }
      return found.change { $0.flatMap(\.self) }
    }
  }

  private func request(_ rows: [RewardInput]) -> JSON {
    switch convention {
    case .rollbook: return ["items": .array(rows.map(\.facts))]
    case .openrlhf:
      let prompts = rows.map { String(decoding: $0.promptText, as: UTF8.self) }
      return [
        "query": .array(zip(prompts, rows).map { .string($0 + $1.responseString) }),
        "prompts": .array(prompts.map(JSON.string)),
        "labels": .array(rows.map { $0.answerString.map(JSON.string) ?? .null }),
      ]
    }
  }

  private func outputs(_ answer: JSON, count: Int) throws -> [RewardOutput] {
    let names = convention == .openrlhf ? ["rewards", "scores"] : ["rewards"]
    guard let name = names.first(where: { answer[$0] != nil }), let rewards = answer[name]?.array else {
      throw fault("expected a list \"\(names.joined(separator: "\" or \""))\", found the keys \(keys(answer))")
    }
    guard rewards.count == count else {
      throw fault("expected \(count) \(name), one for each response, found \(rewards.count)")
    }
    let extracted = convention == .rollbook ? answer["extracted"]?.array : nil
    guard extracted == nil || extracted?.count == count else {
      throw fault("expected \(count) \"extracted\", found \(extracted?.count ?? 0)")
    }
    return try rewards.enumerated().map { index, reward in
      guard reward.isNull || reward.double?.isFinite == true else {
        throw fault("expected \(name)[\(index)] to be a finite number or null, found \(reward.kind)")
      }
      let text = extracted?[index].string
      return text.map { RewardOutput(reward.double, extracted: $0.utf8) } ?? RewardOutput(reward.double)
    }
  }

  private func keys(_ answer: JSON) -> String {
    let keys = answer.object?.keys ?? []
    return keys.isEmpty ? "none" : Terminal.sanitizeLine(keys.prefix(8).joined(separator: ", "), limit: 120)
  }

  private func fault(_ message: String) -> RollbookError {
    .badInput(client.place, message, hint: "convention=openrlhf or convention=rollbook says what is sent and expected")
  }
}

extension Draw {
  /// One number for a name.
  static func number(_ name: String) -> UInt64 {
    var draw = Draw(0, name)
    return draw.next()
  }
}
