package import ArgumentParser
import Formats
import Pipeline

/// `rollbook reindex`: the index anew from the files.
package struct ReindexCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "reindex",
    abstract: "Rebuild index.sqlite from the shards and manifests.",
    discussion: """
      The index is a cache: deleting or losing it costs nothing. The new one is built beside the old and renamed \
      over it.

        rollbook reindex runs/add
      """)

  @OptionGroup package var options: BufferOptions

  package init() {}

  package func run() throws {
    let buffer = try options.open()
    let report = try Index.reindex(buffer)
    BufferOptions.warn(report)
    if options.json {
      return try options.print([
        "manifests": .int(report.added), "warnings": .array(report.warnings.map { .string($0) }),
      ])
    }
    try Output.print(Terminal.sanitize("\(buffer.indexPath): \(report.added) manifests"))
  }
}
