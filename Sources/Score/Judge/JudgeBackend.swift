internal import Formats
internal import Foundation
internal import Pipeline
internal import Rewards

/// A model that reads a question and writes an answer: behind a server, or here.
protocol JudgeBackend: Sendable {
  /// What decides its answers, for provenance.
  var parameters: [(name: String, value: String)] { get }
  /// Where it is, for errors.
  var place: String { get }
  /// One reply for each question, in order.
  func replies(to questions: [JudgeQuestion]) throws -> [String]
}

struct JudgeQuestion: Sendable {
  /// Whose verdict it is, for errors.
  let rollout: String
  /// Tells it from the others.
  let name: String
  let text: String
}

/// A model behind an OpenAI-compatible `/v1/chat/completions`.
struct HTTPJudge: JudgeBackend {
  let parameters: [(name: String, value: String)]
  private let model: String?
  private let temperature: Double
  private let mostTokens: Int
  private let concurrency: Int
  private let client: HTTPClient

  static let path = "/v1/chat/completions"
  static let keys =
    [
      ("url", "the server, http://HOST:PORT, or the whole address of its chat/completions"),
      ("model", "the name that the server has for the model"), ("temperature", "default 0"),
      ("max-tokens", "the longest reply, default 1024, or 256 with path"),
      ("revision", "what the server runs, for the provenance"),
    ] + HTTPSettings.keys

  init(_ options: RewardOptions, _ context: ScoringContext) throws {
    let isWhole = options["url"]?.hasSuffix("/chat/completions") ?? false
    let hasSlash = options["url"]?.hasSuffix("/") ?? false
    let settings = try HTTPSettings(
      options, context, path: isWhole ? "" : hasSlash ? String(Self.path.dropFirst()) : Self.path)
    model = options["model"]
    temperature = try options.number("temperature") ?? 0
    mostTokens = try options.count("max-tokens", 1...1_000_000, default: 1024)
    concurrency = settings.concurrency
    client = HTTPClient(settings)
    parameters = [
      ("url", settings.url.absoluteString), ("model", model ?? "none"), ("temperature", "\(temperature)"),
      ("max-tokens", "\(mostTokens)"), ("revision", options["revision"] ?? "none"),
    ]
  }

  var place: String { client.place }

  func replies(to questions: [JudgeQuestion]) throws -> [String] {
    let replies = Shared(Array(repeating: "", count: questions.count))
    try concurrently(questions.count, workers: concurrency) { index, _ in
      let reply = try ask(questions[index])
      replies.change { $0[index] = reply }
    }
    return replies.change { $0 }
  }

  private func ask(_ question: JudgeQuestion) throws -> String {
    var body: JSONObject = [
      "messages": [["role": "user", "content": .string(question.text)]], "temperature": .double(temperature),
      "max_tokens": .int(mostTokens),
    ]
    if let model { body["model"] = .string(model) }
    let answer = try client.post(.object(body), jitter: Draw.number(question.name))
    guard let message = answer["choices"]?[0]?["message"]?.object else {
      throw RollbookError.badInput(
        client.place,
        "expected choices[0].message, found the keys "
          + Terminal.sanitizeLine((answer.object?.keys ?? []).prefix(8).joined(separator: ", "), limit: 120))
    }
    // A model that ran out of tokens while it was still thinking has no content.
    return message["content"]?.string ?? ""
  }
}
