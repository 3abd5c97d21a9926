extension ExchangeFormat {
  /// What OpenRLHF's batch inference and reward models write. `label` is an answer where it is text, else the reward.
  static let openRLHF = ExchangeFormat(
    name: "openrlhf", summary: "OpenRLHF's input or prompt, output or response, reward or label",
    recognises: { row in
      (row["input"] != nil && (row["output"] != nil || row["response"] != nil))
        || (row["prompt"] != nil && (row["output"] != nil || (row["response"] != nil && row["label"] != nil)))
    },
    read: { fields in
      let prompt = try fields.required(try fields.prompt("input", "prompt"), "input", "prompt")
      let response = try fields.required(try fields.response("output", "response", to: prompt), "output", "response")
      var reward = try fields.number("reward")
      var answer: String?
      switch fields.take("label") {
      case nil: break
      case .string(let text): answer = text
      case .bool(let value): reward = reward ?? (value ? 1 : 0)
      case .some(let value):
        guard let number = value.double else { throw fields.fault("label", "a number, a boolean or a string", value) }
        reward = reward ?? number
      }
      return [
        .foreign(
          ForeignRow(
            prompt: response.prompt, promptID: try fields.promptID("id"),
            responses: [
              ExchangeResponse(
                kind: "sample", text: response.text, score: reward.map { ExchangeScore(reward: $0) })
            ],
            answer: try answer ?? fields.answer("answer"), task: try fields.string("datasource"), meta: fields.rest()))
      ]
    })
}
