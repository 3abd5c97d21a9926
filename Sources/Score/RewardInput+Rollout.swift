internal import Formats
internal import Rewards

extension Rollout {
  /// What rewards see of a rollout: bytes and lengths.
  func rewardInput(referenceLength: Double?) -> RewardInput {
    let meta = meta.flatMap { try? JSON.parse($0, source: "meta") }
    return RewardInput(
      response: Array(responseText.utf8), answer: answer.map { Array($0.utf8) }, prompt: Array(question.utf8),
      numbers: meta?["numbers"]?.array?.compactMap(\.int), responseLength: responseTokens.count,
      referenceLength: referenceLength)
  }

  /// The last user turn, or the whole prompt where there are no messages.
  private var question: String {
    guard let messages, let json = try? JSON.parse(messages, source: "messages"),
      let turns = try? Message.messages(json, place: "messages")
    else { return promptText }
    return turns.last { $0.role == "user" }?.content ?? promptText
  }
}

extension [Rollout] {
  /// Consecutive rows of one group.
  func grouped() -> [[Rollout]] {
    var groups: [[Rollout]] = []
    for rollout in self {
      if let last = groups.last?.last, last.group == rollout.group, last.step == rollout.step {
        groups[groups.count - 1].append(rollout)
      } else {
        groups.append([rollout])
      }
    }
    return groups
  }
}
