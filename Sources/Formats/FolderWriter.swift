import Foundation

/// A folder of files that appears under its name when it is complete, by one rename, and not before.
///
/// Written beside the target as `NAME.RANDOM.tmp`, which goes away with this object unless it was published.
package final class FolderWriter {
  package let target: String
  private let staged: String
  private let system = LocalFileSystem()
  private var isPublished = false

  /// - Throws: `RollbookError` `usage` if something is at the target already, `io`.
  package init(_ target: String) throws {
    var target = target
    while target.utf8.count > 1, target.hasSuffix("/") { target.removeLast() }
    self.target = target
    staged = "\(target).\(String(UInt64.random(in: 0...UInt64.max), radix: 16)).tmp"
    guard !Self.isThere(target) else { throw Self.occupied(target) }
    try system.createFolder(staged)
  }

  deinit {
    if !isPublished { try? FileManager.default.removeItem(atPath: staged) }
  }

  /// Writes a file and waits until it is on the disk.
  /// - Parameter name: A plain file name.
  package func writeFile(_ name: String, _ bytes: [UInt8]) throws {
    let file = try system.open("\(staged)/\(name)", keeping: 0)
    do {
      try bytes.withUnsafeBytes { try system.write($0, to: file) }
      try system.sync(file)
    } catch {
      try? system.close(file)
      throw error
    }
    try system.close(file)
  }

  /// Writes a safetensors file, whose tensors `body` appends in their order.
  package func writeTensors(
    _ name: String, _ tensors: [SafetensorsWriter.Tensor], _ body: (SafetensorsWriter) throws -> Void
  ) throws {
    let writer = try SafetensorsWriter(path: "\(staged)/\(name)", tensors: tensors)
    try body(writer)
    _ = try writer.finish()
  }

  /// Renames the folder to its name.
  /// - Throws: `RollbookError` `usage` if something has appeared there meanwhile, `io`.
  package func publish() throws {
    try system.syncFolder(staged)
    // rename(2) would replace an empty folder.
    guard !Self.isThere(target), try system.renameExclusively(staged, to: target) else { throw Self.occupied(target) }
    isPublished = true
    try system.syncFolder(URL(fileURLWithPath: target).deletingLastPathComponent().path)
  }

  private static func isThere(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
  }

  private static func occupied(_ path: String) -> RollbookError {
    .usage("\(path) is there already", hint: "give a folder that is not there yet, or remove it first")
  }
}
