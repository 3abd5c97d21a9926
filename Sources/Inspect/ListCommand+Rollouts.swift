package import Formats
import Pipeline

extension ListCommand {
  /// One row a rollout: what `rollbook show` takes, and what tells which one to look at. From the index alone.
  package func rolloutTable(_ index: Index) throws -> String {
    let set = try scores ?? index.defaultScoreSet()
    var table = Table([
      ("rollout", .left), (Terminal.sanitizeLine(set.map { "reward (\($0))" } ?? "reward"), .right), ("tokens", .right),
      ("finish", .left), ("id", .left),
    ])
    let isCut = try eachRollout(index) { row, score in
      table.append([
        Terminal.sanitizeLine(row.address), score?.reward.map { Format.decimal($0, 3) } ?? "–",
        String(row.responseLength), Terminal.sanitizeLine(row.finish), String(row.hexID.prefix(12)),
      ])
    }
    if isCut { Output.note("note: the first \(limit) of more; --limit 0 lists all") }
    return table.isEmpty ? "" : table.rendered()
  }

  /// The same as data, ids whole.
  package func rolloutJSON(_ index: Index) throws -> JSON {
    var rows: [JSON] = []
    let isCut = try eachRollout(index) { row, score in
      rows.append([
        "address": .string(row.address), "id": .string(row.hexID), "reward": JSON.finite(score?.reward),
        "components": .object(JSONObject((score?.components ?? []).map { ($0.name, JSON.finite($0.value)) })),
        "response_length": .int(row.responseLength), "prompt_length": .int(row.promptLength),
        "finish": .string(row.finish),
      ])
    }
    return ["rollouts": .array(rows), "more": .bool(isCut)]
  }

  /// - Returns: Whether the limit left any out.
  private func eachRollout(_ index: Index, _ body: (RolloutRecord, ScoreRecord?) -> Void) throws -> Bool {
    var count = 0
    let chosen = try selection.selection()
    let selection = step.map { Selection.of(step: $0, chosen) } ?? chosen
    try index.forEachRollout(where: selection, set: scores, limit: limit == 0 ? nil : limit + 1) { row, score in
      count += 1
      if limit == 0 || count <= limit { body(row, score) }
    }
    return limit > 0 && count > limit
  }
}
