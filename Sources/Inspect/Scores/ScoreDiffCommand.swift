package import ArgumentParser
import Formats
import Pipeline

/// `rollbook scores diff`: two score sets over the same rollouts.
package struct ScoreDiffCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "diff",
    abstract: "Compare two score sets over the same rollouts.",
    discussion: """
      How many rollouts both sets scored; how often they give the same verdict, beyond chance too (Cohen's kappa); \
      means and their change by step; correlations; whether they order the responses of a group alike; and the \
      rollouts whose verdict flipped. A rollout passes a set where its value is --threshold or more: the total, or the \
      component that --component names.

        rollbook scores diff main strict --buffer runs/add
        rollbook scores diff main strict --buffer runs/add --component math
        rollbook scores diff main strict --buffer runs/add --step 3 4 --threshold 0.5
        rollbook scores diff main judge --buffer runs/add --where 'strict.math < 1'
        rollbook scores diff main strict --buffer runs/add --limit 0 --json

      In --where, reward and components are those of the first set; SET.reward asks another. docs/comparing.md has the \
      formulas.
      """)

  @Argument(help: ArgumentHelp("A score set.", valueName: "a"))
  package var a: String

  @Argument(help: ArgumentHelp("The score set to compare it with.", valueName: "b"))
  package var b: String

  @OptionGroup package var options: ScoresOptions
  @OptionGroup package var selection: ScoresSelection

  @Option(help: ArgumentHelp("Compare this component of both instead of the total.", valueName: "name"))
  package var component: String?

  @Option(help: ArgumentHelp("A value passes from here on.", valueName: "x"))
  package var threshold = 1.0

  @Option(help: ArgumentHelp("List at most so many flipped rollouts; 0 for all.", valueName: "n"))
  package var limit = 20

  package init() {}

  package func validate() throws {
    guard limit >= 0 else { throw ValidationError("--limit \(limit): expected 0 or more") }
    guard threshold.isFinite else { throw ValidationError("--threshold \(threshold): expected a finite number") }
  }

  package func run() throws {
    let options = options.options
    let index = try options.index()
    let rollouts = try selection.rollouts(options.open(), index, sets: [a, b])
    let diff = try compared(rollouts)
    let report = ScoreDiffReport(diff, a: a, b: b, components: rollouts.components)
    if options.json { return try options.print(report.json()) }
    try Output.print(report.text(), terminator: "")
  }

  package func compared(_ rollouts: ScoredRollouts) throws -> ScoreDiff {
    var diff = try ScoreDiff(
      components: rollouts.components[0], rollouts.components[1], names: (a, b), component: component,
      threshold: threshold, limit: limit == 0 ? nil : limit)
    try rollouts.forEach { diff.add($0) }
    diff.finishGroup()
    return diff
  }
}
