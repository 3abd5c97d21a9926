package import Formats
package import Foundation

/// What could be removed from a buffer, and why not the rest.
package struct GarbageCollection {
  package struct Item: Equatable {
    /// Relative to the buffer.
    package var path: String
    package var bytes: Int
    package var reason: String
  }

  /// Which checkpoints are superseded: all but the newest `keepLast` and every `keepEvery`-th step.
  package struct KeepRule {
    package var keepLast: Int?
    package var keepEvery: Int?

    package init(keepLast: Int? = nil, keepEvery: Int? = nil) {
      self.keepLast = keepLast
      self.keepEvery = keepEvery
    }
  }

  package private(set) var removable: [Item] = []
  /// Superseded, but something that stays was made from it.
  package private(set) var needed: [Item] = []
  /// In the hands of a running stage, or touched too lately to tell.
  package private(set) var inUse: [Item] = []

  private let buffer: Buffer
  private let youngest: Date

  /// - Parameters:
  ///   - minimumAge: Unpublished files younger than this, in seconds, may belong to a stage that runs.
  ///   - cutLineage: Whether checkpoints go although results that stay were made from them.
  package init(
    _ buffer: Buffer, _ index: Index, _ rule: KeepRule, minimumAge: TimeInterval, cutLineage: Bool
  ) throws {
    self.buffer = buffer
    youngest = Date(timeIntervalSinceNow: -minimumAge)
    try addStaging()
    try addUncommitted()
    try addCheckpoints(index, rule, cutLineage)
  }

  private static func names(_ folder: String) throws -> [String] {
    FileManager.default.fileExists(atPath: folder)
      ? try FileManager.default.contentsOfDirectory(atPath: folder).sorted() : []
  }

  private func item(_ path: String, _ reason: String) throws -> Item {
    let whole = "\(buffer.root)/\(path)"
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: whole, isDirectory: &isFolder) else {
      return Item(path: path, bytes: 0, reason: reason)
    }
    let bytes =
      isFolder.boolValue
      ? try DiskUsage.files(whole).reduce(0) { $0 + $1.bytes }
      : (try FileManager.default.attributesOfItem(atPath: whole)[.size] as? NSNumber)?.intValue ?? 0
    return Item(path: path, bytes: bytes, reason: reason)
  }

  /// Why an unpublished file may not be touched; nil if it may.
  private func busy(_ path: String, lock: String) -> String? {
    let lockPath = "\(lock).lock"
    if FileManager.default.fileExists(atPath: lockPath) {
      guard let lock = try? StagingLock(path: lockPath) else { return "a running stage holds its lock" }
      lock.release()
    }
    let modified = (try? FileManager.default.attributesOfItem(atPath: path))?[.modificationDate] as? Date
    return (modified ?? .distantPast) > youngest ? "written to a short while ago (--min-age)" : nil
  }

  /// Everything in staging but the locks: deleting one would let two processes lock two files of one name.
  private mutating func addStaging() throws {
    for name in try Self.names(buffer.staging) where !name.hasSuffix(".lock") {
      let path = buffer.stagingPath(name)
      if let reason = busy(path, lock: path) {
        inUse.append(try item("staging/\(name)", reason))
      } else {
        removable.append(try item("staging/\(name)", "left by a stage that was stopped"))
      }
    }
  }

  /// Shards whose manifest never came: they are not part of the buffer.
  private mutating func addUncommitted() throws {
    for kind in [Manifest.Kind.rollouts, .scores, .updates] {
      let folder = buffer.folder(kind)
      for name in try Self.names(folder) where name.hasSuffix(".arrow") {
        guard !FileManager.default.fileExists(atPath: buffer.manifestPath(kind, name: name)) else { continue }
        let path = buffer.relative("\(folder)/\(name)")
        if let reason = busy("\(folder)/\(name)", lock: buffer.stagingPath("\(kind.rawValue)-\(name)")) {
          inUse.append(try item(path, reason))
        } else {
          removable.append(try item(path, "never committed: it has no manifest"))
        }
      }
    }
  }

  private mutating func addCheckpoints(_ index: Index, _ rule: KeepRule, _ cutLineage: Bool) throws {
    guard rule.keepLast != nil || rule.keepEvery != nil else { return }
    let outputs = try index.outputs()
    let checkpoints = outputs.values.filter { $0.kind == .checkpoint }.sorted { $0.step < $1.step }
    let kept = Set(checkpoints.suffix(max(1, rule.keepLast ?? 1)).map(\.path)).union(
      checkpoints.filter { checkpoint in rule.keepEvery.map { checkpoint.step % $0 == 0 } ?? false }.map(\.path))
    let superseded = checkpoints.filter { !kept.contains($0.path) }
    let candidates = Set(superseded.map(\.path))
    // An adapter is of no use without its model, whose lineage can be cut as little as itself.
    let lineage = try index.lineage().mapValues { cutLineage ? $0.filter { $0.role == "base" } : $0 }
    let heirs = Self.heirs(lineage, outputs.keys.filter { !candidates.contains($0) }.sorted())
    for checkpoint in superseded {
      if let heir = heirs[checkpoint.path] {
        needed.append(try item(checkpoint.path, heir + (cutLineage ? " is an adapter of it" : " descends from it")))
      } else {
        removable.append(try item(checkpoint.path, "superseded by a later checkpoint"))
      }
    }
  }

  /// For everything that the roots descend from, the root by which that was found.
  private static func heirs(_ lineage: [String: [LineageInput]], _ roots: [String]) -> [String: String] {
    var heirs: [String: String] = [:]
    for root in roots {
      var stack = [root]
      while let path = stack.popLast() {
        for output in (lineage[path] ?? []).compactMap(\.output) where heirs[output] == nil {
          heirs[output] = root
          stack.append(output)
        }
      }
    }
    return heirs
  }

  /// Removes what is removable. A checkpoint leaves by one rename into staging, so that no half of one is ever seen.
  ///
  /// - Returns: Bytes that became free.
  package func apply() throws -> Int {
    var bytes = 0
    for item in removable {
      var path = "\(buffer.root)/\(item.path)"
      if item.path.hasPrefix("checkpoints/") {
        let leaving = buffer.stagingPath("removed-" + (item.path.split(separator: "/").last ?? ""))
        try? FileManager.default.removeItem(atPath: leaving)
        try LocalFileSystem().replace(leaving, with: path)
        path = leaving
      }
      do { try FileManager.default.removeItem(atPath: path) } catch {
        guard FileManager.default.fileExists(atPath: path) else { continue }
        throw RollbookError(.io, place: path, "cannot remove it: \(error.localizedDescription)")
      }
      bytes += item.bytes
    }
    return bytes
  }
}
