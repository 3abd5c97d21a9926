extension ExchangeFormat {
  /// What TRL's trainers log with `log_completions`: one numeric column for each reward function, null where a
  /// function had nothing to say. TRL does not log their weights: the reward is the sum.
  static let trl = ExchangeFormat(
    name: "trl", summary: "TRL's completions: step, prompt, completion, advantage, a column for each reward",
    recognises: { $0["prompt"] != nil && $0["completion"] != nil && $0["advantage"] != nil },
    read: { fields in
      let prompt = try fields.required(try fields.prompt("prompt"), "prompt")
      let response = try fields.required(try fields.response("completion", to: prompt), "completion")
      let step = try fields.step("step")
      // The advantage is no reward, and stays with the rest.
      let advantage = fields.take("advantage")
      let components = fields.components()
      var meta = fields.rest()?.object ?? JSONObject()
      meta["advantage"] = advantage
      let values = components.compactMap(\.value)
      let score = ExchangeScore(reward: values.isEmpty ? nil : values.reduce(0, +), components: components)
      return [
        .foreign(
          ForeignRow(
            prompt: response.prompt, responses: [ExchangeResponse(kind: "sample", text: response.text, score: score)],
            meta: meta.isEmpty ? nil : .object(meta), step: step))
      ]
    })
}

extension ExchangeFields {
  /// A training step: a number, or its digits in a string as older trainers write it.
  func step(_ key: String) throws -> Int? {
    guard let value = take(key) else { return nil }
    guard let step = value.int ?? value.string.flatMap(Int.init), step >= 0 else {
      throw fault(key, "a training step, 0 or more", value)
    }
    return step
  }
}
