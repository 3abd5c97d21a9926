import Formats
import Foundation

/// A buffer of its own for an action to run in: the real one as it was when the action began, by links, so that
/// nothing of it can change. Removed with this object, unless it is kept.
final class RerunScratch {
  let buffer: Buffer
  private var isKept: Bool
  private let root: String

  /// - Parameters:
  ///   - keep: A folder that is not there yet; nil for a temporary one.
  ///   - later: Take in score sets that were made later, too, for a step that is to learn from another.
  init(_ real: Buffer, _ catalogue: ActionCatalogue, _ action: StoredAction, keep: String?, later: Bool) throws {
    isKept = keep != nil
    root = try Self.makeFolder(keep)
    do {
      for name in ["shards/rollouts", "shards/scores", "shards/updates", "checkpoints", "metrics", "staging"] {
        try FileManager.default.createDirectory(atPath: "\(root)/\(name)", withIntermediateDirectories: true)
      }
      try FileManager.default.copyItem(atPath: real.identityPath, toPath: "\(root)/rollbook.json")
      buffer = try Buffer.open(path: root, create: false)
      let named = Set(action.inputs.map(\.name))
      for manifest in catalogue.manifests
      where Self.belongs(manifest, to: action, named, path: real.relative(real.path(of: manifest)), later: later) {
        try link(real, manifest)
      }
    } catch {
      if !isKept { try? FileManager.default.removeItem(atPath: root) }
      throw error
    }
  }

  deinit {
    if !isKept { try? FileManager.default.removeItem(atPath: root) }
  }

  /// Removes it even if it was to be kept.
  func discard() { isKept = false }

  /// What was there when the action began. Clocks of several hosts need not agree, so what it names as its inputs and
  /// its step's rollouts are there in any case.
  private static func belongs(
    _ manifest: Manifest, to action: StoredAction, _ named: Set<String>, path: String, later: Bool
  ) -> Bool {
    if action.makes(manifest) { return false }
    if named.contains(path) || named.contains(manifest.name) && manifest.kind != .checkpoint { return true }
    if action.stage != "generate", manifest.kind == .rollouts, manifest.step == action.step { return true }
    if later, manifest.kind == .scores { return true }
    return manifest.action.finished <= action.action.started
  }

  private func link(_ real: Buffer, _ manifest: Manifest) throws {
    func link(_ target: String, _ path: String) throws {
      try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
    }
    let folder = URL(fileURLWithPath: real.folder(manifest.kind)).resolvingSymlinksInPath().path
    try link("\(folder)/\(manifest.name)", buffer.path(of: manifest))
    guard manifest.kind != .checkpoint else { return }
    let record = buffer.manifestPath(of: manifest)
    try link("\(folder)/\(record.split(separator: "/").last ?? "")", record)
  }

  private static func makeFolder(_ keep: String?) throws -> String {
    if let keep {
      guard !FileManager.default.fileExists(atPath: keep) else {
        throw RollbookError.usage("--keep: \(keep) is there already", hint: "give a folder that is not there yet")
      }
      do { try FileManager.default.createDirectory(atPath: keep, withIntermediateDirectories: true) } catch {
        throw RollbookError(.io, place: keep, "cannot be made: \(error.localizedDescription)")
      }
      return URL(fileURLWithPath: keep).standardized.path
    }
    var folder = NSTemporaryDirectory()
    while folder.utf8.count > 1, folder.hasSuffix("/") { folder.removeLast() }
    var template = Array("\(folder)/rollbook-rerun-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw RollbookError.system("make a temporary folder", folder, errno: errno)
    }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
