package import ArgumentParser
import Formats
import Foundation
package import Pipeline

/// `rollbook export`: rollouts with their scores as JSON Lines, or as one Arrow file.
package struct ExportCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write rollouts and their scores as JSON Lines or as one Arrow file.",
    discussion: """
      EXAMPLES
        Everything, one JSON object a rollout: all columns, and the scores of every set:
          rollbook export runs/add jsonl > add.jsonl
        Into a file, which is there whole or not at all:
          rollbook export runs/add jsonl --output add.jsonl
        The failures of some steps only:
          rollbook export runs/add jsonl --where 'reward = 0 and step between 10 and 20'
        One Arrow file with the rewards of a set as columns, for pyarrow, polars or pandas:
          rollbook export runs/add arrow --scores main --output add.arrow

      'rollbook import' takes both back: nothing is lost, ids, tokens and log-probabilities stay the same to the bit. \
      JSON Lines hold every score set, an Arrow file one.
      """)

  package enum Format: String, ExpressibleByArgument, CaseIterable {
    case jsonl, arrow
  }

  @OptionGroup package var options: BufferOptions

  @Argument(help: ArgumentHelp("jsonl or arrow.", valueName: "format"))
  package var format: Format

  @OptionGroup package var selection: SelectionOptions

  @Option(
    help: ArgumentHelp(
      "The score set for --where and for an Arrow file's columns (default: main, else the first).", valueName: "set"))
  package var scores: String?

  @Option(
    name: .shortAndLong, help: ArgumentHelp("The file to write; jsonl goes to standard output else.", valueName: "file")
  )
  package var output: String?

  package init() {}

  package mutating func validate() throws {
    if format == .arrow, output == nil { throw ValidationError("an Arrow file needs --output FILE") }
  }

  package func run() throws {
    let index = try options.index()
    let set = try scores ?? index.defaultScoreSet()
    let rows = try ExportRows(options.open(), index, set: set, selection: selection.selection())
    let count: Int
    switch (format, output) {
    case (.jsonl, let path?): count = try ExportFile.write(path) { try lines(rows, $0.write) }
    case (.jsonl, nil): count = try lines(rows) { try Output.print($0, terminator: "") }
    case (.arrow, let path?): count = try ExportArrow(rows, set: set).write(path)
    case (.arrow, nil): throw RollbookError.usage("an Arrow file needs --output FILE")
    }
    guard let output else { return }
    if options.json {
      try options.print([
        "stage": "export", "format": .string(format.rawValue), "rollouts": .int(count), "file": .string(output),
      ])
    }
    Output.note(Terminal.sanitize("\(output): \(count) rollouts"))
  }

  /// One line a rollout, in pieces of about a megabyte.
  private func lines(_ rows: ExportRows, _ write: (String) throws -> Void) throws -> Int {
    var piece = ""
    let count = try rows.forEach(allSets: true) { row in
      piece += Terminal.escapedJSON(try row.json().serialized()) + "\n"
      if piece.utf8.count >= 1 << 20 {
        try write(piece)
        piece.removeAll(keepingCapacity: true)
      }
    }
    if !piece.isEmpty { try write(piece) }
    return count
  }
}
