internal import Formats
internal import Rewards

extension Rollout {
  /// What rewards see of a rollout: bytes and lengths, and what they ask for beside.
  func rewardInput(_ needs: RewardNeeds) -> RewardInput {
    var input = RewardInput(
      response: Array(responseText.utf8), answer: answer.map { Array($0.utf8) }, responseLength: responseTokens.count)
    input.id = "\(id)"
    input.step = step
    input.promptID = promptID
    input.sample = sample
    input.truncated = finishReason == .length
    if needs.contains(.prompt) || needs.contains(.meta) {
      let meta = meta.flatMap { try? JSON.parse($0, source: "meta") }
      input.numbers = meta?["numbers"]?.array?.compactMap(\.int)
      if needs.contains(.meta), let meta { input.meta = Fact(meta) }
    }
    if needs.contains(.prompt) { input.prompt = Array(question.utf8) }
    if needs.contains(.conversation) {
      input.promptText = Array(promptText.utf8)
      input.messages = messages
      input.metaText = meta
    }
    if needs.contains(.tokens) {
      input.promptTokens = promptTokens
      input.responseTokens = responseTokens
    }
    return input
  }

  /// The last user turn, or the whole prompt where there are no messages.
  private var question: String {
    guard let messages, let json = try? JSON.parse(messages, source: "messages"),
      let turns = try? Message.messages(json, place: "messages")
    else { return promptText }
    return turns.last { $0.role == "user" }?.content ?? promptText
  }
}

extension Fact {
  init(_ json: JSON) {
    if let bool = json.bool { self = .bool(bool) }
    else if let number = json.double { self = .number(number) }
    else if let text = json.string { self = .text(text) }
    else if let list = json.array { self = .list(list.map(Fact.init)) }
    else if let object = json.object { self = .object(object.members.map { ($0.key, Fact($0.value)) }) }
    else { self = .null }
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
