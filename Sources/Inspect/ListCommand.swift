package import ArgumentParser
package import Formats
package import Pipeline

/// `rollbook ls`: what is stored, by step.
package struct ListCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "ls",
    abstract: "List the steps of a run, or its shards and checkpoints.",
    discussion: """
      One line a step: its rollouts, the prompts they answer, the shards that hold them, its score sets, whether it \
      was trained on, whether the checkpoint that its rollouts come from is stored, and the size of its shards.

        rollbook ls runs/add
        rollbook ls runs/add --files            every shard and checkpoint
        rollbook ls runs/add --files --step 3
        rollbook ls runs/add --rollouts --step 3    addresses for 'rollbook show', with rewards and lengths
        rollbook ls runs/add --where 'reward < 0 and step between 10 and 20'
        rollbook ls runs/add --where 'math = 1 and format < 1' --limit 0

      --where takes rollouts by step, task, prompt, reward and its components, lengths, finish, staleness and more: \
      docs/selection.md has the language.
      """)

  @OptionGroup package var options: BufferOptions

  @Flag(name: [.long, .customLong("shards")], help: "List shards and checkpoints instead of steps.")
  package var files = false

  @Flag(help: "List rollouts instead of steps: address, reward, tokens, finish reason.")
  package var rollouts = false

  @Option(help: ArgumentHelp("Only this step.", valueName: "n"))
  package var step: Int?

  @OptionGroup package var selection: SelectionOptions

  @Option(help: ArgumentHelp("The score set that reward and components mean (default: main).", valueName: "set"))
  package var scores: String?

  @Option(help: ArgumentHelp("List at most so many rollouts; 0 for all.", valueName: "n"))
  package var limit = 1000

  package init() {}

  package func validate() throws {
    guard limit >= 0 else { throw ValidationError("--limit \(limit): expected 0 or more") }
  }

  package func run() throws {
    let index = try options.index()
    let rollouts = rollouts || selection.text != nil
    if options.json { return try options.print(rollouts ? rolloutJSON(index) : json(index)) }
    let text = try rollouts ? rolloutTable(index) : files ? fileTable(index) : stepTable(index)
    try Output.print(
      !text.isEmpty
        ? text
        : selection.text == nil ? "nothing is stored yet in \(Terminal.sanitize(options.path))\n" : "no rollout is selected\n",
      terminator: "")
  }

  /// One row a step.
  package func stepTable(_ index: Index) throws -> String {
    var table = Table([
      ("step", .right), ("rollouts", .right), ("prompts", .right), ("shards", .right), ("scores", .left),
      ("trained", .left), ("checkpoint", .left), ("size", .right),
    ])
    for row in try steps(index) {
      table.append([
        String(row.step), String(row.rollouts), String(row.prompts), String(row.rolloutShards),
        row.scoreSets.isEmpty ? "–" : Terminal.sanitizeLine(row.scoreSets.joined(separator: ",")),
        row.isTrained ? "yes" : "–", row.hasCheckpoint ? "yes" : "–", Format.bytes(row.bytes),
      ])
    }
    return table.isEmpty ? "" : table.rendered()
  }

  /// One row a shard or checkpoint.
  package func fileTable(_ index: Index) throws -> String {
    var table = Table([
      ("step", .right), ("kind", .left), ("set", .left), ("part", .right), ("rows", .right), ("size", .right),
      ("finished", .left), ("path", .left),
    ])
    let (shards, checkpoints) = try outputs(index)
    for row in shards {
      table.append([
        String(row.step), row.kind.rawValue, Terminal.sanitizeLine(row.set ?? ""), String(row.part), String(row.rows),
        Format.bytes(row.bytes), Self.minutes(row.finished),
        Terminal.sanitizeLine(row.path + (row.complete ? "" : " (partial)")),
      ])
    }
    for row in checkpoints {
      table.append([
        String(row.step), "checkpoint", "", "", "", Format.bytes(row.bytes), Self.minutes(row.finished),
        Terminal.sanitizeLine(row.path),
      ])
    }
    return table.isEmpty ? "" : table.rendered()
  }

  func steps(_ index: Index) throws -> [StepSummary] {
    try index.steps().filter { step == nil || $0.step == step }
  }

  private func outputs(_ index: Index) throws -> ([ShardRecord], [CheckpointRecord]) {
    (try index.shards(step: step), try index.checkpoints().filter { step == nil || $0.step == step })
  }

  /// `2026-11-21 09:55` of an RFC 3339 time.
  private static func minutes(_ time: String) -> String {
    Terminal.sanitizeLine(String(time.prefix(16))).replacing("T", with: " ")
  }

  /// The same as data.
  package func json(_ index: Index) throws -> JSON {
    guard files else {
      return [
        "steps": .array(
          try steps(index).map { row in
            [
              "step": .int(row.step), "rollouts": .int(row.rollouts), "prompts": .int(row.prompts),
              "shards": .int(row.rolloutShards), "scores": .array(row.scoreSets.map { .string($0) }),
              "updates": .int(row.updates), "trained": .bool(row.isTrained), "checkpoint": .bool(row.hasCheckpoint),
              "bytes": .int(row.bytes),
            ]
          })
      ]
    }
    let (shards, checkpoints) = try outputs(index)
    return [
      "shards": .array(
        shards.map { row in
          [
            "path": .string(row.path), "kind": .string(row.kind.rawValue), "step": .int(row.step),
            "part": .int(row.part), "set": row.set.map { .string($0) } ?? .null, "rows": .int(row.rows),
            "batches": .int(row.batches), "bytes": .int(row.bytes), "digest": .string(row.digest),
            "complete": .bool(row.complete), "finished": .string(row.finished), "summary": Self.numbers(row.summary),
          ]
        }),
      "checkpoints": .array(
        checkpoints.map { row in
          [
            "path": .string(row.path), "step": .int(row.step), "bytes": .int(row.bytes), "digest": .string(row.digest),
            "finished": .string(row.finished), "summary": Self.numbers(row.summary),
          ]
        }),
    ]
  }

  private static func numbers(_ values: [String: Double]) -> JSON {
    .object(JSONObject(values.sorted { $0.key < $1.key }.map { ($0.key, .finite($0.value)) }))
  }
}
