package import ArgumentParser
import Formats
package import Pipeline

/// `rollbook scores`: score sets beside one another.
package struct ScoresCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "scores",
    abstract: "List score sets, compare two of them, and look for rewards that are gamed.",
    discussion: """
        rollbook scores list --buffer runs/add
        rollbook scores diff main strict --buffer runs/add
        rollbook scores signals main --gold strict --buffer runs/add

      docs/comparing.md has the formulas and thresholds.
      """,
    subcommands: [ScoreListCommand.self, ScoreDiffCommand.self, ScoreSignalsCommand.self])

  package init() {}
}

/// What the commands on score sets share: as these take names first, the buffer is a flag, as it is for the stages.
package struct ScoresOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The run's folder, e.g. runs/add.", valueName: "dir"))
  package var buffer: String

  @Option(
    help: ArgumentHelp(
      "Keep the index in this local folder instead of in the buffer (default: ROLLBOOK_INDEX_DIR).", valueName: "dir"))
  package var indexDir: String?

  @Flag(help: "Print one JSON object instead of text for people.")
  package var json = false

  package init() {}

  /// As the commands take them that have the buffer first.
  var options: BufferOptions {
    var options = BufferOptions()
    options.path = buffer
    options.indexDir = indexDir
    options.json = json
    return options
  }
}

/// Which rollouts are looked at.
package struct ScoresSelection: ParsableArguments {
  @Option(parsing: .upToNextOption, help: ArgumentHelp("Only these steps (default: all).", valueName: "n"))
  package var step: [Int] = []

  @OptionGroup package var selection: SelectionOptions

  package init() {}

  /// - Parameter sets: `reward` and components in --where are those of the first.
  func rollouts(_ buffer: Buffer, _ index: Index, sets: [String]) throws -> ScoredRollouts {
    try ScoredRollouts(buffer, index, sets: sets, steps: step, selection: selection.selection())
  }
}

extension Format {
  /// A value without zeros at its end: `1`, `0.25`; `–` for none.
  static func short(_ value: Double?) -> String {
    guard let value else { return "–" }
    if let whole = Int(exactly: value), abs(whole) < 1_000_000_000 { return String(whole) }
    var text = decimal(value, 4)
    while text.contains("."), text.hasSuffix("0") { text.removeLast() }
    return text.hasSuffix(".") ? String(text.dropLast()) : text
  }

  /// A change with its sign: `+0.125`, `-0.5`, `0.000`.
  static func change(_ value: Double?) -> String {
    let text = decimal(value, 3)
    return (value ?? 0) > 0 && text.contains(where: { ("1"..."9").contains($0) }) ? "+" + text : text
  }

  /// Steps as ranges: `0–3, 7`; `none` of none.
  static func steps(_ steps: [Int]) -> String {
    var ranges: [ClosedRange<Int>] = []
    for step in steps.sorted() {
      if let last = ranges.last, step <= last.upperBound + 1 {
        ranges[ranges.count - 1] = last.lowerBound...step
      } else {
        ranges.append(step...step)
      }
    }
    let shown = ranges.prefix(8).map {
      $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)\($0.count == 2 ? ", " : "–")\($0.upperBound)"
    }
    return shown.isEmpty ? "none" : shown.joined(separator: ", ") + (ranges.count > 8 ? ", …" : "")
  }
}
