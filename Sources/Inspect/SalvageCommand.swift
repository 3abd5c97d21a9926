package import ArgumentParser
import Formats
import Foundation
import Pipeline

/// `rollbook salvage`: what is complete in a shard that was cut short or damaged.
package struct SalvageCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "salvage",
    abstract: "Recover the complete batches of a shard that is cut short or damaged.",
    discussion: """
      For a file whose writer was killed and will not be run again, for a copy that stopped half-way, for a disk that \
      lost a block. Every batch that decodes is copied into a new file, whose metadata says why it is not whole \
      (rollbook.truncated). The old file stays as it is, and the new one is no part of a buffer.

        rollbook salvage runs/add/staging/rollouts-step-000003-part-00000.arrow
        rollbook salvage broken.arrow --output rest.arrow
      """)

  @Argument(help: ArgumentHelp("An Arrow file.", valueName: "file"))
  package var file: String

  @Option(help: ArgumentHelp("The new file; default: FILE.salvaged.arrow beside it.", valueName: "file"))
  package var output: String?

  @Flag(help: "Print one JSON object instead of text for people.")
  package var json = false

  package init() {}

  package func run() throws {
    let output = output ?? Self.defaultOutput(file)
    guard !FileManager.default.fileExists(atPath: output) else {
      throw RollbookError.usage(
        "expected a new file's name, found that '\(output)' exists", hint: "name another with --output")
    }
    // A stage at work would change the file under our eyes.
    let lock = try FileManager.default.fileExists(atPath: file + ".lock") ? StagingLock(path: file + ".lock") : nil
    defer { lock?.release() }
    let found = try ArrowFileReader.salvage(path: file, to: output)
    if found.problem != nil && found.rowCount == 0 {
      throw RollbookError.badInput(
        file, "found no complete batch: \(found.problem?.message ?? "")", hint: "there is nothing to recover")
    }
    try report(found, output: found.problem == nil ? nil : output)
  }

  /// `NAME.salvaged.arrow`
  package static func defaultOutput(_ path: String) -> String {
    (path.hasSuffix(".arrow") ? String(path.dropLast(6)) : path) + ".salvaged.arrow"
  }

  private func report(_ found: ArrowSalvage, output: String?) throws {
    if json {
      var object: JSONObject = [
        "file": .string(file), "whole": .bool(found.problem == nil), "truncated": .bool(found.isTruncated),
        "batches": .int(found.batchCount), "rows": .int(found.rowCount), "gaps": .int(found.gaps),
        "good_bytes": .int(found.goodBytes), "bytes": .int(found.bytes),
      ]
      object["reason"] = found.problem.map { .string($0.description) } ?? .null
      object["output"] = output.map { .string($0) } ?? .null
      return try Output.print(Terminal.escapedJSON(JSON.object(object).serialized()))
    }
    let sum = "\(found.batchCount) batches with \(found.rowCount) rows"
    guard let problem = found.problem, let output else {
      return try Output.print(Terminal.sanitizeLine("\(file): whole, \(sum): nothing to salvage"))
    }
    let gaps = found.gaps == 0 ? "" : ", but for \(found.gaps) damaged place\(found.gaps == 1 ? "" : "s")"
    let lines = [
      "\(file): \(found.isTruncated ? "truncated" : "damaged"): \(sum) up to byte \(found.goodBytes) of "
        + "\(found.bytes)\(gaps)",
      "  \(problem.description)",
      "\(output): written",
    ]
    try Output.print(lines.map { Terminal.sanitizeLine($0) }.joined(separator: "\n"))
  }
}
