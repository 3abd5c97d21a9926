internal import Formats
internal import Kernels
internal import Model

extension Learner {
  /// The update that the gradients gathered so far make.
  /// - Throws: `badInput` when they are not finite.
  func applyGradients(_ outcome: inout Outcome) throws {
    let norm = trainable.gradientNorm(matmul.pool)
    guard norm.isFinite else { throw notFinite(norm) }
    let clip = maxGradNorm > 0 ? min(1, maxGradNorm / (norm + 1e-6)) : 1
    // The state's memory is the activations' until now.
    if !optimizer.isTakenUp { transformer.release() }
    try optimizer.takeUp()
    try average?.takeUp(matmul.pool)
    updates += 1
    transformer.dropout = nextDropout()
    let rate = schedule.rate(update: updates)
    try optimizer.update(step: updates, learningRate: rate, gradientScale: Float(clip))
    average?.update(matmul.pool)
    weightsChanged()
    outcome.gradientNorm += norm
    outcome.learningRate = Double(rate)
    outcome.updates += 1
  }

  func notFinite(_ norm: Double) -> RollbookError {
    RollbookError.badInput(
      "update \(updates + 1)", "the gradient's norm is \(norm); nothing was published",
      hint: "are the weights still finite? If training diverged, lower --lr and begin from an earlier checkpoint")
  }

  /// To be called when the weights have changed.
  func weightsChanged() {
    if trainable.adapter == nil { trainable.policy.round(for: matmul) }
  }

  /// Every update draws what the adapter does not see anew, as a function of the seed and the update's number.
  func nextDropout() -> Dropout? {
    guard let share = trainable.adapter?.configuration.dropout, share > 0 else { return nil }
    return Dropout(share: share, seed: seed, update: updates + 1)
  }
}
