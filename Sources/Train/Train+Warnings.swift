internal import Formats
internal import Foundation
internal import Objectives
internal import Pipeline

extension Train {
  /// Says what is likely to be a mistake, before the work begins.
  func warn(_ data: TrainingData, policy: String, _ recipe: Recipe) {
    let demonstrations = data.examples.count { Role($0.rollout.kind, for: recipe) == .demonstration }
    if demonstrations > 0, recipe.data != .demonstrations, recipe.demonstrations == nil, !recipe.needs.contains(.scores) {
      stage.note(
        "note: \(demonstrations) demonstrations count for nothing: --set demonstration_coef=0.1 gives them a share of the loss")
    }
    if demonstrations == 0, let term = recipe.demonstrations, term.coefficient > 0 {
      stage.note(
        "note: recipe \(recipe.name) gives demonstrations a share of the loss, and there are none: import them into the "
          + "step, or draw them with --mix '0.1 kind = demonstration or kind = text'")
    }
    guard recipe.data == .rollouts else { return }
    let samples = data.examples.filter { Role($0.rollout.kind, for: recipe) == .sample }
    let unknown = samples.count { $0.rollout.logprobs == nil }
    if unknown > 0 {
      stage.note(
        "note: \(unknown) of \(samples.count) rollouts have no log-probabilities of what sampled them: the loss takes them "
          + "for the policy's own")
    }
    let stale = samples.count { $0.rollout.policy != policy && $0.rollout.logprobs != nil }
    if stale > 0, !recipe.needs.contains(.behaviour) {
      stage.note(
        "note: \(stale) of \(samples.count) rollouts were sampled from other weights; the loss does not correct for that "
          + "(metric rollout_logp_diff_mean says how far they are; --set rollout_mode=token_truncate would)")
    }
    if !data.isWhole {
      stage.note(
        "note: the rollouts were not drawn from the policy's whole distribution (greedy, top-k, top-p or min-p)")
    }
    if !samples.isEmpty, samples.allSatisfy({ $0.advantages.allSatisfy { $0 == 0 } }) {
      stage.note("note: every advantage is 0 (are all rewards of each group equal?): nothing is learned from this step")
    }
    warn(data.metrics)
  }

  /// Shares from which on something is said.
  private static let limits = (flat: 0.5, cut: 0.5, ratio: 0.01)

  private func warn(_ metrics: StepMetrics) {
    if let share = metrics.zeroVarianceShare, share > Self.limits.flat {
      stage.note(
        "note: \(Format.percent(share)) of the groups, more than \(Format.percent(Self.limits.flat)), have rewards that "
          + "are all equal, from which nothing is learned: are the prompts too easy or too hard?")
    }
    if let share = metrics.capShare, share > Self.limits.cut {
      stage.note(
        "note: \(Format.percent(share)) of the responses, more than \(Format.percent(Self.limits.cut)), are as long as "
          + "--max-new-tokens of generate allowed: their rewards are those of unfinished answers")
    }
  }

  /// Says what the training itself made visible.
  func warn(afterwards metrics: [(String, Double)]) {
    func value(_ name: String) -> Double? { metrics.first { $0.0 == name }?.1 }
    guard let age = value("staleness_max"), age > 0, let low = value("ratio_min"), let high = value("ratio_max"),
      max(high - 1, 1 - low) <= Self.limits.ratio
    else { return }
    stage.note(
      "note: rollouts are up to \(Format.decimal(age, 0)) steps old, yet all ratios are within "
        + "\(Format.decimal(Self.limits.ratio, 2)) of 1: they are to this policy at the start of the step, not to the one "
        + "that sampled, so clipping does not bound how far off-policy the step is")
  }
}
