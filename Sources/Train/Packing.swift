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
  /// Those of some examples that have a share in the loss: the others need not be computed. Where a recipe has left all
  /// rollouts out (one-sided groups, rewards that are all equal), all of them: the gradient is 0, and a loop goes on.
  func used(_ indices: [Int], _ step: Learner.Step) -> [Int] {
    let weights = weights(step.data, step.prepared, part: indices)
    if data == .pairs {
      let members = Set(weights.pairs.flatMap { [$0.chosen, $0.rejected] })
      return zip(indices, weights.perSequence).filter { index, weight in
        members.contains(index) || weight != 0 && step.data.responses[index].isDemonstration
      }.map(\.0)
    }
    let trained = zip(indices, zip(weights.perSequence, weights.ofSequences)).filter { index, _ in
      step.data.responses[index].trainedTokens > 0
    }
    let used = trained.filter { $1.0 != 0 || $1.1 != 0 }
    return (used.isEmpty && data == .rollouts ? trained : used).map(\.0)
  }
}
