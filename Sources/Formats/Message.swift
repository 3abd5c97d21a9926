/// One turn of a conversation: a JSON object with a `role`, usually with `content`, and whatever else its chat template
/// knows (`tool_calls`, `reasoning_content`, `name`, …), which is kept as it was given.
package struct Message: Equatable, Sendable {
  package let object: JSONObject
  /// "system", "user", "assistant", "tool".
  package let role: String

  package init(role: String, content: String) {
    self.role = role
    object = ["role": .string(role), "content": .string(content)]
  }

  /// Nil for an object without a `role`.
  package init?(_ object: JSONObject) {
    guard let role = object["role"]?.string else { return nil }
    (self.object, self.role) = (object, role)
  }

  /// The text of the content: the string, or its parts of text joined; "" for none.
  package var content: String {
    switch object["content"] {
    case .string(let text)?: text
    case .array(let parts)?: parts.compactMap { $0.string ?? $0["text"]?.string }.joined()
    default: ""
    }
  }

  package var json: JSON { .object(object) }
}

extension Message {
  /// A conversation as the text that rollouts store: `[{"role":"user","content":"…"}]`.
  package static func json(_ messages: [Message]) throws -> String {
    try JSON.array(messages.map(\.json)).serialized()
  }

  /// Reads a conversation.
  ///
  /// - Parameter place: What an error calls the place.
  /// - Throws: `RollbookError` `badInput` for what is no list of messages, and for a message without `role` or with
  ///   neither `content` nor `tool_calls`.
  package static func messages(_ json: JSON, place: String) throws -> [Message] {
    guard let list = json.array, !list.isEmpty else {
      throw RollbookError.badInput(place, "expected \"messages\" to be a list of messages, found \(json.kind)")
    }
    return try list.map { entry in
      guard let message = entry.object.flatMap({ Message($0) }) else {
        throw RollbookError.badInput(
          place, "expected a message with a string \"role\", found \(entry.kind) without one")
      }
      switch entry["content"] {
      case .string?, .array?: break
      case nil where entry["tool_calls"]?.array != nil, .null? where entry["tool_calls"]?.array != nil: break
      case let other:
        throw RollbookError.badInput(
          place,
          "expected the \"content\" of a message to be a string, a list of parts, or nothing beside \"tool_calls\", "
            + "found \(other?.kind ?? "none")")
      }
      return message
    }
  }
}
