package import ArgumentParser
import Formats
import Pipeline

/// `rollbook gc`: what can go, and with `--apply` its removal.
package struct CollectCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "gc",
    abstract: "List what can be removed, and remove it with --apply.",
    discussion: """
      What killed stages left in the staging folder; shards that were never committed; and, by a keep rule, superseded \
      checkpoints. Published rollouts, scores and updates always stay, and so does every checkpoint that a result that \
      stays was made from, unless --cut-lineage says otherwise: the results are then still there, but the steps that \
      made them cannot be rerun.

        rollbook gc runs/add                                    only leftovers
        rollbook gc runs/add --keep-last 2 --keep-every 50      and checkpoints
        rollbook gc runs/add --keep-last 2 --cut-lineage --apply

      A stopped stage resumes from its leftovers; without them it starts its step anew.
      """)

  @OptionGroup package var options: BufferOptions

  @Flag(help: "Remove what is listed.")
  package var apply = false

  @Option(help: ArgumentHelp("Keep the newest n checkpoints; older ones are superseded.", valueName: "n"))
  package var keepLast: Int?

  @Option(help: ArgumentHelp("Keep the checkpoints of every n-th step; others are superseded.", valueName: "n"))
  package var keepEvery: Int?

  @Flag(help: "Remove superseded checkpoints even if results that stay were made from them.")
  package var cutLineage = false

  @Option(help: ArgumentHelp("Leave unpublished files that were written to within so many minutes.", valueName: "n"))
  package var minAge = 60

  package init() {}

  package func validate() throws {
    if let keepLast, keepLast < 1 { throw ValidationError("--keep-last \(keepLast): expected 1 or more") }
    if let keepEvery, keepEvery < 1 { throw ValidationError("--keep-every \(keepEvery): expected 1 or more") }
    guard minAge >= 0 else { throw ValidationError("--min-age \(minAge): expected 0 or more") }
    if cutLineage && keepLast == nil && keepEvery == nil {
      throw ValidationError("--cut-lineage needs --keep-last or --keep-every, which say what is superseded")
    }
  }

  package func run() throws {
    let buffer = try options.open()
    let found = try GarbageCollection(
      buffer, options.index(), .init(keepLast: keepLast, keepEvery: keepEvery), minimumAge: Double(minAge) * 60,
      cutLineage: cutLineage)
    let freed = apply ? try found.apply() : 0
    if options.json { return try options.print(json(found, freed)) }
    var table = Table([("", .left), ("size", .right), ("path", .left), ("why", .left)])
    for (what, items) in [
      (apply ? "removed" : "remove", found.removable), ("keep", found.needed), ("keep", found.inUse),
    ] {
      for item in items {
        table.append([what, Format.bytes(item.bytes), Terminal.sanitizeLine(item.path), Terminal.sanitizeLine(item.reason)])
      }
    }
    if !table.isEmpty { try Output.print(table.rendered(), terminator: "") }
    let bytes = Format.bytes(found.removable.reduce(0) { $0 + $1.bytes })
    let sum =
      found.removable.isEmpty
      ? "nothing to remove" : apply ? "\(bytes) removed" : "\(bytes) can be removed: --apply removes them"
    try Output.print(sum)
  }

  private func json(_ found: GarbageCollection, _ freed: Int) -> JSON {
    func list(_ items: [GarbageCollection.Item]) -> JSON {
      .array(items.map { ["path": .string($0.path), "bytes": .int($0.bytes), "reason": .string($0.reason)] })
    }
    return [
      "applied": .bool(apply), "removable": list(found.removable), "needed": list(found.needed),
      "in_use": list(found.inUse), "freed_bytes": .int(freed),
    ]
  }
}
