package import ArgumentParser
package import Formats
import Pipeline

/// `rollbook scores list`: the score sets of a buffer.
package struct ScoreListCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List the score sets: their steps, rollouts, means and components.",
    discussion: """
      One line a set. scored: rollouts with a reward. reward: their mean. pass: share whose first component is 1 or \
      more.

        rollbook scores list --buffer runs/add
        rollbook scores list --buffer runs/add --json

      'rollbook stats --scores NAME' shows a set step by step.
      """)

  @OptionGroup package var options: ScoresOptions

  package init() {}

  package func run() throws {
    let options = options.options
    let sets = try options.index().scoreSetSummaries()
    if options.json { return try options.print(json(sets)) }
    guard !sets.isEmpty else {
      return try Output.print("nothing is scored yet in \(Terminal.sanitize(options.path))")
    }
    try Output.print(table(sets), terminator: "")
  }

  /// One row a set.
  package func table(_ sets: [ScoreSetSummary]) -> String {
    var table = Table([
      ("set", .left), ("steps", .left), ("shards", .right), ("scored", .right), ("reward", .right), ("pass", .right),
      ("size", .right), ("components", .left),
    ])
    for set in sets {
      table.append([
        Terminal.sanitizeLine(set.name), Format.steps(set.steps), String(set.shards), String(set.scored),
        Format.decimal(set.rewardMean), Format.percent(set.passRate), Format.bytes(set.bytes),
        Terminal.sanitizeLine(set.components.isEmpty ? "–" : set.components.joined(separator: ", ")),
      ])
    }
    return table.rendered()
  }

  /// The same as data.
  package func json(_ sets: [ScoreSetSummary]) -> JSON {
    [
      "sets": .array(
        sets.map { set in
          [
            "name": .string(set.name), "steps": .array(set.steps.map { .int($0) }), "shards": .int(set.shards),
            "scored": .int(set.scored), "reward_mean": .finite(set.rewardMean), "pass_rate": .finite(set.passRate),
            "bytes": .int(set.bytes), "components": .array(set.components.map { .string($0) }),
          ]
        })
    ]
  }
}
