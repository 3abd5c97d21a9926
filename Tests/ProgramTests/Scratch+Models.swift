import Formats
import Foundation
import Testing

/// What tests of rewards that models compute share.
extension Scratch {
  /// Scores step 0 and returns its first component, row by row.
  @discardableResult
  func modelScores(
    _ rewards: [String], set: String = "main", _ flags: String..., at location: SourceLocation = #_sourceLocation
  ) throws -> [ScoreRow] {
    try run(
      "rollbook-score",
      ["--buffer", buffer, "--step", "0", "--scores", set] + rewards.flatMap { ["--reward", $0] } + flags
    ).expect(at: location)
    return try storedScores(set)
  }

  /// Of all shards of step 0, in order.
  func storedScores(_ set: String) throws -> [ScoreRow] {
    try names("shards/scores").filter { $0.hasPrefix("\(set)-") && $0.hasSuffix(".arrow") }
      .flatMap { try ScoreShardReader(path: path("shards/scores/\($0)")).rows() }
  }

  func allRollouts() throws -> [Rollout] {
    try names("shards/rollouts").filter { $0.hasSuffix(".arrow") }
      .flatMap { try RolloutShardReader(path: path("shards/rollouts/\($0)")).rows() }
  }

  func refuseReward(
    _ code: Int32, _ reward: String, _ words: [String], at location: SourceLocation = #_sourceLocation,
    before prepare: () throws -> Void = {}
  ) throws {
    try prepare()
    let outcome = try run(
      "rollbook-score", ["--buffer", buffer, "--step", "0", "--scores", "refused", "--reward", reward])
    outcome.expect(code, at: location)
    for word in words { #expect(outcome.errors.contains(word), "\(outcome)", sourceLocation: location) }
    #expect(!names("shards/scores").contains { $0.hasPrefix("refused") }, sourceLocation: location)
  }

  /// A classifier as Hugging Face saves one, of the policy's own size and tokenizer: noise, and no bias.
  func classifier(_ name: String, labels: Int = 1, _ change: (JSON) -> JSON = { $0 }) throws -> String {
    let folder = "\(self.folder)/\(name)", policy = path("checkpoints/step-000000")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    for file in ["tokenizer.json", "tokenizer_config.json"] {
      try FileManager.default.copyItem(atPath: "\(policy)/\(file)", toPath: "\(folder)/\(file)")
    }
    let config = try change(
      JSON.parse(contentsOf: "\(policy)/config.json")
        .with("architectures", ["LlamaForSequenceClassification"]).with("tie_word_embeddings", false)
        .with("pad_token_id", .null))
    try config.serialized().write(toFile: "\(folder)/config.json", atomically: false, encoding: .utf8)
    let source = try Safetensors(path: "\(policy)/model.safetensors")
    let writer = try SafetensorsWriter(
      path: "\(folder)/model.safetensors",
      tensors: source.tensors.map { .init(name: $0.name, shape: $0.shape) }
        + [.init(name: "score.weight", shape: [labels, 64])])
    for tensor in source.tensors { try writer.append(tensor.name, source.read(tensor.name)) }
    try writer.append("score.weight", (0..<64 * labels).map { Float(($0 * 37 + 11) % 64) / 32 - 1 })
    try writer.finish()
    return folder
  }
}
