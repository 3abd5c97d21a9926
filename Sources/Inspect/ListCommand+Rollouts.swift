package import Formats
import Pipeline

extension ListCommand {
  /// One row a rollout: what `rollbook show` takes, and what tells which one to look at. From the index alone.
  package func rolloutTable(_ index: Index) throws -> String {
    let set = try index.defaultScoreSet()
    var table = Table([
      ("rollout", .left), (Terminal.sanitizeLine(set.map { "reward (\($0))" } ?? "reward"), .right), ("tokens", .right),
      ("finish", .left), ("id", .left),
    ])
    try eachRollout(index, set) { row, reward in
      table.append([
        Terminal.sanitizeLine(row.address), reward.map { Format.decimal($0, 3) } ?? "–", String(row.responseLength),
        Terminal.sanitizeLine(row.finish), String(row.hexID.prefix(12)),
      ])
    }
    return table.isEmpty ? "" : table.rendered()
  }

  /// The same as data, ids whole.
  package func rolloutJSON(_ index: Index) throws -> JSON {
    var rows: [JSON] = []
    try eachRollout(index, try index.defaultScoreSet()) { row, reward in
      rows.append([
        "address": .string(row.address), "id": .string(row.hexID), "reward": JSON.finite(reward),
        "response_length": .int(row.responseLength), "prompt_length": .int(row.promptLength),
        "finish": .string(row.finish),
      ])
    }
    return ["rollouts": .array(rows)]
  }

  private func eachRollout(_ index: Index, _ set: String?, _ body: (RolloutRecord, Double?) -> Void) throws {
    for step in try steps(index) {
      for row in try index.rollouts(step: step.step) {
        let scores = try index.scores(of: row.id)
        body(row, scores.last { $0.set == set }?.reward)
      }
    }
  }
}
