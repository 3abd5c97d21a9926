import Formats

/// What of the buffer's rollouts an import must know: which ids and groups are taken, and which of its own shards an
/// earlier attempt has published.
final class StoredRollouts {
  /// A fault of the buffer, which is none of the line that is just looked at.
  struct Fault: Error {
    let error: any Error
  }

  private let buffer: Buffer
  private(set) var manifests: [Manifest] = []
  private var paths: Set<String> = []
  /// Shards, by their place among the manifests, that an earlier attempt at the file in hand has published.
  private var own: Set<Int> = []
  /// Shards by step of which ids and groups are not read yet, for steps that were asked for.
  private var unread: [Int: [Int]] = [:]
  /// By step and id, the shard that has it.
  private var ids: [Int: [RolloutID: Int]] = [:]
  /// By shard: one more than its last group.
  private var nextGroup: [Int: Int] = [:]

  init(_ buffer: Buffer) { self.buffer = buffer }

  /// Looks for what was published by now, and for shards whose action has a key that `key` gives for their number.
  func refresh(_ key: (Int) -> String) throws {
    for path in try buffer.manifestPaths(.rollouts) where paths.insert(path).inserted {
      let manifest = try Manifest.read(path)
      if ids[manifest.step] != nil { unread[manifest.step, default: []].append(manifests.count) }
      manifests.append(manifest)
    }
    own = Set(manifests.indices.filter { Self.number(manifests[$0]).map { key($0) } == manifests[$0].action.key })
  }

  /// The number of an imported shard in its file.
  private static func number(_ manifest: Manifest) -> Int? {
    manifest.action.stage == "import" ? manifest.action.parameters["shard"].flatMap(Int.init) : nil
  }

  /// The published rollout shard of an action.
  func shard(_ key: String) -> Manifest? { manifests.first { $0.action.key == key } }

  private func load(_ step: Int) throws {
    if ids[step] == nil {
      ids[step] = [:]
      unread[step] = manifests.indices.filter { manifests[$0].step == step }
    }
    guard let indices = unread.removeValue(forKey: step) else { return }
    do {
      for index in indices { try read(index, step) }
    } catch {
      throw Fault(error: error)
    }
  }

  private func read(_ index: Int, _ step: Int) throws {
    let reader = try RolloutShardReader(path: buffer.path(of: manifests[index]))
    for batch in 0..<reader.batchCount {
      for row in try reader.summaries(batch: batch) {
        if ids[step]?[row.id].map({ own.contains($0) }) ?? true { ids[step]?[row.id] = index }
        nextGroup[index] = max(nextGroup[index] ?? 0, row.group &+ 1)
      }
    }
  }

  /// Whether another shard of the step has a rollout of this id.
  func holds(_ id: RolloutID, step: Int) throws -> Bool {
    try load(step)
    return ids[step]?[id].map { !own.contains($0) } ?? false
  }

  /// The first group of the step that no other shard has; the one that an interrupted attempt began with, if it did.
  func firstGroup(step: Int) throws -> Int {
    try load(step)
    let here = manifests.indices.filter { manifests[$0].step == step }
    let mine = here.filter { own.contains($0) }
      .min { (Self.number(manifests[$0]) ?? 0) < (Self.number(manifests[$1]) ?? 0) }
    if let mine {
      do {
        let reader = try RolloutShardReader(path: buffer.path(of: manifests[mine]))
        if reader.batchCount > 0, let first = try reader.summaries(batch: 0).first { return first.group }
      } catch {
        throw Fault(error: error)
      }
    }
    return here.filter { !own.contains($0) }.compactMap { nextGroup[$0] }.max() ?? 0
  }
}
