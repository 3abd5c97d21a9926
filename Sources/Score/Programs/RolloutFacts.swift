internal import Formats
internal import Rewards

/// What programs and servers are told of a rollout, one JSON object (docs/command-rewards.md).
extension RewardInput {
  static let factsNeeds: RewardNeeds = [.conversation]

  var facts: JSON {
    [
      "id": .string(id), "step": .int(step), "prompt_id": .string(promptID), "sample": .int(sample),
      "prompt": .string(String(decoding: promptText, as: UTF8.self)), "messages": Self.json(messages, "messages"),
      "response": .string(responseString), "answer": answerString.map(JSON.string) ?? .null,
      "meta": Self.json(metaText, "meta"), "response_length": .int(responseLength), "truncated": .bool(truncated),
    ]
  }

  var responseString: String { String(decoding: response, as: UTF8.self) }
  var answerString: String? { answer.map { String(decoding: $0, as: UTF8.self) } }

  private static func json(_ text: String?, _ source: String) -> JSON {
    text.flatMap { try? JSON.parse($0, source: source) } ?? .null
  }
}
