package import ArgumentParser
package import Formats

/// `--where` and the score set that it means, for every command that takes some of the rollouts.
package struct SelectionOptions: ParsableArguments {
  @Option(
    name: .customLong("where"),
    help: ArgumentHelp(
      "Only the rollouts that this selects, e.g. 'reward < 0 and finish = length'.",
      discussion: """
        By step, task, prompt, reward and its components, lengths, finish, staleness and more: docs/selection.md has \
        the language.
        """,
      valueName: "selection"))
  package var text: String?

  package init() {}

  /// - Throws: `RollbookError` `usage` that shows the place.
  package func selection() throws -> Selection? { try text.map { try Selection.parse($0) } }
}
