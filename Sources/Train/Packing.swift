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

/// One minibatch as it is computed.
struct Minibatch {
  /// Its examples that have a share in the loss.
  let indices: [Int]
  /// Of these, in their order, with means over all of the minibatch.
  let weights: StepWeights
  let batches: [PackedBatch]

  init(_ data: TrainingData, _ part: [Int], _ recipe: Recipe, _ step: Learner.Step, limit: Int) {
    let places = recipe.places(part, step)
    indices = places.map { part[$0] }
    batches = data.packed(indices, recipe, limit: limit)
    let microBatches = batches.map { $0.sequences.map { places[$0] } }
    weights = recipe.weights(step.data, step.prepared, part: part, microBatches: microBatches).of(places)
  }
}

extension Recipe {
  /// Places in `part` of the examples that have a share in the loss: the others need not be computed. Where a recipe has
  /// left all rollouts out (one-sided groups, rewards that are all equal), all of them: the gradient is 0, and a loop
  /// goes on.
  func places(_ part: [Int], _ step: Learner.Step) -> [Int] {
    let weights = weights(step.data, step.prepared, part: part)
    // Both halves of a pair, even if one is masked.
    let members = Set(weights.pairs.flatMap { [$0.chosen, $0.rejected] })
    let trained = part.indices.filter { step.data.responses[part[$0]].trainedTokens > 0 || members.contains(part[$0]) }
    let used = trained.filter { place in
      if data == .pairs, !step.data.responses[part[place]].isDemonstration { return members.contains(part[place]) }
      return weights.perSequence[place] != 0 || weights.ofSequences[place] != 0
    }
    return used.isEmpty && data == .rollouts ? trained : used
  }
}
