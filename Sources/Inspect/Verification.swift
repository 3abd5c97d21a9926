package import Formats
import Foundation

/// Checks what a buffer holds against its manifests. Reads files only; the index is looked at last and never written.
package struct Verification {
  /// Something that is wrong: one line each, `place: what (what to do)`.
  package private(set) var problems: [String] = []
  /// What is worth knowing and not wrong: leftovers of killed or running stages.
  package private(set) var notes: [String] = []
  package private(set) var shards = 0
  package private(set) var checkpoints = 0
  package private(set) var rows = 0
  package private(set) var bytes = 0

  let buffer: Buffer
  let deep: Bool
  /// Digest by path relative to the buffer, of every output with a manifest.
  private var digests: [String: String] = [:]
  private var manifests: [Manifest] = []
  var rollouts: Set<RolloutID> = []

  private init(_ buffer: Buffer, deep: Bool) {
    self.buffer = buffer
    self.deep = deep
  }

  /// Verifies a buffer.
  ///
  /// - Parameters:
  ///   - deep: Decode every value, too, and check references between shards.
  ///   - progress: Called with outputs done and their number.
  /// - Throws: Only when the folders cannot be listed; everything else is a problem of the result.
  package static func run(
    _ buffer: Buffer, deep: Bool, progress: (_ done: Int, _ of: Int) -> Void = { _, _ in }
  ) throws -> Verification {
    var verification = Verification(buffer, deep: deep)
    // Rollouts first: scores and updates refer to them.
    var work: [(kind: Manifest.Kind, path: String)] = []
    for kind in [Manifest.Kind.rollouts, .scores, .updates, .checkpoint] {
      work += try buffer.manifestPaths(kind).map { (kind, $0) }
    }
    for (done, item) in work.enumerated() {
      progress(done, work.count)
      verification.collecting { try $0.check(item.kind, item.path) }
    }
    progress(work.count, work.count)
    try verification.checkStrays()
    verification.checkInputs()
    verification.checkTokenizer()
    verification.checkIndex()
    return verification
  }

  mutating func problem(_ place: String, _ message: String, hint: String? = nil) {
    problems.append(RollbookError(.badInput, place: place, message, hint: hint).description)
  }

  /// Runs a check whose errors are problems of the buffer.
  mutating func collecting(_ body: (inout Verification) throws -> Void) {
    do { try body(&self) } catch { problems.append("\(error)") }
  }

  private mutating func check(_ kind: Manifest.Kind, _ path: String) throws {
    let manifest = try Manifest.read(path)
    guard manifest.kind == kind, buffer.manifestPath(of: manifest) == path else {
      return problem(
        path,
        "expected the manifest of this \(kind.rawValue), found one of \(manifest.kind.rawValue) '\(manifest.name)'")
    }
    manifests.append(manifest)
    digests[buffer.relative(buffer.path(of: manifest))] = manifest.digest
    bytes += manifest.bytes
    if kind == .checkpoint {
      checkpoints += 1
      try checkCheckpoint(manifest)
    } else {
      shards += 1
      rows += manifest.rows
      try checkShard(manifest)
    }
  }

  /// Size and digest of a file against what its manifest says. False when there is no point in reading it.
  private mutating func checkFile(_ path: String, bytes: Int, digest: String) throws -> Bool {
    guard FileManager.default.fileExists(atPath: path) else {
      problem(
        path, "its manifest is there, the file is not",
        hint: "restore it from a copy, or delete the manifest and run the step again")
      return false
    }
    let size = try MappedFile(path: path).bytes.count
    guard size == bytes else {
      problem(path, "expected \(bytes) bytes, found \(size)", hint: "restore it from a copy")
      return false
    }
    let found = try Digest.file(path)
    guard found == digest else {
      problem(
        path, "expected \(digest), found \(found)", hint: "the file was changed or is damaged: restore it from a copy")
      return false
    }
    return true
  }

  private mutating func checkShard(_ manifest: Manifest) throws {
    let path = buffer.path(of: manifest)
    guard try checkFile(path, bytes: manifest.bytes, digest: manifest.digest) || deep else { return }
    guard FileManager.default.fileExists(atPath: path) else { return }
    let reader = try ArrowFileReader(path: path)
    if reader.rowCount != manifest.rows {
      problem(path, "expected \(manifest.rows) rows as its manifest says, found \(reader.rowCount)")
    }
    if reader.batchCount != manifest.batches {
      problem(path, "expected \(manifest.batches) batches as its manifest says, found \(reader.batchCount)")
    }
    if let columns = manifest.columns, columns != reader.schema.fields.map(\.name) {
      problem(
        path,
        "expected the columns that its manifest names, found "
          + reader.schema.fields.map(\.name).joined(separator: ", ")
      )
    }
    if deep { try checkRows(manifest, path) }
  }

  private mutating func checkCheckpoint(_ manifest: Manifest) throws {
    let folder = buffer.path(of: manifest)
    guard let files = manifest.files, !files.isEmpty else {
      return problem(folder, "expected its manifest to list files, found none")
    }
    for file in files {
      collecting { _ = try $0.checkFile("\(folder)/\(file.name)", bytes: file.bytes, digest: file.digest) }
    }
    if Publisher.digest(of: files) != manifest.digest {
      problem("\(folder)/manifest.json", "expected the digest of its list of files, found \(manifest.digest)")
    }
  }

  /// Shards without a manifest, and what lies in the staging folder.
  private mutating func checkStrays() throws {
    for kind in [Manifest.Kind.rollouts, .scores, .updates] {
      for name in try Self.names(buffer.folder(kind)) where name.hasSuffix(".arrow") && !name.hasPrefix(".") {
        guard !FileManager.default.fileExists(atPath: buffer.manifestPath(kind, name: name)) else { continue }
        problem(
          "\(buffer.folder(kind))/\(name)", "there is no manifest: its writer was killed before it could commit",
          hint: "run the stage again, which completes it; or delete it when nothing is running")
      }
    }
    for name in try Self.names(buffer.checkpoints) where !name.hasPrefix(".") {
      guard !FileManager.default.fileExists(atPath: "\(buffer.checkpoints)/\(name)/manifest.json") else { continue }
      problem(
        "\(buffer.checkpoints)/\(name)", "there is no manifest in it", hint: "it is not one of ours: move it away")
    }
    for name in try Self.names(buffer.staging) where !name.hasSuffix(".lock") {
      notes.append(
        "\(buffer.staging)/\(name): left by a stage that runs or was stopped; the next run of it resumes or replaces it"
      )
    }
  }

  private static func names(_ folder: String) throws -> [String] {
    guard FileManager.default.fileExists(atPath: folder) else { return [] }
    return try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
  }

  /// What an action read from this buffer is still what it was.
  private mutating func checkInputs() {
    for manifest in manifests {
      for input in manifest.inputs {
        // Shards only, by path or by role and name: of a checkpoint, inputs give the digest of its weights.
        let shard = input.name.hasPrefix("shards/") ? input.name : "shards/\(input.role)/\(input.name)"
        guard let found = digests[shard], found != input.digest else { continue }
        problem(
          buffer.manifestPath(of: manifest),
          "made from \(input.name) with digest \(input.digest), which now has \(found)")
      }
    }
  }

  private mutating func checkTokenizer() {
    collecting { verification in
      guard let bound = try verification.buffer.tokenizer() else { return }
      for manifest in verification.manifests {
        guard let used = manifest.action.tokenizer, used != bound else { continue }
        verification.problem(
          verification.buffer.manifestPath(of: manifest), "made with the tokenizer \(used), the buffer has \(bound)")
      }
    }
  }

  /// A damaged index is a problem with an easy way out; one that is missing or behind is none, and neither is one whose
  /// writer was killed: its journal is played back by the next command that may write.
  private mutating func checkIndex() {
    guard !FileManager.default.fileExists(atPath: buffer.indexPath + "-journal") else {
      notes.append("\(buffer.indexPath): its writer runs or was stopped; the next command that uses it puts it right")
      return
    }
    let deep = deep
    collecting { verification in
      for found in try Index.problems(verification.buffer, deep: deep) {
        verification.problem(
          verification.buffer.indexPath, found, hint: "run 'rollbook reindex \(verification.buffer.root)'")
      }
    }
  }
}
