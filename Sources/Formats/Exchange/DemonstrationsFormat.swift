extension ExchangeFormat {
  static let demonstrations = ExchangeFormat(
    name: "demonstrations", summary: "prompt, response or completion, no reward [id, answer, task, meta]",
    recognises: { row in row["prompt"] != nil && (row["response"] != nil || row["completion"] != nil) },
    read: { fields in
      let prompt = try fields.required(try fields.prompt("prompt"), "prompt")
      let response = try fields.required(
        try fields.response("response", "completion", to: prompt), "response", "completion")
      guard fields.take("reward") == nil else {
        throw fields.fault(
          "expected a demonstration without a reward, found \"reward\"", hint: "give `--as completions` for samples")
      }
      return [
        .foreign(
          ForeignRow(
            prompt: response.prompt, promptID: try fields.promptID("id", "prompt_id"),
            responses: [ExchangeResponse(kind: "demonstration", text: response.text)],
            answer: try fields.answer("answer"), task: try fields.string("task"), meta: fields.rest()))
      ]
    })
}
