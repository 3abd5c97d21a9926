package import ArgumentParser
import Formats
import Pipeline

/// `rollbook sql`: any question about a run.
package struct SqlCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "sql",
    abstract: "Ask the index in SQL; nothing can be changed.",
    discussion: """
      The views: rollouts, scores, updates (a row a rollout), steps, shards, checkpoints, actions (what ran, with its \
      parameters) and lineage (what was made from what); the table metrics. docs/selection.md lists their columns.

        rollbook sql runs/add "SELECT step, avg(reward) FROM scores WHERE score_set = 'main' GROUP BY step"
        rollbook sql runs/add "SELECT prompt, count(*) AS n FROM rollouts WHERE finish = 'length' GROUP BY 1 ORDER BY n"
        rollbook sql runs/add "SELECT * FROM steps" --json | jq .rows

      Components of a score are JSON: components ->> 'math'.
      """)

  @OptionGroup package var options: BufferOptions

  @Argument(help: ArgumentHelp("One statement that only reads.", valueName: "statement"))
  package var statement: String

  /// Rows that a table for people shows.
  private static let rowLimit = 1000
  /// Columns of a value that a table for people shows.
  private static let width = 60

  package init() {}

  package func run() throws {
    let index = try options.index()
    if options.json { return try printJSON(index) }
    var table: Table?
    var count = 0
    try index.select(statement) { names in
      table = Table(names.map { (Terminal.sanitizeLine($0), .left) })
    } row: { values in
      count += 1
      if count <= Self.rowLimit { table?.append(values.map { Self.text($0) }) }
    }
    if let table { try Output.print(table.rendered(), terminator: "") }
    if count > Self.rowLimit { Output.note("note: the first \(Self.rowLimit) of \(count) rows; --json has all") }
  }

  /// One object, `{"columns": […], "rows": [[…], …]}`, written row by row.
  private func printJSON(_ index: Index) throws {
    var separator = ""
    try index.select(statement) { names in
      let columns = try JSON.array(names.map { .string($0) }).serialized()
      try Output.print(Terminal.escapedJSON("{\"columns\":\(columns),\"rows\":["), terminator: "")
    } row: { values in
      try Output.print(separator + Terminal.escapedJSON(JSON.array(values).serialized()), terminator: "")
      separator = ",\n"
    }
    try Output.print("]}")
  }

  private static func text(_ value: JSON) -> String {
    switch value {
    case .null: "–"
    case .string(let text): Terminal.sanitizeLine(text, limit: width)
    default: (try? value.serialized()) ?? ""
    }
  }
}
