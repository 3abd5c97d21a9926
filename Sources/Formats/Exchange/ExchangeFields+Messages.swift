// Prompts and responses, as strings or as conversations.

extension ExchangeFields {
  /// A prompt under one of several names; nil for none.
  func prompt(_ keys: String...) throws -> ExchangePrompt? {
    guard let (key, value) = take(keys) else { return nil }
    if let text = value.string { return .text(text) }
    return .messages(try messages(value, key))
  }

  /// A conversation. The text parts of a content in parts are joined; null is no text.
  func messages(_ json: JSON, _ key: String) throws -> [Message] {
    guard let list = json.array, !list.isEmpty else { throw fault(key, "a string or a list of messages", json) }
    return try list.map { try message($0, key) }
  }

  private func message(_ json: JSON, _ key: String) throws -> Message {
    guard let role = json["role"]?.string else {
      throw fault("expected messages with a \"role\" in \"\(key)\", found \(json.kind) without one")
    }
    if let calls = json["tool_calls"], !calls.isNull, calls.array?.isEmpty != true {
      throw fault(
        "expected messages of role and content in \"\(key)\", found tool calls",
        hint: "write the calls into the content, as the model's chat template does")
    }
    return Message(role: role, content: try content(json["content"], key))
  }

  private func content(_ json: JSON?, _ key: String) throws -> String {
    switch json {
    case nil, .null: return ""
    case .string(let text): return text
    case .array(let parts):
      return try parts.map { part in
        guard part["type"]?.string ?? "text" == "text", let text = part["text"]?.string else {
          throw fault(
            "expected a content of text in \"\(key)\", found a part of type '\(part["type"]?.string ?? "none")'")
        }
        return text
      }.joined()
    case .some(let other):
      throw fault("expected the \"content\" of messages in \"\(key)\" to be text, found \(other.kind)")
    }
  }

  /// The last turn of a conversation, which must be the assistant's, and what goes before it. Reasoning that a server
  /// has split off is put back in front.
  func lastTurn(_ json: JSON, _ key: String) throws -> (before: [Message], response: String) {
    let all = try messages(json, key)
    guard let last = all.last, last.role == "assistant" else {
      throw fault("expected \"\(key)\" to end with a turn of the assistant, found one of '\(all.last?.role ?? "")'")
    }
    var text = last.content
    if let turn = json.array?.last,
      let reasoning = (turn["reasoning_content"] ?? turn["reasoning"])?.string, !reasoning.isEmpty
    {
      text = "<think>\n\(reasoning)\n</think>\n\n\(text)"
    }
    return (all.dropLast(), text)
  }

  /// A response as a string or as turns. Of several turns the last is the response, the rest joins the prompt.
  func response(_ keys: String..., to prompt: ExchangePrompt) throws -> (prompt: ExchangePrompt, text: String)? {
    guard let (key, value) = take(keys) else { return nil }
    if let text = value.string { return (prompt, text) }
    let (before, text) = try lastTurn(value, key)
    if before.isEmpty { return (prompt, text) }
    guard case .messages(let messages) = prompt else {
      throw fault("expected \"\(key)\" to be one turn after a prompt of text, found \(before.count + 1) turns")
    }
    return (.messages(messages + before), text)
  }
}
