import Formats
import Foundation

/// Rows that differ in every field, some of it empty, absent or beyond ASCII. The same index gives the same rollout.
func sampleRollout(_ index: Int, groupSize: Int = 4, tokens: Int? = nil) -> Rollout {
  let group = index / groupSize
  let sample = index % groupSize
  let count = tokens ?? (index * 7) % 23
  let response = (0..<count).map { Int32(($0 * 31 + index * 17) % 49152) }
  return Rollout(
    id: .make(seed: 5, step: 2, promptID: "prompt-\(group)", sample: sample, policy: "xxh3-128:ab"), step: 2,
    group: group, sample: sample, kind: index % 5 == 4 ? "demonstration" : "sample", promptID: "prompt-\(group)",
    task: index % 3 == 0 ? nil : "addition", messages: index % 2 == 0 ? #"[{"role":"user","content":"é 🙂"}]"# : nil,
    promptText: "What is \(group) + 1?", promptTokens: (0..<5).map { Int32($0 + group) },
    responseText: index % 4 == 3 ? "" : "It is \(group + 1) … \u{0}", responseTokens: response,
    logprobs: index % 6 == 5 ? nil : response.map { -Float($0) / 1024 },
    responseMask: index % 3 == 1 ? response.map { $0 % 2 == 0 } : nil,
    finishReason: FinishReason.allCases[index % FinishReason.allCases.count], answer: index % 7 == 0 ? nil : "\(group)",
    meta: index % 4 == 1 ? #"{"level":3}"# : nil, policy: "xxh3-128:ab", policyStep: index % 2 == 0 ? 2 : nil,
    seed: -index)
}

func sampleRollouts(_ count: Int, groupSize: Int = 4) -> [Rollout] {
  (0..<count).map { sampleRollout($0, groupSize: groupSize) }
}

/// An action with every field set.
let sampleAction = Manifest.Action(
  key: "xxh3-128:cd", stage: "generate", parameters: ["temperature": "1", "group-size": "4"], seed: 7,
  policy: "xxh3-128:ab", tokenizer: "xxh3-128:ef", code: .init(version: "0.1.0", commit: "abc"), kernels: "oneDNN",
  threads: 2, host: "node1", pid: 99, scheduler: ["SLURM_JOB_ID": "12"], started: "2026-11-21T10:00:00Z",
  finished: "2026-11-21T10:01:00Z")

func sampleManifest(_ kind: Manifest.Kind = .rollouts, step: Int = 2, part: Int = 0, set: String? = nil) -> Manifest {
  let name = kind == .checkpoint ? Buffer.stepName(step) : Buffer.shardName(step: step, part: part, set: set)
  return Manifest(
    kind: kind, name: name, schemaVersion: 1, step: step, part: part, set: set,
    inputs: [.init(role: "prompts", name: "prompts.jsonl", digest: "xxh3-128:01")], action: sampleAction,
    summary: ["length_mean": 11.5])
}

/// Writes rollouts as a finished staging file, group by group.
@discardableResult
func writeRollouts(_ rows: [Rollout], to path: String, metadata: [String: String] = [:]) throws -> String {
  let writer = try RolloutShardWriter(staging: path, metadata: metadata, resume: false)
  try writer.append(rows)
  try writer.finish()
  return path
}

/// Puts other bytes into a file, without first cutting it to nothing: some file systems wait for the disk after that.
func overwrite(_ path: String, _ bytes: [UInt8]) throws {
  if !exists(path) { _ = FileManager.default.createFile(atPath: path, contents: nil) }
  let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
  try file.write(contentsOf: Data(bytes))
  try file.truncate(atOffset: UInt64(bytes.count))
  try file.close()
}

func exists(_ path: String) -> Bool {
  FileManager.default.fileExists(atPath: path)
}

/// Whether `body` ends without an error. Any error but ours is rethrown, so that a test fails.
func succeeds(_ body: () throws -> Void) throws -> Bool {
  do {
    try body()
    return true
  } catch is RollbookError {
    return false
  }
}

/// A file system whose Nth operation fails. Single-threaded tests only.
final class FailingFileSystem: FileSystem, @unchecked Sendable {
  /// What becomes of the operation that fails.
  enum Failure: CaseIterable, Sendable {
    /// Nothing of it happened; of a write, half did.
    case before
    /// It happened, and an error is reported all the same, as over a network.
    case after
  }

  private let local = LocalFileSystem()
  private let failing: Int
  private let failure: Failure
  /// The operations so far, by name.
  private(set) var operations: [String] = []

  /// - Parameter failing: From 0; a negative number never fails.
  init(failing: Int = -1, _ failure: Failure = .before) {
    self.failing = failing
    self.failure = failure
  }

  private func run<Result>(_ name: String, _ operation: () throws -> Result) throws -> Result {
    operations.append(name)
    guard operations.count - 1 == failing else { return try operation() }
    if failure == .after { _ = try operation() }
    throw RollbookError(.io, place: name, "made to fail")
  }

  func open(_ path: String, keeping count: Int) throws -> OpenFile {
    try run("open") { try local.open(path, keeping: count) }
  }

  func write(_ bytes: UnsafeRawBufferPointer, to file: OpenFile) throws {
    if operations.count == failing && failure == .before {
      try local.write(UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count / 2)]), to: file)
    }
    try run("write") { try local.write(bytes, to: file) }
  }

  func sync(_ file: OpenFile) throws { try run("sync") { try local.sync(file) } }

  func close(_ file: OpenFile) throws {
    // The descriptor is gone in any case.
    try local.close(file)
    try run("close") {}
  }

  func syncFile(_ path: String) throws { try run("syncFile") { try local.syncFile(path) } }

  func renameExclusively(_ path: String, to target: String) throws -> Bool {
    try run("rename") { try local.renameExclusively(path, to: target) }
  }

  func replace(_ target: String, with path: String) throws {
    try run("replace") { try local.replace(target, with: path) }
  }

  func syncFolder(_ path: String) throws { try run("syncFolder") { try local.syncFolder(path) } }
  func remove(_ path: String) throws { try run("remove") { try local.remove(path) } }
  func createFolder(_ path: String) throws { try run("createFolder") { try local.createFolder(path) } }
}
