import Formats

/// What of the buffer's rollouts an import must know: which ids and groups are taken, and which of its own shards an
/// earlier run has published.
final class StoredRollouts {
  private let buffer: Buffer
  private(set) var manifests: [Manifest]
  private var steps: [Int: Taken] = [:]

  private struct Taken {
    var ids: Set<RolloutID> = []
    var nextGroup = 0
  }

  init(_ buffer: Buffer) throws {
    self.buffer = buffer
    manifests = try buffer.manifests(.rollouts)
  }

  /// The published rollout shard of an action.
  func shard(_ key: String) -> Manifest? { manifests.first { $0.action.key == key } }

  /// What lies in the step, but for the shards of one import.
  private func taken(_ step: Int, except key: (Int) -> String) throws -> Taken {
    if let known = steps[step] { return known }
    var taken = Taken()
    for manifest in manifests where manifest.step == step && !Self.isOwn(manifest, key) {
      let reader = try RolloutShardReader(path: buffer.path(of: manifest))
      for index in 0..<reader.batchCount {
        for row in try reader.summaries(batch: index) {
          taken.ids.insert(row.id)
          taken.nextGroup = max(taken.nextGroup, row.group &+ 1)
        }
      }
    }
    steps[step] = taken
    return taken
  }

  private static func isOwn(_ manifest: Manifest, _ key: (Int) -> String) -> Bool {
    guard manifest.action.stage == "import", let shard = manifest.action.parameters["shard"].flatMap(Int.init) else {
      return false
    }
    return manifest.action.key == key(shard)
  }

  /// Whether another shard of the step has a rollout of this id.
  func holds(_ id: RolloutID, step: Int, except key: (Int) -> String) throws -> Bool {
    try taken(step, except: key).ids.contains(id)
  }

  /// The first group of the step that no other shard has; the one that an interrupted import began with, if it did.
  func firstGroup(step: Int, except key: (Int) -> String) throws -> Int {
    let own = manifests.filter { $0.step == step && Self.isOwn($0, key) }
      .min { (Int($0.action.parameters["shard"] ?? "") ?? 0) < (Int($1.action.parameters["shard"] ?? "") ?? 0) }
    if let own, let first = try RolloutShardReader(path: buffer.path(of: own)).summaries(batch: 0).first {
      return first.group
    }
    return try taken(step, except: key).nextGroup
  }

  /// Takes note of shards that were published by now.
  func add(_ new: [Manifest]) {
    let known = Set(manifests.map(\.name))
    manifests += new.filter { !known.contains($0.name) }
    for step in Set(new.map(\.step)) { steps[step] = nil }
  }
}
