internal import Formats
internal import Foundation
internal import Objectives
internal import Pipeline

extension Train {
  /// Says what is likely to be a mistake, before the work begins.
  func warn(_ data: TrainingData, policy: String) {
    let stale = data.examples.filter { $0.rollout.policy != policy }.count
    if stale > 0 {
      stage.note(
        "note: \(stale) of \(data.examples.count) rollouts were sampled from other weights; the loss does not correct "
          + "for that (metric rollout_logp_diff_mean says how far they are)")
    }
    if !data.isWhole {
      stage.note(
        "note: the rollouts were not drawn from the policy's whole distribution (greedy, top-k, top-p or min-p)")
    }
    if data.examples.allSatisfy({ $0.advantages.allSatisfy { $0 == 0 } }) {
      stage.note("note: every advantage is 0 (are all rewards of each group equal?): nothing is learned from this step")
    }
  }
}
