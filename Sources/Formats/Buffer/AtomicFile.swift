import Foundation

/// Small text files that appear whole or not at all.
enum AtomicFile {
  /// Writes `text` to `path` unless something is there.
  ///
  /// - Parameter staging: A folder on the same file system for the unfinished file.
  /// - Returns: False when the path was taken.
  static func create(_ path: String, _ text: String, staging: String, _ fileSystem: any FileSystem) throws -> Bool {
    try write(path, text, staging, fileSystem) { try fileSystem.renameExclusively($0, to: path) }
  }

  /// Writes `text` over what is at `path`.
  static func replace(_ path: String, _ text: String, staging: String, _ fileSystem: any FileSystem) throws {
    _ = try write(path, text, staging, fileSystem) {
      try fileSystem.replace(path, with: $0)
      return true
    }
  }

  private static func write(
    _ path: String, _ text: String, _ staging: String, _ fileSystem: any FileSystem, rename: (String) throws -> Bool
  ) throws -> Bool {
    let token = UInt64.random(in: 0...UInt64.max)
    let name = path.split(separator: "/").last.map(String.init) ?? "file"
    let staged = "\(staging)/\(name).\(String(token, radix: 16)).tmp"
    do {
      try writeThrough(staged, text, fileSystem)
      let renamed = try rename(staged)
      if !renamed { try fileSystem.remove(staged) }
      try fileSystem.syncFolder(parent(of: path))
      return renamed
    } catch {
      try? fileSystem.remove(staged)
      throw error
    }
  }

  /// Writes, waits for the disk, and closes with its errors checked.
  static func writeThrough(_ path: String, _ text: String, _ fileSystem: any FileSystem) throws {
    let file = try fileSystem.open(path, keeping: 0)
    do {
      var text = text
      try text.withUTF8 { try fileSystem.write(UnsafeRawBufferPointer($0), to: file) }
      try fileSystem.sync(file)
    } catch {
      try? fileSystem.close(file)
      throw error
    }
    try fileSystem.close(file)
  }

  static func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}
