// A rollout as one JSON object: every column under its name, the id in hex, and `scores` by set. Nothing is lost on
// the way out and back in.

extension ExchangeFormat {
  static let rollbook = ExchangeFormat(
    name: "rollbook", summary: "what `rollbook export` writes: every column, tokens and scores included",
    holdsTokens: true,
    recognises: { $0["prompt_tokens"]?.array != nil && $0["response_tokens"]?.array != nil && $0["id"] != nil },
    read: { fields in [.stored(try StoredRow(fields))] })
}

extension StoredRow {
  /// One line of an export.
  ///
  /// - Throws: `RollbookError` `badInput` for a number that JSON has no word for, which no shard holds.
  package func json() throws -> JSON {
    let row = rollout
    func text(_ value: String?) -> JSON { value.map { .string($0) } ?? .null }
    var members: [(String, JSON)] = [
      ("id", .string(row.id.hex)), ("step", .int(row.step)), ("group", .int(row.group)), ("sample", .int(row.sample)),
      ("kind", .string(row.kind)), ("prompt_id", .string(row.promptID)), ("task", text(row.task)),
      ("messages", Self.nested(row.messages)), ("prompt_text", .string(row.promptText)),
      ("prompt_tokens", .array(row.promptTokens.map { .int(Int($0)) })),
      ("prompt_length", .int(row.promptTokens.count)), ("response_text", .string(row.responseText)),
      ("response_tokens", .array(row.responseTokens.map { .int(Int($0)) })),
      ("response_length", .int(row.responseTokens.count)),
      ("logprobs", row.logprobs.map { .array($0.map(Self.number)) } ?? .null),
      ("response_mask", row.responseMask.map { .array($0.map { .bool($0) }) } ?? .null),
      ("finish_reason", .string(row.finishReason.rawValue)), ("answer", text(row.answer)),
      ("meta", Self.nested(row.meta)), ("policy", .string(row.policy)),
      ("policy_step", row.policyStep.map { .int($0) } ?? .null), ("seed", .int(row.seed)),
    ]
    members.append(("scores", .object(JSONObject(scores.map { ($0.set ?? "", $0.json) }))))
    if let tokenizer { members.append(("tokenizer", .string(tokenizer))) }
    return .object(JSONObject(members))
  }

  /// A column of JSON text as the value it spells, where that value spells the very text again; else as a string. A
  /// string there is therefore always the text itself.
  private static func nested(_ text: String?) -> JSON {
    guard let text else { return .null }
    guard let json = try? JSON.parse(text), json.array != nil || json.object != nil,
      let again = try? json.serialized(), sameUTF8(again, text)
    else { return .string(text) }
    return json
  }

  /// A float32 in the fewest digits that make the double a reader finds give the same bits again.
  private static func number(_ value: Float) -> JSON {
    guard let short = Double(value.description), Float(short).bitPattern == value.bitPattern else {
      return .double(Double(value))
    }
    return .double(short)
  }
}

extension ExchangeScore {
  fileprivate var json: JSON {
    [
      "reward": reward.map { .double($0) } ?? .null,
      "components": .object(JSONObject(components.map { ($0.name, $0.value.map { .double($0) } ?? .null) })),
      "extracted": extracted.map { .string($0) } ?? .null,
    ]
  }
}

