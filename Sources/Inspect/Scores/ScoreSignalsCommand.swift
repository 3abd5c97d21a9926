package import ArgumentParser
package import Formats
import Pipeline

/// `rollbook scores signals`: signs that a reward is gamed, step by step.
package struct ScoreSignalsCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "signals",
    abstract: "Show signs of reward hacking, one line a step.",
    discussion: """
      r(length): correlation of reward and response length; in groups: of their deviations from the group's means. \
      form only: share whose format component is at least 1 while correctness is not. repeated: share that repeats \
      itself: 20 words or more, and more than half of the word 4-grams there before. cut: share cut off at the token \
      limit. same: share equal to an earlier response of the group. flat: share of groups whose rewards are all equal. \
      With --gold, a set that is closer to what is wanted: against: share that the two put on opposite sides of the \
      group's mean; r(gold): their correlation. A '!' marks a step that reaches a limit or is markedly worse than the \
      first steps; a line below says why.

        rollbook scores signals main --buffer runs/add
        rollbook scores signals proxy --gold gold --buffer runs/add --step 3 4 5
        rollbook scores signals main --buffer runs/add --correct exact --jsonl

      The over-optimisation curve, both rewards over √KL, is drawn by

        rollbook plot runs/add --over-optimisation \\
          --proxy score:proxy/reward_mean --gold score:gold/reward_mean

      and --gold prints that command for the run, or what the run lacks for it. docs/comparing.md has the formulas and \
      limits.
      """)

  @Argument(help: ArgumentHelp("The score set that is trained on.", valueName: "name"))
  package var set: String

  @OptionGroup package var options: ScoresOptions

  @Flag(help: "Print one JSON object a step, on a line of its own.")
  package var jsonl = false

  @OptionGroup package var selection: ScoresSelection

  @Option(help: ArgumentHelp("A score set that is closer to what is wanted.", valueName: "name"))
  package var gold: String?

  @Option(help: ArgumentHelp("The component that judges correctness (default: the set's first).", valueName: "name"))
  package var correct: String?

  @Option(
    help: ArgumentHelp("The component that judges the form (default: the first called format…).", valueName: "name"))
  package var format: String?

  package init() {}

  package func validate() throws {
    if jsonl && options.json { throw ValidationError("--jsonl and --json: expected one of them") }
  }

  package func run() throws {
    let options = options.options
    let (index, buffer) = (try options.index(), try options.open())
    let report = try report(buffer, index)
    if options.json { return try options.print(report.json()) }
    guard jsonl else { return try Output.print(report.text(), terminator: "") }
    for line in report.lines() { try options.print(line) }
  }

  package func report(_ buffer: Buffer, _ index: Index) throws -> ScoreSignalsReport {
    let rollouts = try selection.rollouts(buffer, index, sets: [set] + (gold.map { [$0] } ?? []))
    let components = rollouts.components[0]
    let form = try place(format, "--format", components) ?? components.firstIndex { $0.hasPrefix("format") }
    // What judges the form alone judges no answer.
    let first = components.isEmpty || form == 0 ? nil : 0
    let right = try place(correct, "--correct", components) ?? first
    var signals = ScoreSignals(correct: right, format: form)
    try rollouts.forEach(texts: true) { signals.add($0) }
    signals.finishGroup()
    let curve = try gold.map { try OverOptimisationCurve(buffer, proxy: set, gold: $0) }
    return ScoreSignalsReport(
      signals,
      .init(set: set, gold: gold, correct: right.map { components[$0] }, format: form.map { components[$0] }),
      curve: curve)
  }

  private func place(_ name: String?, _ flag: String, _ components: [String]) throws -> Int? {
    guard let name else { return nil }
    guard let place = components.firstIndex(of: name) else {
      throw RollbookError.usage(
        "\(flag) \(name): the set '\(set)' has no such component",
        hint: "it has \(components.isEmpty ? "none" : components.joined(separator: ", "))")
    }
    return place
  }
}
