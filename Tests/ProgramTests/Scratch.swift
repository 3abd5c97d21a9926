import Formats
import Foundation
import TestSupport
import Testing

/// A temporary folder with a run in it, removed with this object.
///
/// The run is the sorting example: a model of 115,136 weights, for which every stage takes a fraction of a second.
final class Scratch {
  let folder: String
  /// The buffer that the helpers below use.
  var buffer: String
  private var runs = 0

  static let example = projectFolder + "/examples/sort"
  static let prompts = example + "/train.jsonl"

  /// - Parameter inMemory: Where the system has a place for that: waiting for a disk costs most of the time otherwise.
  init(inMemory: Bool = false) throws {
    let isThere = inMemory && FileManager.default.isWritableFile(atPath: "/dev/shm")
    var template = Array(((isThere ? "/dev/shm" : NSTemporaryDirectory()) + "/rollbook-test-XXXXXX").utf8CString)
    guard mkdtemp(&template) != nil else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
    folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    buffer = folder + "/run"
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// Starts a program, by its name or by its path.
  func start(_ program: String, _ arguments: [String], environment: [String: String] = [:]) throws -> Running {
    runs += 1
    let executable = program.hasPrefix("/") ? program : Programs.path(program)
    return try Running(
      executable, arguments, folder: folder, output: "\(folder)/output-\(runs)", environment: environment)
  }

  func run(_ program: String, _ arguments: [String], environment: [String: String] = [:]) throws -> Outcome {
    try start(program, arguments, environment: environment).wait()
  }

  /// `rollbook VERB BUFFER …`
  func rollbook(_ verb: String, _ arguments: String...) throws -> Outcome {
    try run("rollbook", [verb, buffer] + arguments)
  }

  /// Writes a file into the folder and returns its path.
  func file(_ name: String, _ text: String) throws -> String {
    let path = "\(folder)/\(name)"
    try text.write(toFile: path, atomically: false, encoding: .utf8)
    return path
  }

  /// A second buffer with the same contents.
  func copy(_ name: String) throws -> String {
    let path = "\(folder)/\(name)"
    try FileManager.default.copyItem(atPath: buffer, toPath: path)
    return path
  }
}

/// The stages with flags that suit the tiny model; flags given here come last and so win.
extension Scratch {
  @discardableResult
  func initialise(seed: Int = 1, at location: SourceLocation = #_sourceLocation) throws -> Outcome {
    try run(
      "rollbook-train",
      ["--buffer", buffer, "--step", "0", "--init", Self.example + "/config.json", "--seed", "\(seed)", "--quiet"]
    ).expect(at: location)
  }

  func generateArguments(_ step: Int, _ flags: [String]) -> [String] {
    [
      "--buffer", buffer, "--step", "\(step)", "--model", "latest", "--prompts", Self.prompts, "--prompts-per-step",
      "8", "--group-size", "4", "--max-new-tokens", "8", "--seed", "1",
    ] + flags
  }

  func generate(_ step: Int, _ flags: String...) throws -> Outcome {
    try run("rollbook-generate", generateArguments(step, flags))
  }

  func score(_ step: Int, _ flags: String...) throws -> Outcome {
    let rewards = ["--reward", "sort-positions=1", "--reward", "sort-neighbours=1"]
    return try run("rollbook-score", ["--buffer", buffer, "--step", "\(step)"] + rewards + flags)
  }

  func trainArguments(_ step: Int, _ flags: [String]) -> [String] {
    ["--buffer", buffer, "--step", "\(step)", "--seed", "1", "--lr", "3e-3"] + flags
  }

  func train(_ step: Int, _ flags: String...) throws -> Outcome {
    try run("rollbook-train", trainArguments(step, flags))
  }

  /// A run whose step 0 is sampled and scored.
  func prepare(_ flags: String..., at location: SourceLocation = #_sourceLocation) throws {
    try initialise(at: location)
    try run("rollbook-generate", generateArguments(0, flags)).expect(at: location)
    try score(0).expect(at: location)
  }
}

/// What is on the disk.
extension Scratch {
  func path(_ relative: String) -> String { "\(buffer)/\(relative)" }

  func exists(_ relative: String) -> Bool { FileManager.default.fileExists(atPath: path(relative)) }

  func names(_ relative: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: path(relative))) ?? []).sorted()
  }

  /// Digest by path of every file of a folder but lock files, which name their last holder.
  func digests(_ relative: String = "") throws -> [String: String] {
    let root = relative.isEmpty ? buffer : path(relative)
    var found: [String: String] = [:]
    for name in FileManager.default.enumerator(atPath: root)?.compactMap({ $0 as? String }) ?? [] {
      let file = "\(root)/\(name)"
      var isFolder: ObjCBool = false
      guard FileManager.default.fileExists(atPath: file, isDirectory: &isFolder), !isFolder.boolValue,
        !name.hasSuffix("lock")
      else { continue }
      found[name] = try Digest.file(file)
    }
    return found
  }

  /// The digests of what a run consists of: shards, weights and optimizer states; not manifests, which hold times.
  func results() throws -> [String: String] {
    try digests().filter { name, _ in
      !name.hasPrefix("staging/") && (name.hasSuffix(".arrow") || name.hasSuffix(".safetensors"))
    }
  }

  func shardName(_ step: Int, _ part: Int = 0) -> String { Buffer.shardName(step: step, part: part) }

  func rolloutShard(_ step: Int, _ part: Int = 0) -> String { "shards/rollouts/\(shardName(step, part))" }

  func rollouts(_ step: Int, _ part: Int = 0) throws -> [Rollout] {
    try RolloutShardReader(path: path(rolloutShard(step, part))).rows()
  }

  func scores(_ step: Int, set: String = "main") throws -> [ScoreRow] {
    try ScoreShardReader(path: path("shards/scores/\(Buffer.shardName(step: step, part: 0, set: set))")).rows()
  }

  func updates(_ step: Int) throws -> [UpdateRow] {
    try UpdateShardReader(path: path("shards/updates/\(shardName(step))")).rows()
  }

  func manifest(_ relative: String) throws -> Manifest { try Manifest.read(path(relative)) }

  func checkpointManifest(_ step: Int) throws -> Manifest {
    try manifest("checkpoints/\(Buffer.stepName(step))/manifest.json")
  }

  /// Size of a file, 0 where there is none.
  func size(_ relative: String) -> Int {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path(relative))
    return (attributes?[.size] as? Int) ?? 0
  }

  /// Turns around all bits of one byte.
  func flipByte(_ relative: String, at offset: Int) throws {
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: path(relative)))
    try file.seek(toOffset: UInt64(offset))
    let byte = try #require(try file.read(upToCount: 1)?.first)
    try file.seek(toOffset: UInt64(offset))
    try file.write(contentsOf: Data([~byte]))
    try file.close()
  }

  /// Whether forward products give a row the same bits in every batch here, as the manifests record it.
  func isBatchInvariant() throws -> Bool {
    let kernels = try manifest(rolloutShard(0).replacing(".arrow", with: ".json")).action.kernels
    return kernels.contains("batch-invariant") && !kernels.contains("not batch-invariant")
  }
}
