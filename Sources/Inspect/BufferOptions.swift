package import ArgumentParser
package import Formats
import Foundation
import Pipeline

/// What every command that looks at a buffer takes: the buffer first, and `--json`.
package struct BufferOptions: ParsableArguments {
  @Argument(help: ArgumentHelp("The run's folder, e.g. runs/add.", valueName: "buffer"))
  package var path: String

  @Option(
    help: ArgumentHelp(
      "Keep the index in this local folder instead of in the buffer (default: ROLLBOOK_INDEX_DIR).",
      discussion: "For buffers on a network file system, where SQLite's locks are not to be relied on.",
      valueName: "dir"))
  package var indexDir: String?

  @Flag(help: "Print one JSON object instead of text for people.")
  package var json = false

  package init() {}

  private var indexFolder: String? {
    let chosen = indexDir ?? ProcessInfo.processInfo.environment["ROLLBOOK_INDEX_DIR"]
    return chosen.flatMap { $0.isEmpty ? nil : $0 }
  }

  /// The buffer.
  package func open() throws -> Buffer {
    try Buffer.open(path: path, create: false, indexFolder: indexFolder)
  }

  /// The buffer even if its `rollbook.json` is damaged.
  func openUnverified() throws -> Buffer { try Buffer.openUnverified(path: path, indexFolder: indexFolder) }

  /// The index, up to date; what could not be taken in is told on standard error.
  package func index() throws -> Index {
    let (index, report) = try Index.current(open())
    Self.warn(report)
    return index
  }

  /// Tells what could not be taken in.
  static func warn(_ report: IngestReport) {
    for warning in report.warnings { Output.note(Terminal.sanitize("warning: \(warning)")) }
  }

  /// Prints JSON that is safe on a terminal and still the same data: what could steer a terminal is escaped.
  func print(_ value: JSON) throws {
    try Output.print(Terminal.escapedJSON(value.serialized()))
  }
}
