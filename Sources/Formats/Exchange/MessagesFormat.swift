extension ExchangeFormat {
  static let messages = ExchangeFormat(
    name: "messages", summary: "messages, a conversation whose last turn is the response [id, answer, task, meta]",
    recognises: { $0["messages"]?.array != nil },
    read: { fields in
      let json = try fields.required(fields.take("messages"), "messages")
      let (before, response) = try fields.lastTurn(json, "messages")
      guard !before.isEmpty else { throw fields.fault("expected a turn before the assistant's, found none") }
      return [
        .foreign(
          ForeignRow(
            prompt: .messages(before), promptID: try fields.promptID("id", "prompt_id"),
            responses: [ExchangeResponse(kind: "demonstration", text: response)],
            answer: try fields.answer("answer"), task: try fields.string("task"), meta: fields.rest()))
      ]
    })
}
