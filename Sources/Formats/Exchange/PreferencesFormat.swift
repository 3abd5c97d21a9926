extension ExchangeFormat {
  static let preferences = ExchangeFormat(
    name: "preferences",
    summary: "chosen, rejected, and prompt unless both are conversations [id, score_chosen, score_rejected, meta]",
    recognises: { $0["chosen"] != nil && $0["rejected"] != nil },
    read: { fields in
      let pair = try pair(fields)
      let responses = try [("chosen", pair.chosen), ("rejected", pair.rejected)].map { kind, text in
        let reward = try fields.number("score_\(kind)")
        return ExchangeResponse(kind: kind, text: text, score: reward.map { ExchangeScore(reward: $0) })
      }
      return [
        .foreign(
          ForeignRow(
            prompt: pair.prompt, promptID: try fields.promptID("id", "prompt_id"), responses: responses,
            answer: try fields.answer("answer"), task: try fields.string("task"), meta: fields.rest(), joins: false))
      ]
    })

  private static func pair(
    _ fields: ExchangeFields
  ) throws -> (prompt: ExchangePrompt, chosen: String, rejected: String) {
    if let prompt = try fields.prompt("prompt") {
      // Some data sets give the prompt and whole conversations that repeat it.
      let repeated: [Message]? =
        switch prompt {
        case .messages(let messages): messages
        case .text(let text): [Message(role: "user", content: text)]
        }
      func side(_ key: String) throws -> (prompt: ExchangePrompt, text: String) {
        if let json = fields.object[key], json.array != nil {
          let (before, text) = try fields.lastTurn(json, key)
          if before == repeated {
            fields.drop(key)
            return (.messages(before), text)
          }
        }
        return try fields.required(try fields.response(key, to: prompt), key)
      }
      let (chosen, rejected) = (try side("chosen"), try side("rejected"))
      guard chosen.prompt == rejected.prompt else {
        throw fields.fault("expected \"chosen\" and \"rejected\" to answer the same turns, found different ones")
      }
      return (chosen.prompt, chosen.text, rejected.text)
    }
    let chosen = try fields.lastTurn(try fields.required(fields.take("chosen"), "chosen"), "chosen")
    let rejected = try fields.lastTurn(try fields.required(fields.take("rejected"), "rejected"), "rejected")
    guard !chosen.before.isEmpty, chosen.before == rejected.before else {
      throw fields.fault(
        "expected \"chosen\" and \"rejected\" to differ in their last turn only, found different turns before it",
        hint: "give the prompt as \"prompt\"")
    }
    return (.messages(chosen.before), chosen.response, rejected.response)
  }
}