extension StoredRow {
  init(_ fields: ExchangeFields) throws {
    let hex = try fields.required(try fields.string("id"), "id")
    guard let id = RolloutID(hex: hex) else {
      throw fields.fault("expected \"id\" to be 32 hex digits, found '\(hex)'")
    }
    let promptID = try fields.required(try fields.string("prompt_id"), "prompt_id")
    guard !promptID.isEmpty else { throw fields.fault("expected a \"prompt_id\", found an empty one") }
    let kind = try fields.required(try fields.string("kind"), "kind")
    guard Self.kinds.contains(kind) else {
      throw fields.fault("expected \"kind\" to be one of \(Self.kinds.joined(separator: ", ")), found '\(kind)'")
    }
    let word = try fields.required(try fields.string("finish_reason"), "finish_reason")
    guard let finish = FinishReason(rawValue: word) else {
      throw fields.fault("expected \"finish_reason\" to be stop, stop_string or length, found '\(word)'")
    }
    let step = try fields.required(try fields.int("step"), "step")
    guard step >= 0 else { throw fields.fault("expected \"step\" to be 0 or more, found \(step)") }
    rollout = Rollout(
      id: id, step: step, group: try fields.required(try fields.int("group"), "group"),
      sample: try fields.required(try fields.int("sample"), "sample"), kind: kind, promptID: promptID,
      task: try fields.string("task"), messages: try fields.nested("messages"),
      promptText: try fields.required(try fields.string("prompt_text"), "prompt_text"),
      promptTokens: try fields.required(try fields.tokens("prompt_tokens"), "prompt_tokens"),
      responseText: try fields.required(try fields.string("response_text"), "response_text"),
      responseTokens: try fields.required(try fields.tokens("response_tokens"), "response_tokens"),
      logprobs: try fields.floats("logprobs"), responseMask: try fields.booleans("response_mask"),
      finishReason: finish, answer: try fields.string("answer"), meta: try fields.nested("meta"),
      policy: try fields.required(try fields.string("policy"), "policy"), policyStep: try fields.int("policy_step"),
      seed: try fields.required(try fields.int("seed"), "seed"))
    tokenizer = try fields.string("tokenizer")
    scores = try Self.scores(fields)
    try checkLengths(fields)
  }

  package static let kinds = ["sample", "demonstration", "chosen", "rejected", "text"]

  private func checkLengths(_ fields: ExchangeFields) throws {
    let count = rollout.responseTokens.count
    let expected = [
      ("prompt_length", try fields.int("prompt_length") ?? rollout.promptTokens.count, rollout.promptTokens.count),
      ("response_length", try fields.int("response_length") ?? count, count),
      ("logprobs", rollout.logprobs?.count ?? count, count),
      ("response_mask", rollout.responseMask?.count ?? count, count),
    ]
    for (name, found, tokens) in expected where found != tokens {
      throw fields.fault("expected \"\(name)\" to be of \(tokens) tokens, found \(found)")
    }
  }

  private static func scores(_ fields: ExchangeFields) throws -> [ExchangeScore] {
    guard let json = fields.take("scores") else { return [] }
    guard let sets = json.object else { throw fields.fault("scores", "an object by score set", json) }
    return try sets.members.map { member in
      let score = ExchangeFields(member.value.object ?? JSONObject(), place: fields.place)
      guard member.value.object != nil, (try? Buffer.validate(set: member.key)) != nil else {
        throw fields.fault("expected \"scores\" to hold an object by the name of a set, found '\(member.key)'")
      }
      let components = try (score.take("components")?.object?.members ?? []).map { component in
        guard component.value.isNull || component.value.double != nil else {
          throw fields.fault("\(member.key).\(component.key)", "a number or null", component.value)
        }
        return ExchangeScore.Component(component.key, component.value.double)
      }
      return ExchangeScore(
        set: member.key, reward: try score.number("reward"), components: components,
        extracted: try score.string("extracted"))
    }
  }
}

extension ExchangeFields {
  /// JSON text: a string as it is, anything else spelled out.
  fileprivate func nested(_ key: String) throws -> String? {
    guard let value = take(key) else { return nil }
    return try value.string ?? value.serialized()
  }

  private func list<Element>(_ key: String, _ expected: String, _ read: (JSON) -> Element?) throws -> [Element]? {
    guard let value = take(key) else { return nil }
    guard let array = value.array else { throw fault(key, "a list of \(expected)", value) }
    return try array.enumerated().map { index, element in
      guard let read = read(element) else {
        let found = (try? element.serialized()).map { String($0.prefix(40)) } ?? element.kind
        throw fault("expected \"\(key)\" to be a list of \(expected), found \(found) at \(index)")
      }
      return read
    }
  }

  fileprivate func tokens(_ key: String) throws -> [Int32]? {
    try list(key, "token ids") { json in json.int.flatMap { Int32(exactly: $0) } }
  }

  /// Finite float32 numbers.
  fileprivate func floats(_ key: String) throws -> [Float]? {
    try list(key, "finite float32 numbers") { json in
      guard let value = json.double.map({ Float($0) }), value.isFinite else { return nil }
      return value
    }
  }

  fileprivate func booleans(_ key: String) throws -> [Bool]? { try list(key, "booleans") { $0.bool } }
}
