import Formats
import Foundation
import Pipeline

/// Runs one stored action again, in a buffer of its own, and compares.
struct Rerun {
  let buffer: Buffer
  let catalogue: ActionCatalogue
  let stored: StoredAction
  let changes: RerunChanges
  let threads: Int?
  /// Run even where inputs have changed.
  let anyway: Bool
  let keep: String?
  let isQuiet: Bool
  let note: (String) -> Void

  /// - Throws: `RollbookError`: `missing` or `badInput` for inputs that are not what they were, the exit code of the
  ///   stage where it fails, `interrupted`.
  func run() throws -> RerunResult {
    guard stored.stage != "score" || stored.action.parameters["stateful"] != "true" else {
      throw RollbookError.usage(
        "\(stored.title): a reward of it remembers what it has scored (stateful=true), so running it again would show "
          + "rows to that program once more", hint: "score the step into another set with --scores, if that is meant")
    }
    let directory = RerunCommandLine.directory(of: stored.action).path
    let inputs = try RerunInputs(buffer: buffer, stored: stored, directory: directory, changed: changes.names).changes()
    if !inputs.causes.isEmpty {
      let text = inputs.causes.map(\.sentence).joined(separator: "; ")
      guard anyway else {
        throw RollbookError(
          inputs.code, place: stored.title, "cannot be run as it was: \(text)",
          hint: "put it back, or give --anyway to run it with what there is")
      }
      note("note: not as it was: \(text)")
    }
    let scratch = try RerunScratch(buffer, catalogue, stored, keep: keep, later: !changes.isEmpty)
    do {
      let line = try commandLine(scratch.buffer.root)
      warn(line)
      let clock = Timestamp.steady
      try line.run()
      let seconds = Timestamp.steady - clock
      return try result(scratch, inputs.causes, seconds: seconds)
    } catch let error as RollbookError {
      if error.code == .interrupted { scratch.discard() }
      throw error
    }
  }

  private func commandLine(_ root: String) throws -> RerunCommandLine {
    let place = buffer.manifestPath(of: stored.outputs[0])
    return try RerunCommandLine(
      stored, changes, threads: threads, buffer: root, place: place,
      isQuiet: isQuiet || !Terminal.standardErrorIsTerminal)
  }

  private func warn(_ line: RerunCommandLine) {
    note("rerun \(stored.title): \(line.program) \(line.arguments.joined(separator: " "))")
    if !line.isAtHome {
      note("note: the folder that it ran in is gone: \(stored.action.directory ?? "none"); this is \(line.directory)")
    }
    for warning in RerunCause.warnings(stored.action, threads: threads ?? stored.action.threads) {
      note("note: \(warning)")
    }
  }

  private func result(_ scratch: RerunScratch, _ inputs: [RerunCause], seconds: Double) throws -> RerunResult {
    var result = RerunResult(
      stored: stored, changes: changes, seconds: seconds, kept: keep.map { _ in scratch.buffer.root })
    var pairs: [(stored: Manifest, found: Manifest)] = []
    for manifest in stored.outputs {
      if Interrupt.requested { throw RerunCommandLine.interrupted }
      let path = scratch.buffer.manifestPath(of: manifest)
      guard FileManager.default.fileExists(atPath: path) else {
        throw RollbookError.badInput(
          stored.title, "the rerun made no \(manifest.name)",
          hint: changes.isEmpty ? nil : "--with must leave the step and the cut into shards alone")
      }
      let found = try Manifest.read(path)
      for cause in RerunCause.differences(manifest, found) where !result.causes.contains(cause) {
        result.causes.append(cause)
      }
      pairs.append((manifest, found))
    }
    if changes.isEmpty {
      result.outputs = try pairs.map { try OutputComparison($0.stored, in: buffer, $0.found, in: scratch.buffer) }
    } else {
      result.metrics = try Counterfactual.metrics(pairs, in: buffer, scratch.buffer)
    }
    // What the stage took on trust and is not so.
    for cause in inputs where !result.causes.contains(where: { $0.what == cause.what }) { result.causes.append(cause) }
    return result
  }
}

/// One output as it is stored and as the rerun made it.
struct OutputComparison {
  enum Detail {
    case shard(ShardDifference)
    case checkpoint(CheckpointDifference)
  }

  /// Relative to the buffer.
  let path: String
  let stored: String
  let rerun: String
  /// nil where all is the same, and where the stored file is gone or cannot be read.
  private(set) var detail: Detail?
  /// What has happened to the stored files since they were published.
  private(set) var damage: String?

  var isIdentical: Bool { stored == rerun && damage == nil }

  init(_ manifest: Manifest, in buffer: Buffer, _ found: Manifest, in scratch: Buffer) throws {
    let (mine, other) = (buffer.path(of: manifest), scratch.path(of: found))
    path = buffer.relative(mine)
    stored = manifest.digest
    rerun = found.digest
    do {
      if manifest.kind == .checkpoint {
        let files = try Self.actual(manifest.files ?? [], in: mine)
        let changed = zip(manifest.files ?? [], files).filter { $0.0.digest != $0.1.digest }.map { "\($0.0.name)" }
        if !changed.isEmpty { damage = "changed after it was published: \(changed.joined(separator: ", "))" }
        if !isIdentical {
          detail = .checkpoint(try CheckpointDifference(stored: (mine, files), found: (other, found.files ?? [])))
        }
      } else {
        let actual = try Digest.file(mine)
        if actual != manifest.digest { damage = "changed after it was published: it now has \(actual)" }
        if !isIdentical { detail = .shard(try ShardDifference(stored: mine, found: other)) }
      }
    } catch let error as RollbookError where error.code == .badInput || error.code == .missing {
      damage = [damage, "\(error)"].compactMap(\.self).joined(separator: "; ")
    }
  }

  /// A checkpoint's files with the digests that they have.
  private static func actual(_ files: [Manifest.File], in folder: String) throws -> [Manifest.File] {
    try files.map { file in
      if Interrupt.requested { throw RerunCommandLine.interrupted }
      let parts = file.name.split(separator: "/", omittingEmptySubsequences: false)
      guard !parts.contains(where: { $0.isEmpty || $0 == ".." }) else {
        throw RollbookError.badInput("\(folder)/manifest.json", "expected a file of the folder, found '\(file.name)'")
      }
      return Manifest.File(name: file.name, bytes: file.bytes, digest: try Digest.file("\(folder)/\(file.name)"))
    }
  }

  var lines: [String] {
    guard !isIdentical else { return ["\(path)   \(stored)"] }
    var lines = [stored == rerun ? "\(path)   \(stored), the rerun too" : "\(path): stored \(stored), rerun \(rerun)"]
    if let damage { lines.append("  the stored one was \(damage)") }
    switch detail {
    case .shard(let shard): lines += shard.lines.map { "  \($0)" }
    case .checkpoint(let checkpoint):
      lines += checkpoint.files.flatMap { file in file.lines.map { "  \(file.name): \($0)" } }
    case nil: break
    }
    return lines
  }

  var json: JSON {
    var object: JSONObject = [
      "path": .string(path), "identical": .bool(isIdentical), "stored": .string(stored), "rerun": .string(rerun),
    ]
    if let damage { object["damage"] = .string(damage) }
    switch detail {
    case .shard(let shard): object["difference"] = shard.json
    case .checkpoint(let checkpoint):
      object["difference"] = ["files": .array(checkpoint.files.map { .object($0.json) })]
    case nil: break
    }
    return .object(object)
  }
}
