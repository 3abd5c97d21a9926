package import ArgumentParser
package import Formats

/// `--where` and the score set that it means, for every command that takes some of the rollouts.
package struct SelectionOptions: ParsableArguments {
  @Option(
    name: [.customLong("where"), .customLong("select")],
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

  /// The rollouts of a step that the selection takes, nil without one: for stages, which read the step's own shards and
  /// leave the index that all share alone.
  ///
  /// - Parameters:
  ///   - set: The score set that `reward` and components mean; nil for the default one.
  ///   - made: A score set that is being made and so cannot be asked.
  package func ids(_ buffer: Buffer, step: Int, set: String? = nil, making made: String? = nil) throws -> Set<RolloutID>? {
    guard let selection = try selection() else { return nil }
    let index = try Index.inMemory(buffer, step: step, withoutSet: made).index
    return try index.ids(where: .of(step: step, selection), set: set)
  }
}
