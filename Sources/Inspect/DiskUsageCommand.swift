package import ArgumentParser
package import Formats
import Foundation
import Pipeline

/// `rollbook du`: what takes the space.
package struct DiskUsageCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "du",
    abstract: "Show how much space each kind of file takes.",
    discussion: """
      Files of the buffer's folder, counted as they are on the disk, whether a manifest names them or not.

        rollbook du runs/add
        rollbook du runs/add --json | jq .total

      'rollbook gc runs/add' lists what could be removed.
      """)

  @OptionGroup package var options: BufferOptions

  package init() {}

  package func run() throws {
    let usage = try DiskUsage(options.open())
    if options.json {
      return try options.print([
        "kinds": .array(
          usage.kinds.map { ["kind": .string($0.name), "files": .int($0.files), "bytes": .int($0.bytes)] }),
        "total": .int(usage.total),
      ])
    }
    var table = Table([("kind", .left), ("files", .right), ("size", .right), ("share", .right)])
    for kind in usage.kinds {
      let share = usage.total == 0 ? nil : Double(kind.bytes) / Double(usage.total)
      table.append([
        Terminal.sanitizeLine(kind.name), String(kind.files), Format.bytes(kind.bytes), Format.percent(share),
      ])
    }
    table.append(["total", String(usage.kinds.reduce(0) { $0 + $1.files }), Format.bytes(usage.total), ""])
    try Output.print(table.rendered(), terminator: "")
  }
}

/// The files of a buffer by what they are.
package struct DiskUsage {
  package struct Kind {
    package var name: String
    package var files = 0
    package var bytes = 0
  }

  /// The largest first.
  package private(set) var kinds: [Kind] = []
  package var total: Int { kinds.reduce(0) { $0 + $1.bytes } }

  package init(_ buffer: Buffer) throws {
    var found: [String: Kind] = [:]
    for (path, bytes) in try Self.files(buffer.root) {
      let name = Self.kind(path)
      found[name, default: Kind(name: name)].files += 1
      found[name, default: Kind(name: name)].bytes += bytes
    }
    kinds = found.values.sorted { ($1.bytes, $0.name) < ($0.bytes, $1.name) }
  }

  /// What a file is, by its path in the buffer.
  private static func kind(_ path: String) -> String {
    let parts = path.split(separator: "/")
    let file = parts.last ?? ""
    switch parts.first {
    case "shards":
      if file.hasSuffix(".json") { return "manifests" }
      guard parts.count > 2, parts[1] == "scores", let set = file.firstRange(of: "-step-") else {
        return parts.count > 1 ? String(parts[1]) : "other"
      }
      return "scores: \(file[..<set.lowerBound])"
    case "checkpoints":
      if file == CheckpointWriter.optimizerName { return "checkpoints: optimizer" }
      let weights = [CheckpointWriter.weightsName, AdapterConfiguration.weightsName, CheckpointWriter.averageName]
      return weights.contains(where: { $0 == file }) ? "checkpoints: weights" : "checkpoints: other"
    case "metrics", "staging": return String(parts[0])
    default: return file.hasPrefix("index.sqlite") ? "index" : "other"
    }
  }

  /// Paths below a folder, relative to it, with their sizes; links are not followed, files that vanish are left out.
  static func files(_ root: String) throws -> [(path: String, bytes: Int)] {
    guard let names = FileManager.default.enumerator(atPath: root) else {
      throw RollbookError(.io, place: root, "cannot list the folder")
    }
    var files: [(String, Int)] = []
    while let name = names.nextObject() as? String {
      guard let attributes = try? FileManager.default.attributesOfItem(atPath: "\(root)/\(name)"),
        attributes[.type] as? FileAttributeType == .typeRegular
      else { continue }
      files.append((name, (attributes[.size] as? NSNumber)?.intValue ?? 0))
    }
    return files
  }
}
