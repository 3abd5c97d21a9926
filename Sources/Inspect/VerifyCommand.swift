package import ArgumentParser
import Formats
import Pipeline

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// `rollbook verify`: is everything there, and unchanged?
package struct VerifyCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Check every shard and checkpoint against its manifest.",
    discussion: """
      Each file's presence, size and digest; checksums of the manifests and of rollbook.json; shards without a \
      manifest; leftovers in the staging folder; the index. \
      One line a problem on standard output, and exit code 65 if there is any.

        rollbook verify runs/add
        rollbook verify runs/add --deep         decode every value and check references between shards, too
      """)

  @OptionGroup package var options: BufferOptions

  @Flag(help: "Decode every value, and check that scores and updates refer to stored rollouts.")
  package var deep = false

  package init() {}

  package func run() throws {
    // A damaged rollbook.json is one problem more, and no reason not to look for others.
    let buffer = try options.openUnverified()
    let style: Progress.Style = Terminal.standardErrorIsTerminal && !options.json ? .bar : .silent
    var progress: Progress?
    let result = try Verification.run(buffer, deep: deep) { done, total in
      if progress == nil { progress = Progress("verify", step: nil, total: total, unit: "files", style: style) }
      progress?.update(done)
    }
    progress?.finish()
    if options.json {
      try options.print([
        "ok": .bool(result.problems.isEmpty), "shards": .int(result.shards), "checkpoints": .int(result.checkpoints),
        "rows": .int(result.rows), "bytes": .int(result.bytes),
        "problems": .array(result.problems.map { .string($0) }), "notes": .array(result.notes.map { .string($0) }),
      ])
    } else {
      try Output.print(text(result), terminator: "")
    }
    guard result.problems.isEmpty else {
      let count = result.problems.count
      throw RollbookError.badInput(buffer.root, "\(count) problem\(count == 1 ? "" : "s") found")
    }
  }

  /// Problems, then notes, then the sum, a line each.
  package func text(_ result: Verification) -> String {
    let sum =
      "\(result.shards) shards with \(result.rows) rows, \(result.checkpoints) checkpoints, "
      + "\(Format.bytes(result.bytes)): "
      + (result.problems.isEmpty ? "all as published" : "\(result.problems.count) wrong")
    let lines = result.problems + result.notes.map { "note: \($0)" } + [sum]
    return lines.map { Terminal.sanitizeLine($0) + "\n" }.joined()
  }
}
