extension ExchangeFormat {
  static let completions = ExchangeFormat(
    name: "completions", summary: "prompt, response or completion, reward [id, answer, task, meta, finish_reason]",
    recognises: { row in
      row["prompt"] != nil && (row["response"] != nil || row["completion"] != nil)
        && (row["reward"] != nil || row["score"] != nil)
    },
    read: { fields in
      let prompt = try fields.required(try fields.prompt("prompt"), "prompt")
      let response = try fields.required(
        try fields.response("response", "completion", to: prompt), "response", "completion")
      let reward = try fields.number("reward") ?? fields.number("score")
      return [
        .foreign(
          ForeignRow(
            prompt: response.prompt, promptID: try fields.promptID("id", "prompt_id"),
            responses: [
              ExchangeResponse(
                kind: "sample", text: response.text, finish: try fields.finish(),
                score: reward.map { ExchangeScore(reward: $0) })
            ],
            answer: try fields.answer("answer"), task: try fields.string("task"), meta: fields.rest()))
      ]
    })
}
