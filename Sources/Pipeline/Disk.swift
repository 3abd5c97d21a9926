import Formats

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The few file operations that metrics need beyond `FileSystem`; shards and checkpoints go through `Publisher`.
enum Disk {
  private static let system = LocalFileSystem()

  static func makeFolder(_ path: String) throws { try system.createFolder(path) }

  /// The whole file; nil when there is none.
  static func contents(_ path: String) throws -> [UInt8]? {
    var status = stat()
    if stat(path, &status) != 0 && errno == ENOENT { return nil }
    return try MappedFile.contents(of: path)
  }

  /// Puts bytes after the first `count` bytes, where the file now ends, and waits until they are on the disk.
  static func append(_ bytes: [UInt8], to path: String, after count: Int) throws {
    try store(bytes, path, after: count)
    if count == 0 { try system.syncFolder(folder(of: path)) }
  }

  /// Gives a file new contents in one step: a hidden file beside it, synchronised, then renamed over it.
  static func replace(_ path: String, with bytes: [UInt8]) throws {
    let folder = folder(of: path)
    let temporary = "\(folder)/.\(path.dropFirst(folder.utf8.count + 1)).tmp"
    try store(bytes, temporary, after: 0)
    try system.replace(path, with: temporary)
    try system.syncFolder(folder)
  }

  private static func folder(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
  }

  private static func store(_ bytes: [UInt8], _ path: String, after count: Int) throws {
    let file = try system.open(path, keeping: count)
    do {
      try bytes.withUnsafeBytes { try system.write($0, to: file) }
      try system.sync(file)
    } catch {
      try? system.close(file)
      throw error
    }
    try system.close(file)
  }
}
