extension ExchangeFormat {
  /// What verl writes to `trainer.rollout_data_dir` and `validation_data_dir`: decoded texts, the score and whatever
  /// else the reward function returned.
  static let verl = ExchangeFormat(
    name: "verl", summary: "verl's rollout_data_dir: input, output, score, step, gts, and more numbers",
    recognises: { $0["input"] != nil && $0["output"] != nil && $0["score"] != nil && $0["step"] != nil },
    read: { fields in
      let prompt = try fields.required(try fields.prompt("input"), "input")
      let response = try fields.required(try fields.response("output", to: prompt), "output")
      let reward = try fields.number("score")
      let step = try fields.step("step")
      let answer = try fields.answer("gts")
      fields.drop("input", "output")
      let score = ExchangeScore(reward: reward, components: fields.components())
      return [
        .foreign(
          ForeignRow(
            prompt: response.prompt, responses: [ExchangeResponse(kind: "sample", text: response.text, score: score)],
            answer: answer, meta: fields.rest(), step: step))
      ]
    })
}
