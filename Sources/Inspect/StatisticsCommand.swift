package import ArgumentParser
package import Formats
import Pipeline

/// `rollbook stats`: the run in numbers, step by step.
package struct StatisticsCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "stats",
    abstract: "Show how a run goes: rewards, pass rate, lengths, KL, speed, one line a step.",
    discussion: """
      reward: mean of the score set. pass: share of responses that the verifier accepts, \
      with its standard error over prompts (±). format: share in the format \
      that was asked for. length: mean response in tokens. cut: share cut off at the limit. flat: share of groups \
      whose rewards are all equal, which teach nothing. kl: mean k3 estimate of the divergence from the reference \
      policy. tok/s: response tokens a second while generating. seconds: work of all stages on the step.

        rollbook stats runs/add
        rollbook stats runs/add --scores strict --json
      """)

  @OptionGroup package var options: BufferOptions

  @Option(help: ArgumentHelp("The score set (default: main, or the only one).", valueName: "name"))
  package var scores: String?

  package init() {}

  package func run() throws {
    let index = try options.index()
    if options.json { return try options.print(json(index)) }
    let text = try table(index)
    try Output.print(
      text.isEmpty ? "nothing is stored yet in \(Terminal.sanitize(options.path))\n" : text, terminator: "")
  }

  /// One row a step.
  package func table(_ index: Index) throws -> String {
    var table = Table([
      ("step", .right), ("rollouts", .right), ("reward", .right), ("pass", .right), ("±", .right), ("format", .right),
      ("length", .right), ("cut", .right), ("flat", .right), ("kl", .right), ("tok/s", .right), ("seconds", .right),
    ])
    for row in try index.statistics(set: scores) {
      table.append([
        String(row.step), String(row.rollouts), Format.decimal(row.rewardMean), Format.percent(row.passRate),
        Format.percent(row.passError), Format.percent(row.formatRate), Format.decimal(row.responseLengthMean, 1), Format.percent(row.truncatedShare),
        Format.percent(row.zeroVarianceShare), Format.decimal(row.kl, 4), Format.decimal(row.tokensPerSecond, 0),
        Format.decimal(row.seconds, 1),
      ])
    }
    return table.isEmpty ? "" : table.rendered()
  }

  /// The same as data, with the training metrics of each step.
  package func json(_ index: Index) throws -> JSON {
    let set = try scores ?? index.defaultScoreSet()
    let steps = try index.statistics(set: scores).map { row -> JSON in
      [
        "step": .int(row.step), "rollouts": .int(row.rollouts), "groups": .int(row.groups), "scored": .int(row.scored),
        "reward_mean": .finite(row.rewardMean), "pass_rate": .finite(row.passRate),
        "pass_rate_standard_error": .finite(row.passError),
        "format_rate": .finite(row.formatRate), "response_length_mean": .finite(row.responseLengthMean),
        "truncated_share": .finite(row.truncatedShare), "zero_variance_share": .finite(row.zeroVarianceShare),
        "kl": .finite(row.kl), "tokens_per_second": .finite(row.tokensPerSecond), "seconds": .finite(row.seconds),
        "metrics": .object(JSONObject(row.metrics.sorted { $0.key < $1.key }.map { ($0.key, .finite($0.value)) })),
      ]
    }
    return ["scores": set.map { .string($0) } ?? .null, "steps": .array(steps)]
  }
}
