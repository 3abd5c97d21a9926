extension ExchangeFormat {
  /// What prime-rl and its verifiers write: samples (`example_id`, `prompt`, `completion`, `reward`, `metrics`), traces
  /// (a graph of messages in `nodes`, named rewards), and episodes of several traces.
  static let primeRL = ExchangeFormat(
    name: "prime-rl",
    summary: "prime-rl's samples (example_id, prompt, completion, reward, metrics) and traces (nodes)",
    recognises: { row in
      row["nodes"]?.array != nil || row["traces"]?.array != nil
        || (row["prompt"] != nil && row["completion"] != nil
          && (row["example_id"] != nil || row["trajectory"] != nil || row["metrics"] != nil))
    },
    read: { fields in
      if let traces = fields.take("traces")?.array { return try episode(traces, fields) }
      if fields.object["nodes"] != nil { return [.foreign(try trace(fields))] }
      return [.foreign(try sample(fields))]
    })

  private static func sample(_ fields: ExchangeFields) throws -> ForeignRow {
    let prompt = try fields.required(try fields.prompt("prompt"), "prompt")
    let response = try fields.required(try fields.response("completion", to: prompt), "completion")
    let task = try fields.string("task")
    // An environment numbers its own examples: of a mixture the number alone names two prompts.
    let name = try fields.promptID("example_id").map { number in task.map { "\($0)-\(number)" } ?? number }
    let reward = try fields.number("reward")
    let components = try fields.named("metrics")
    let truncated = fields.take("is_truncated")?.bool ?? false
    let score = reward != nil || !components.isEmpty ? ExchangeScore(reward: reward, components: components) : nil
    // The turns again, with the server's answers.
    fields.drop("trajectory", "timing", "tool_defs", "oai_tools")
    return ForeignRow(
      prompt: response.prompt, promptID: name.flatMap { ExchangeFields.isLegal(promptID: $0) ? $0 : nil },
      responses: [
        ExchangeResponse(kind: "sample", text: response.text, finish: truncated ? .length : .stop, score: score)
      ],
      answer: try fields.answer("answer"), task: task, meta: fields.rest())
  }

  /// The traces of one episode that train the policy.
  private static func episode(_ traces: [JSON], _ fields: ExchangeFields) throws -> [ExchangeRow] {
    let rows = try traces.filter { $0["agent"]?["trainable"]?.bool != false }.map { json in
      guard let object = json.object else { throw fields.fault("traces", "a list of objects", json) }
      return ExchangeRow.foreign(try trace(ExchangeFields(object, place: fields.place)))
    }
    guard !rows.isEmpty else { throw fields.fault("expected \"traces\" with one that trains, found none") }
    return rows
  }

  /// The path to the last message of the graph. The last sampled turn is the response, all before it the prompt.
  private static func trace(_ fields: ExchangeFields) throws -> ForeignRow {
    let nodes = try fields.required(fields.take("nodes")?.array, "nodes")
    var path: [JSON] = []
    var next: Int? = nodes.isEmpty ? nil : nodes.count - 1
    while let index = next {
      path.append(nodes[index])
      let parent = nodes[index]["parent"]?.int
      guard parent.map({ (0..<index).contains($0) }) ?? true else {
        throw fields.fault("expected the parent of node \(index) to be one before it, found \(parent ?? -1)")
      }
      next = parent
    }
    path = path.drop { $0["sampled"]?.bool != true }.reversed()
    guard !path.isEmpty else { throw fields.fault("expected a sampled node in \"nodes\", found none") }
    let turns = JSON.array(path.map { $0["message"] ?? .null })
    let (before, response) = try fields.lastTurn(turns, "nodes")
    guard !before.isEmpty else { throw fields.fault("expected a message before the sampled one, found none") }
    let task = fields.take("task")
    let name = task?["key"]?.string ?? task?["hash"]?.string
    var meta = JSONObject()
    meta["trace"] = fields.take("id")
    meta["info"] = fields.take("info").flatMap { $0.object?.isEmpty == true ? nil : $0 }
    return ForeignRow(
      prompt: .messages(before), promptID: name.flatMap { ExchangeFields.isLegal(promptID: $0) ? $0 : nil },
      responses: [
        ExchangeResponse(
          kind: "sample", text: response, finish: try isTruncated(fields, path) ? .length : .stop,
          score: try score(fields))
      ],
      answer: try task?["data"]?["answer"].flatMap { $0.isNull ? nil : try $0.string ?? $0.serialized() },
      task: task?["type"]?.string, meta: meta.isEmpty ? nil : .object(meta))
  }

  private static func isTruncated(_ fields: ExchangeFields, _ path: [JSON]) throws -> Bool {
    let limits = ["max_turns", "max_input_tokens", "max_output_tokens", "max_total_tokens", "compaction_failed"]
    if limits.contains(try fields.string("stop_condition") ?? "") { return true }
    let call = fields.take("calls")?.array?.last { $0["error"]?.isNull ?? true }
    return (call ?? path.last)?["finish_reason"]?.string == "length"
  }

  /// Σ score × weight, each score a component; metrics besides.
  private static func score(_ fields: ExchangeFields) throws -> ExchangeScore? {
    var components: [ExchangeScore.Component] = []
    var reward: Double?
    for member in fields.take("rewards")?.object?.members ?? [] where !member.value.isNull {
      guard let value = member.value["score"]?.double ?? member.value.double else {
        throw fields.fault("rewards.\(member.key)", "a score with a weight", member.value)
      }
      components.append(.init(member.key, value))
      reward = (reward ?? 0) + value * (member.value["weight"]?.double ?? 1)
    }
    if let reward, !reward.isFinite { throw fields.fault("expected finite rewards, found a sum of \(reward)") }
    let known = Set(components.map(\.name))
    components += try fields.named("metrics").filter { !known.contains($0.name) }
    return reward == nil && components.isEmpty ? nil : ExchangeScore(reward: reward, components: components)
  }
}

extension ExchangeFields {
  /// Components from an object of numbers by name.
  func named(_ key: String) throws -> [ExchangeScore.Component] {
    guard let value = take(key) else { return [] }
    guard let object = value.object else { throw fault(key, "an object of numbers", value) }
    return try object.members.filter { !$0.value.isNull && !$0.key.isEmpty }.map { member in
      guard let number = member.value.double ?? member.value.bool.map({ $0 ? 1 : 0 }) else {
        throw fault("\(key).\(member.key)", "a number", member.value)
      }
      return ExchangeScore.Component(member.key, number)
    }
  }
}
