import Foundation

/// A run's directory (docs/format.md). Files are the truth; the index beside them can be rebuilt.
package struct Buffer: Equatable, Sendable {
  /// The layout that this code writes; newer ones are refused.
  package static let currentFormat = 1

  /// The directory, as given, without a slash at its end.
  package let root: String
  /// Drawn at random when the buffer was made: 32 hex digits.
  package let id: String
  /// A folder for the index on another, local file system; nil for the buffer itself. Many buffers may share it.
  private let separateIndexFolder: String?

  package var identityPath: String { "\(root)/rollbook.json" }
  package var rolloutsFolder: String { "\(root)/shards/rollouts" }
  package var scoresFolder: String { "\(root)/shards/scores" }
  package var updatesFolder: String { "\(root)/shards/updates" }
  package var checkpoints: String { "\(root)/checkpoints" }
  package var metrics: String { "\(root)/metrics" }
  package var staging: String { "\(root)/staging" }

  /// Opens a buffer.
  ///
  /// - Parameters:
  ///   - create: Make it, and any folder missing in it, if need be.
  ///   - indexFolder: Where the index is kept, when not in the buffer itself: for buffers on network file systems.
  /// - Throws: `RollbookError` `missing` when there is none, `badInput` for a damaged or newer one, `io`.
  package static func open(
    path: String, create: Bool, indexFolder: String? = nil, fileSystem: any FileSystem = LocalFileSystem()
  ) throws -> Buffer {
    let root = root(path)
    if create {
      for folder in ["shards/rollouts", "shards/scores", "shards/updates", "checkpoints", "metrics", "staging"] {
        try fileSystem.createFolder("\(root)/\(folder)")
      }
    }
    let identityPath = "\(root)/rollbook.json"
    if create, !FileManager.default.fileExists(atPath: identityPath) {
      let text = try Self.identity(id: randomID(), tokenizer: nil)
      // Of two processes that create one buffer, the first to rename names it for both.
      _ = try AtomicFile.create(identityPath, text, staging: "\(root)/staging", fileSystem)
    }
    guard FileManager.default.fileExists(atPath: identityPath) else {
      throw RollbookError.missing(
        root, "expected a Rollbook buffer, which has a rollbook.json, found none",
        hint: "check --buffer; `rollbook generate` and `rollbook import` make new ones")
    }
    return Buffer(root: root, id: try readIdentity(identityPath).id, indexFolder: indexFolder)
  }

  /// Opens a buffer whose `rollbook.json` may be damaged, for whoever wants to know what else is: its `id` is then
  /// empty, and `tokenizer` throws.
  ///
  /// - Throws: `RollbookError` `missing` when there is none.
  package static func openUnverified(path: String, indexFolder: String? = nil) throws -> Buffer {
    do { return try open(path: path, create: false, indexFolder: indexFolder) } catch let error as RollbookError where error.code == .badInput {
      return Buffer(root: root(path), id: "", indexFolder: indexFolder)
    }
  }

  private static func root(_ path: String) -> String {
    var root = path
    while root.utf8.count > 1, root.hasSuffix("/") { root.removeLast() }
    return root
  }

  private init(root: String, id: String, indexFolder: String?) {
    self.root = root
    self.id = id
    separateIndexFolder = indexFolder
  }

  private static func randomID() -> String {
    var generator = SystemRandomNumberGenerator()
    return Digest.hex((0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) })
  }

  private static func identity(id: String, tokenizer: String?) throws -> String {
    var object = JSONObject()
    object["format"] = .int(currentFormat)
    object["id"] = .string(id)
    object["tokenizer"] = tokenizer.map { .string($0) }
    return try SealedJSON.text(object)
  }

  private static func readIdentity(_ path: String) throws -> (id: String, tokenizer: String?) {
    let json = try SealedJSON.read(path)
    guard let format = json["format"]?.int, let id = json["id"]?.string, !id.isEmpty else {
      throw RollbookError.badInput(path, "expected \"format\" and \"id\" of a Rollbook buffer, found neither or one")
    }
    guard format <= currentFormat else {
      throw RollbookError.badInput(
        path, "expected a buffer of format \(currentFormat) or older, found \(format)",
        hint: "a newer Rollbook made it: update this one")
    }
    return (id, json["tokenizer"]?.string)
  }
}

extension Buffer {
  /// The folder of the index.
  package var indexFolder: String { separateIndexFolder ?? root }
  /// `index.sqlite`, or under another folder `BUFFER-ID.sqlite`.
  package var indexPath: String { "\(indexFolder)/\(separateIndexFolder == nil ? "index" : id).sqlite" }
  /// The digest of the index's bytes, absent while it is written.
  package var indexDigestPath: String { indexPath + ".xxh3" }
  /// Where a new index is made, on the file system of the old one.
  var indexStagingPath: String { separateIndexFolder == nil ? stagingPath("index.sqlite") : indexPath + ".new" }
  /// The lock of whoever writes it.
  var indexLockPath: String { separateIndexFolder == nil ? stagingPath("index.lock") : indexPath + ".lock" }
}

extension Buffer {
  /// The digest of the tokenizer whose ids the shards hold; nil until the first stage has bound one.
  package func tokenizer() throws -> String? {
    try Self.readIdentity(identityPath).tokenizer
  }

  /// Binds the buffer to a tokenizer, or checks that it is the one bound before.
  ///
  /// - Throws: `RollbookError` `badInput` (65) when another is bound: its ids would mean other text.
  package func bindTokenizer(_ digest: String, fileSystem: any FileSystem = LocalFileSystem()) throws {
    if try matches(digest) { return }
    let lock = try StagingLock(path: "\(staging)/rollbook.json.lock", wait: true)
    defer { lock.release() }
    if try matches(digest) { return }
    let text = try Self.identity(id: id, tokenizer: digest)
    try AtomicFile.replace(identityPath, text, staging: staging, fileSystem)
  }

  /// True if `digest` is bound, false if nothing is.
  private func matches(_ digest: String) throws -> Bool {
    guard let bound = try tokenizer() else { return false }
    guard bound == digest else {
      throw RollbookError.badInput(
        identityPath, "expected the tokenizer \(bound) that this buffer's token ids belong to, found \(digest)",
        hint: "use a model with the same tokenizer, or another --buffer")
    }
    return true
  }
}
