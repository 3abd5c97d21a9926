internal import Formats
internal import Model

extension TrainingData {
  /// Some examples in batches of at most `limit` rows; responses to a group's prompt share its one copy. The batches'
  /// `sequences` index `indices`.
  func packed(_ indices: [Int], limit: Int) -> [PackedBatch] {
    PackedBatch.pack(
      indices.map {
        let rollout = examples[$0].rollout
        return PackedSequence(
          prompt: rollout.promptTokens, response: rollout.responseTokens, family: examples[$0].group, together: $0)
      }, limit: limit)
  }
}
