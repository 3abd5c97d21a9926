import Formats
import Foundation

/// A small buffer on disk, made through the real writers: what a run of a few steps would leave.
///
/// Rollouts: `groups` prompts of `samples` samples a step. Rewards of score set `main`: components `math` (0 or 1, all
/// equal in group 0) and `format`.
struct BufferFixture {
  let buffer: Buffer
  var groups = 3
  var samples = 4

  static func withFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("rollbook-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try body(folder)
  }

  static func withFolder<Result>(_ body: (String) async throws -> Result) async throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("rollbook-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try await body(folder)
  }

  init(_ folder: String) throws {
    buffer = try Buffer.open(path: folder + "/run", create: true)
  }

  func action(_ stage: String, key: String = "k") -> Manifest.Action {
    Manifest.Action(
      key: "xxh3-128:\(key)", stage: stage, parameters: ["temperature": "1"], seed: 1, policy: "xxh3-128:aa",
      code: .init(version: "0.1.0", commit: nil), kernels: "reference", threads: 2, host: "node1", pid: 7,
      scheduler: ["SLURM_JOB_ID": "12"], started: "2026-11-21T09:00:00.000Z", finished: "2026-11-21T09:00:10.000Z")
  }

  func rollout(step: Int, group: Int, sample: Int) -> Rollout {
    let prompt = "task-\(group)"
    let count = 2 + (group + sample + step) % 3
    let tokens = (0..<count).map { Int32(10 + $0 + sample) }
    return Rollout(
      id: .make(seed: 1, step: step, promptID: prompt, sample: sample, policy: "xxh3-128:aa"), step: step, group: group,
      sample: sample, promptID: prompt, task: "addition", messages: #"[{"role":"user","content":"1+1?"}]"#,
      promptText: "1+1?", promptTokens: [1, 2, 3], responseText: "answer \(sample)\u{1B}[31m", responseTokens: tokens,
      logprobs: tokens.map { -Float($0) / 16 }, finishReason: sample == 3 ? .length : .stop, answer: "2",
      policy: "xxh3-128:aa", policyStep: step, seed: 1)
  }

  func rollouts(step: Int) -> [Rollout] {
    (0..<groups).flatMap { group in (0..<samples).map { rollout(step: step, group: group, sample: $0) } }
  }

  @discardableResult
  func addRollouts(
    step: Int, part: Int = 0, rows: [Rollout]? = nil, inputs: [Manifest.Input]? = nil
  ) throws -> Manifest {
    let rows = rows ?? rollouts(step: step)
    let staged = buffer.stagingPath(.rollouts, step: step, part: part)
    let writer = try RolloutShardWriter(staging: staged)
    try writer.append(rows)
    try writer.finish()
    let tokens = rows.reduce(0) { $0 + $1.responseTokens.count }
    let manifest = Manifest(
      kind: .rollouts, name: Buffer.shardName(step: step, part: part), schemaVersion: 1, step: step, part: part,
      inputs: inputs ?? [.init(role: "policy", name: "checkpoints/\(Buffer.stepName(step))", digest: "xxh3-128:aa")],
      action: action("generate", key: "g\(step)"), summary: ["seconds": 2, "response_tokens": Double(tokens)])
    return try Publisher(buffer: buffer).publishShard(staged: staged, manifest: manifest).manifest
  }

  @discardableResult
  func addScores(step: Int, set: String = "main", part: Int = 0, bonus: Double = 0) throws -> Manifest {
    let rows = rollouts(step: step).map { rollout in
      let math = rollout.group == 0 ? 1.0 : Double(rollout.sample % 2)
      let format = rollout.sample == 0 ? 0.0 : 1.0
      return ScoreRow(
        rollout: rollout.id, step: step, promptID: rollout.promptID, sample: rollout.sample, reward: math + bonus,
        components: [math, format], extracted: "2")
    }
    let staged = buffer.stagingPath(.scores, step: step, part: part, set: set)
    let writer = try ScoreShardWriter(staging: staged, components: ["math", "format"])
    try writer.append(rows)
    try writer.finish()
    let manifest = Manifest(
      kind: .scores, name: Buffer.shardName(step: step, part: part, set: set), schemaVersion: 1, step: step, part: part,
      set: set,
      inputs: try buffer.manifests(.rollouts, step: step).map {
        .init(role: "rollouts", name: $0.name, digest: $0.digest)
      },
      action: action("score", key: "s\(step)"), summary: ["seconds": 1])
    return try Publisher(buffer: buffer).publishShard(staged: staged, manifest: manifest).manifest
  }

  @discardableResult
  func addUpdates(step: Int) throws -> Manifest {
    let rows = rollouts(step: step).map { rollout in
      let logprobs = rollout.logprobs ?? []
      return UpdateRow(
        rollout: rollout.id, step: step, promptID: rollout.promptID, sample: rollout.sample, reward: 1,
        advantages: logprobs.map { _ in 0.5 }, weights: logprobs.map { _ in 0.125 }, oldLogprobs: logprobs,
        behaviourLogprobs: logprobs, referenceLogprobs: logprobs.map { $0 + 0.25 }, logprobs: logprobs,
        ratios: logprobs.map { _ in 1 }, clips: logprobs.indices.map { Int8($0 == 0 ? 1 : 0) })
    }
    let staged = buffer.stagingPath(.updates, step: step, part: 0)
    let writer = try UpdateShardWriter(staging: staged)
    try writer.append(rows)
    try writer.finish()
    let manifest = Manifest(
      kind: .updates, name: Buffer.shardName(step: step, part: 0), schemaVersion: 1, step: step,
      action: action("train", key: "t\(step)"), summary: ["loss": .nan, "seconds": 4])
    return try Publisher(buffer: buffer).publishShard(staged: staged, manifest: manifest).manifest
  }

  @discardableResult
  func addCheckpoint(
    step: Int, files: [String: String] = ["config.json": "{}"], inputs: [Manifest.Input] = []
  ) throws -> Manifest {
    let staged = buffer.stagingPath("checkpoint-\(step)")
    try FileManager.default.createDirectory(atPath: staged, withIntermediateDirectories: true)
    for (name, text) in files { try Data(text.utf8).write(to: URL(fileURLWithPath: "\(staged)/\(name)")) }
    let manifest = Manifest(
      kind: .checkpoint, name: Buffer.stepName(step), schemaVersion: 1, step: step, inputs: inputs,
      action: action("train", key: "t\(step - 1)"), summary: ["seconds": 4])
    return try Publisher(buffer: buffer).publishFolder(staged: staged, manifest: manifest).manifest
  }

  func addMetrics(_ lines: String) throws {
    let path = buffer.metrics + "/metrics.jsonl"
    let old = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    try (old + lines + "\n").write(toFile: path, atomically: true, encoding: .utf8)
  }

  /// Rollouts, scores, updates and the checkpoint they lead to.
  func addStep(_ step: Int) throws {
    try addRollouts(step: step)
    try addScores(step: step)
    try addUpdates(step: step)
    try addCheckpoint(step: step + 1)
    try addMetrics(#"{"step":\#(step),"stage":"train","time":"2026-11-21T09:00:00.000Z","loss":0.5,"grad_norm":null}"#)
  }
}
