internal import Formats
internal import Rewards

/// A rollout of which only what rewards ask for was read, and its length.
struct StoredResponse {
  let rollout: Rollout
  /// In tokens.
  let length: Int

  /// What rewards see of it: bytes and lengths, and what they ask for beside.
  func rewardInput(_ needs: RewardNeeds) -> RewardInput {
    var input = RewardInput(
      response: Array(rollout.responseText.utf8), answer: rollout.answer.map { Array($0.utf8) }, responseLength: length)
    input.step = rollout.step
    input.group = rollout.group
    input.promptID = rollout.promptID
    input.sample = rollout.sample
    input.truncated = rollout.finishReason == .length
    rollout.fill(&input, needs)
    return input
  }
}

extension RolloutCodec {
  /// The columns beside the summary's that rewards with these needs look at.
  static func columns(for needs: RewardNeeds) -> [String] {
    var names = summaryColumns + ["response_text", "answer"]
    if !needs.isDisjoint(with: [.prompt, .meta, .conversation]) { names.append("meta") }
    if !needs.isDisjoint(with: [.prompt, .conversation]) { names += ["messages", "prompt_text"] }
    if needs.contains(.tokens) { names += ["prompt_tokens", "response_tokens", "logprobs", "response_mask"] }
    return names
  }
}

extension RolloutShardReader {
  func responses(batch index: Int, columns: [String]) throws -> [StoredResponse] {
    let batch = try file.batch(index, columns: columns)
    let place = "\(path), batch \(index)"
    return zip(try codec.decode(batch, place: place), try codec.summaries(batch, place: place))
      .map { StoredResponse(rollout: $0, length: $1.responseLength) }
  }
}

extension Rollout {
  fileprivate func fill(_ input: inout RewardInput, _ needs: RewardNeeds) {
    if needs.contains(.prompt) || needs.contains(.meta) {
      let meta = meta.flatMap { try? JSON.parse($0, source: "meta") }
      input.numbers = meta?["numbers"]?.array?.compactMap(\.int)
      if needs.contains(.meta), let meta { input.meta = Fact(meta) }
    }
    if needs.contains(.prompt) { input.prompt = Array(question.utf8) }
    if !needs.isDisjoint(with: [.conversation, .tokens]) { input.id = "\(id)" }
    if needs.contains(.conversation) {
      input.promptText = Array(promptText.utf8)
      input.messages = messages
      input.metaText = meta
    }
    if needs.contains(.tokens) {
      input.promptTokens = promptTokens
      input.responseTokens = responseTokens
      input.logprobs = logprobs
      input.responseMask = responseMask
    }
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

extension [StoredResponse] {
  /// Consecutive rows of one group.
  func grouped() -> [[StoredResponse]] {
    var groups: [[StoredResponse]] = []
    for response in self {
      if let last = groups.last?.last?.rollout, last.group == response.rollout.group, last.step == response.rollout.step {
        groups[groups.count - 1].append(response)
      } else {
        groups.append([response])
      }
    }
    return groups
  }
}
