internal import Formats
internal import Model
internal import Objectives

extension TrainingData {
  /// Some examples in batches of at most `limit` rows; responses to a group's prompt share its one copy. The batches'
  /// `sequences` index `indices`.
  func packed(_ indices: [Int], _ recipe: Recipe, limit: Int) -> [PackedBatch] {
    PackedBatch.pack(
      indices.map { index in
        let example = examples[index]
        return PackedSequence(
          prompt: example.rollout.promptTokens, response: example.rollout.responseTokens, family: example.group,
          together: recipe.data == .pairs ? example.group : index)
      }, limit: limit, scored: recipe.needs.contains(.scores))
  }
}

extension Recipe {
  /// Those of some examples that have a share in the loss: the others need not be computed.
  func used(_ indices: [Int], _ step: Learner.Step) -> [Int] {
    let weights = weights(step.data, step.prepared, part: indices)
    if data == .pairs {
      let members = Set(weights.pairs.flatMap { [$0.chosen, $0.rejected] })
      return zip(indices, weights.perSequence).filter { index, weight in
        members.contains(index) || weight != 0 && step.data.responses[index].isDemonstration
      }.map(\.0)
    }
    return zip(indices, zip(weights.perSequence, weights.ofSequences)).filter { index, weights in
      (weights.0 != 0 || weights.1 != 0) && step.data.responses[index].trainedTokens > 0
    }.map(\.0)
  }
}
