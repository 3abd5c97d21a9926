extension ExchangeFormat {
  static let text = ExchangeFormat(
    name: "text", summary: "text, such as a page to pretrain on [id, task, meta]",
    recognises: { $0["text"]?.string != nil },
    read: { fields in
      let text = try fields.required(try fields.string("text"), "text")
      // The prompt is empty for all of them: each text is its own.
      let name = try ExchangePrompt.text(text).name
      return [
        .foreign(
          ForeignRow(
            prompt: .text(""), promptID: try fields.promptID("id") ?? name,
            responses: [ExchangeResponse(kind: "text", text: text)], task: try fields.string("task"),
            meta: fields.rest(), joins: false))
      ]
    })
}
