import Formats
import Foundation
import Pipeline

/// A rollout shard of an import with the score shards beside it, in staging until `publish`.
///
/// Scores wait in memory: which components there are is known with the last row only.
final class ImportedShard {
  private let buffer: Buffer
  private let stem: String
  let step: Int
  /// Score sets and their components, which all rows of ours have in common; empty for other people's.
  private let signature: [String]
  private let defaultSet: String
  private let action: Provenance
  private let writer: RolloutShardWriter
  private var rows: [(id: RolloutID, promptID: String, sample: Int)] = []
  private var sets: [(name: String, components: [String], scores: [Int: ExchangeScore])] = []
  private var bytes = 0
  private var tokens = (prompt: 0, response: 0, truncated: 0)
  private var scored = 0

  init(
    buffer: Buffer, stem: String, step: Int, signature: [String], set: String, action: Provenance
  ) throws {
    self.buffer = buffer
    self.stem = stem
    self.step = step
    self.signature = signature
    defaultSet = set
    self.action = action
    writer = try RolloutShardWriter(
      staging: buffer.stagingPath("\(stem).arrow"), metadata: ["rollbook.action": action.key], resume: false)
  }

  /// Rows of other sets or components go into another shard, so that an export says of each row what was said of it.
  static func signature(_ row: StoredRow, _ set: String) -> [String] {
    row.scores.map { ([$0.set ?? set] + $0.components.map(\.name)).joined(separator: "\u{0}") }
  }

  func takes(step: Int, _ signature: [String]) -> Bool {
    self.step == step && self.signature == signature && rows.count < FileImport.rowsPerShard
      && bytes < FileImport.bytesPerShard
  }

  /// Appends one whole group.
  func append(_ group: [StoredRow]) throws {
    try writer.append(group.map(\.rollout))
    for row in group {
      for score in row.scores { try add(score) }
      if row.scores.contains(where: { $0.reward != nil || !$0.components.isEmpty }) { scored += 1 }
      let rollout = row.rollout
      rows.append((rollout.id, rollout.promptID, rollout.sample))
      bytes += rollout.promptText.utf8.count + rollout.responseText.utf8.count
      bytes += 4 * rollout.promptTokens.count + 8 * rollout.responseTokens.count
      tokens.prompt += rollout.promptTokens.count
      tokens.response += rollout.responseTokens.count
      tokens.truncated += rollout.finishReason == .length ? 1 : 0
    }
  }

  /// The score of the row that is about to be counted.
  private func add(_ score: ExchangeScore) throws {
    let name = score.set ?? defaultSet
    let place = sets.firstIndex { $0.name == name } ?? sets.count
    if place == sets.count { sets.append((name, [], [:])) }
    for component in score.components where !sets[place].components.contains(component.name) {
      sets[place].components.append(component.name)
    }
    guard sets[place].components.count <= 1024 else {
      throw RollbookError.badInput(
        stem, "expected at most 1024 components in the rewards of a shard, found more")
    }
    sets[place].scores[rows.count] = score
  }

  func finish() throws { try writer.finish() }

  /// Removes what is still in staging.
  func discard() {
    let system = LocalFileSystem()
    try? system.remove(writer.path)
    for set in sets { try? system.remove(scorePath(set.name)) }
  }

  private func scorePath(_ set: String) -> String { buffer.stagingPath("\(stem)-\(set).arrow") }

  /// Publishes rollouts, then scores, as a part of the step that nobody has.
  ///
  /// - Returns: The manifest of the rollouts, and the names of the sets.
  func publish(
    tokenizer: String?, model: Manifest.Input?, shards: Int, skipped: Int
  ) throws -> (Manifest, [String]) {
    let publisher = Publisher(buffer: buffer)
    let digest = try Digest.file(writer.path)
    let part = try Self.part(buffer, step: step, key: action.key, digest: digest)
    var record = action.action()
    record.tokenizer = tokenizer
    let count = Double(max(rows.count, 1))
    let summary = [
      "prompt_tokens": Double(tokens.prompt), "response_tokens": Double(tokens.response),
      "response_length_mean": Double(tokens.response) / count, "truncated_share": Double(tokens.truncated) / count,
      "shards": Double(shards), "score_sets": Double(sets.count), "scored": Double(scored), "skipped": Double(skipped),
    ]
    let rollouts = try publisher.publishShard(
      staged: writer.path,
      manifest: Manifest(
        kind: .rollouts, name: Buffer.shardName(step: step, part: part), schemaVersion: 1, step: step, part: part,
        inputs: action.inputs + (model.map { [$0] } ?? []), action: record, summary: summary))
    for set in sets.indices { try publishScores(set, of: rollouts.manifest, publisher) }
    return (rollouts.manifest, sets.map(\.name))
  }

  private func publishScores(_ index: Int, of rollouts: Manifest, _ publisher: Publisher) throws {
    let set = sets[index]
    let inputs = [Manifest.Input(role: "rollouts", name: rollouts.name, digest: rollouts.digest)] + action.inputs
    let provenance = Provenance(
      "import", parameters: action.parameters.merging(["scores": set.name]) { $1 }, inputs: inputs, kernels: "none",
      threads: 1)
    let path = scorePath(set.name)
    let writer = try ScoreShardWriter(
      staging: path, components: set.components, metadata: ["rollbook.action": provenance.key], resume: false)
    var pending: [ScoreRow] = []
    var sum = 0.0
    var count = 0.0
    for (number, row) in rows.enumerated() {
      let score = set.scores[number]
      if let last = pending.last, last.promptID != row.promptID {
        try writer.append(pending)
        pending.removeAll(keepingCapacity: true)
      }
      pending.append(
        ScoreRow(
          rollout: row.id, step: step, promptID: row.promptID, sample: row.sample, reward: score?.reward,
          components: set.components.map { name in score?.components.first { $0.name == name }?.value },
          extracted: score?.extracted))
      if let reward = score?.reward { (sum, count) = (sum + reward, count + 1) }
    }
    if !pending.isEmpty { try writer.append(pending) }
    try writer.finish()
    let manifest = Manifest(
      kind: .scores, name: Buffer.shardName(step: step, part: rollouts.part, set: set.name), schemaVersion: 1,
      step: step, part: rollouts.part, set: set.name, inputs: inputs, action: provenance.action(),
      summary: count > 0 ? ["reward_mean": sum / count] : [:])
    _ = try publisher.publishShard(staged: path, manifest: manifest)
  }

  /// The part that an earlier attempt at this shard took, else the first that neither a shard has nor a `generate`
  /// is to make.
  private static func part(_ buffer: Buffer, step: Int, key: String, digest: String) throws -> Int {
    let manifests = try buffer.manifests(.rollouts, step: step)
    if let own = manifests.first(where: { $0.action.key == key }) { return own.part }
    var part = 0
    for manifest in manifests {
      part = max(part, manifest.part &+ 1, manifest.action.parameters["parts"].flatMap(Int.init) ?? 0)
    }
    while true {
      // A killed run leaves a shard without manifest: ours is completed, another's stays for its owner.
      let path = "\(buffer.rolloutsFolder)/\(Buffer.shardName(step: step, part: part))"
      guard FileManager.default.fileExists(atPath: path) else { return part }
      if try Digest.file(path) == digest { return part }
      part += 1
    }
  }
}
