import Formats
import Foundation

/// A disk that goes away at the Nth operation: nothing after it happens, and what is on the disk then depends on what
/// had been synced. Single-threaded tests only.
final class CrashingFileSystem: FileSystem, @unchecked Sendable {
  /// What is found when the machine is up again.
  enum Crash: CaseIterable, Sendable {
    /// The process was killed: everything done before is there.
    case kill
    /// Power failed: contents as of the last sync of each file, names as of the last sync of each folder.
    case power
    /// Power failed, and the disk had written names before contents, as some file systems do.
    case powerWithNames
  }

  private enum Entry {
    case file(UInt64)
    case folder(UInt64)
  }

  private let local = LocalFileSystem()
  private let root: String
  private let failing: Int
  private let crash: Crash
  private(set) var operations = 0
  /// Synced contents by inode, and synced entries by the inode of the folder.
  private var contents: [UInt64: Data] = [:]
  private var folders: [UInt64: [String: Entry]] = [:]

  /// - Parameters:
  ///   - root: What is there already counts as synced.
  ///   - failing: From 0; a negative number never fails.
  init(root: String, failing: Int = -1, _ crash: Crash = .kill) throws {
    self.root = root
    self.failing = failing
    self.crash = crash
    try record(folder: root, deep: true)
  }

  var hasCrashed: Bool { failing >= 0 && operations > failing }

  private func run<Result>(_ operation: () throws -> Result) throws -> Result {
    operations += 1
    guard !hasCrashed else { throw RollbookError(.io, place: root, "the power is off") }
    return try operation()
  }

  private static func inode(_ path: String) -> UInt64? {
    (try? FileManager.default.attributesOfItem(atPath: path))?[.systemFileNumber] as? UInt64
  }

  private func record(file path: String) {
    if let inode = Self.inode(path) { contents[inode] = FileManager.default.contents(atPath: path) }
  }

  private func record(folder path: String, deep: Bool = false) throws {
    guard let inode = Self.inode(path) else { return }
    folders[inode] = try entries(path)
    for case (let name, .folder) in folders[inode] ?? [:] where deep {
      try record(folder: "\(path)/\(name)", deep: true)
    }
    for case (let name, .file) in folders[inode] ?? [:] where deep { record(file: "\(path)/\(name)") }
  }

  private func entries(_ path: String) throws -> [String: Entry] {
    var found: [String: Entry] = [:]
    for name in try FileManager.default.contentsOfDirectory(atPath: path) {
      var isFolder: ObjCBool = false
      _ = FileManager.default.fileExists(atPath: "\(path)/\(name)", isDirectory: &isFolder)
      if let inode = Self.inode("\(path)/\(name)") { found[name] = isFolder.boolValue ? .folder(inode) : .file(inode) }
    }
    return found
  }

  /// Leaves in the folder what the crash leaves on the disk.
  func restart() throws {
    guard crash != .kill, hasCrashed else { return }
    if crash == .powerWithNames { try rename(folder: root) }
    let files = FileManager.default
    guard let inode = Self.inode(root) else { return }
    for name in try files.contentsOfDirectory(atPath: root) { try files.removeItem(atPath: "\(root)/\(name)") }
    try rebuild(root, inode)
  }

  /// Takes all names as synced, no contents.
  private func rename(folder path: String) throws {
    guard let inode = Self.inode(path) else { return }
    folders[inode] = try entries(path)
    for case (let name, .folder) in folders[inode] ?? [:] { try rename(folder: "\(path)/\(name)") }
  }

  private func rebuild(_ path: String, _ inode: UInt64) throws {
    for (name, entry) in folders[inode] ?? [:] {
      switch entry {
      case .file(let inode):
        try (contents[inode] ?? Data()).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
      case .folder(let inode):
        try FileManager.default.createDirectory(atPath: "\(path)/\(name)", withIntermediateDirectories: false)
        try rebuild("\(path)/\(name)", inode)
      }
    }
  }

  func open(_ path: String, keeping count: Int) throws -> OpenFile {
    try run {
      let isNew = !exists(path)
      let file = try local.open(path, keeping: count)
      if isNew, let inode = Self.inode(path) { contents[inode] = nil }
      return file
    }
  }

  func write(_ bytes: UnsafeRawBufferPointer, to file: OpenFile) throws {
    if operations == failing {
      try local.write(UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count / 2)]), to: file)
    }
    try run { try local.write(bytes, to: file) }
  }

  func sync(_ file: OpenFile) throws {
    try run {
      try local.sync(file)
      record(file: file.path)
    }
  }

  func close(_ file: OpenFile) throws {
    // The descriptor is gone in any case.
    try local.close(file)
    try run {}
  }

  func syncFile(_ path: String) throws {
    try run {
      try local.syncFile(path)
      record(file: path)
    }
  }

  func renameExclusively(_ path: String, to target: String) throws -> Bool {
    try run { try local.renameExclusively(path, to: target) }
  }

  func replace(_ target: String, with path: String) throws { try run { try local.replace(target, with: path) } }

  func syncFolder(_ path: String) throws {
    try run {
      try local.syncFolder(path)
      try record(folder: path)
    }
  }

  func remove(_ path: String) throws { try run { try local.remove(path) } }

  func createFolder(_ path: String) throws { try run { try local.createFolder(path) } }
}
