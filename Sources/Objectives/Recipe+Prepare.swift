extension Recipe {
  /// Everything that depends on the whole step: advantages, returns, what is left out, and metrics.
  package func prepare(_ step: StepData) -> PreparedStep {
    var prepared = PreparedStep(step.responses)
    let places = step.responses.indices.filter { !isMixedIn(step.responses[$0]) }
    if data == .pairs { preparePairs(step, &prepared) }
    guard data == .rollouts else {
      prepareLabels(step.responses, &prepared)
      return prepared
    }
    let batch = Batch(places.map { step.responses[$0] }, seed: step.seed)
    let penalty = penalty(batch, &prepared)
    let rewards = batch.responses.map(\.reward)
    let normalization: GroupNormalization
    if case .groupNormalization(let own) = advantage { normalization = own } else { normalization = .trl }
    let groups = normalization(rewards: rewards, groups: batch.groups)
    prepared.metrics += groups.metrics
    var uniform = [Bool](repeating: false, count: places.count)
    for (members, deviation) in zip(memberships(batch.groups), groups.groupStd) where deviation == 0 {
      for index in members { uniform[index] = true }
    }
    for (index, place) in places.enumerated() where dropsUniformGroups && uniform[index] {
      prepared.isKept[place] = false
    }
    if dropsUniformGroups {
      prepared.metrics.append(("groups_kept", Double(groups.groupStd.count { $0 != 0 })))
    }
    let perResponse = responseAdvantages(batch, penalty, places, &prepared)
    for (index, place) in places.enumerated() {
      if let perResponse {
        prepared.advantages[place] = batch.mask[index].map { $0 ? perResponse[index] : 0 }
      }
    }
    if perResponse == nil { tokenAdvantages(batch, penalty, places, &prepared) }
    let flat = places.flatMap { place in
      zip(prepared.advantages[place], step.responses[place].trains).filter(\.1).map(\.0)
    }
    if advantage != .none, !flat.isEmpty {
      let (mean, deviation) = spread(flat, ddof: 0)
      prepared.metrics += [("advantage_mean", mean), ("advantage_std", deviation)]
    }
    return prepared
  }

  /// Whether a response is a demonstration among others.
  func isMixedIn(_ response: StepData.Response) -> Bool { response.isDemonstration && data != .demonstrations }

  /// The rollouts of a step, in columns.
  private struct Batch {
    let responses: [StepData.Response]
    let groups: [Int]
    let mask: [[Bool]]
    /// The tokens of scored responses only.
    let scored: [[Bool]]
    let seed: UInt64

    init(_ responses: [StepData.Response], seed: UInt64) {
      self.responses = responses
      self.seed = seed
      groups = responses.map(\.group)
      mask = responses.map(\.trains)
      scored = responses.map { response in response.trains.map { $0 && response.reward != nil } }
    }
  }

  /// The KL in the reward, per token, as it is subtracted.
  private func penalty(_ batch: Batch, _ prepared: inout PreparedStep) -> [[Double]]? {
    guard let klInReward else { return nil }
    for response in batch.responses {
      precondition(
        response.old.count == response.trains.count && response.reference.count == response.trains.count,
        "KL in the reward needs old and reference log-probabilities of every token")
    }
    let kl = klInReward.divergence(
      old: batch.responses.map(\.old), reference: batch.responses.map(\.reference), mask: batch.mask)
    let sums = kl.map { $0.reduce(0, +) }
    let tokens = batch.mask.reduce(0) { $0 + $1.count { $0 } }
    prepared.metrics += [
      ("kl_in_reward_beta", klInReward.beta), ("kl_token_mean", sums.reduce(0, +) / Double(max(tokens, 1))),
      ("kl_sequence_mean", mean(sums)),
    ]
    return kl.map { $0.map { $0 * klInReward.beta } }
  }

  /// Advantages of whole responses; nil where they are per token.
  private func responseAdvantages(
    _ batch: Batch, _ penalty: [[Double]]?, _ places: [Int], _ prepared: inout PreparedStep
  ) -> [Double]? {
    let sums = penalty.map { $0.map { $0.reduce(0, +) } }
    let raw = batch.responses.map(\.reward)
    let rewards = raw.enumerated().map { index, reward in reward.map { $0 - (sums?[index] ?? 0) } }
    let groups = batch.groups
    switch advantage {
    case .none: return raw.map { _ in 0 }
    case .groupNormalization(let normalization): return normalization(rewards: rewards, groups: groups).advantages
    case .leaveOneOut(let leave): return leave(rewards: raw, groups: groups, penalties: sums).advantages
    case .baseline(let baseline):
      return baseline(rewards: rewards, groups: groups, lengths: batch.responses.map(\.trainedTokens)).advantages
    case .multiReward(let multi):
      let components = batch.responses.map { $0.components.isEmpty ? [$0.reward] : $0.components }
      return multi(rewards: components, groups: groups).advantages
    case .lengthHarmonizing(let harmonizing):
      let values = batch.responses.map { response -> Double? in
        guard let length = response.referenceLength, let isCorrect = response.isCorrect,
          let accuracy = response.referenceAccuracy
        else { return response.reward }
        return harmonizing.reward(
          length: response.trainedTokens, referenceLength: length, correct: isCorrect, referenceAccuracy: accuracy)
      }
      return harmonizing(values)
    case .kimi:
      guard case .kimi(let kimi) = loss else { return rewards.map { _ in 0 } }
      return kimi.baseline(rewards: rewards, groups: groups, tau: kimi.tau).advantages
    case .brpo(let brpo): return judged(batch, brpo, places, &prepared)
    case .greedy, .whitenedReturns, .whitenedGroupMean, .gae: return nil
    }
  }

  private func judged(
    _ batch: Batch, _ brpo: BRPO, _ places: [Int], _ prepared: inout PreparedStep
  ) -> [Double] {
    var scores = batch.responses.map(\.pairScores)
    let references: [Int]
    switch brpo.reference {
    case .drawn: references = BRPO.references(groups: batch.groups, seed: batch.seed)
    case .judged:
      // No index where every response of the group was judged: its reference is elsewhere.
      references = memberships(batch.groups).map { $0.first { batch.responses[$0].reward == nil } ?? -1 }
      scores = batch.responses.map { response in response.reward.map { (own: $0, reference: 0) } }
    }
    for (members, reference) in zip(memberships(batch.groups), references) where brpo.reference == .drawn {
      guard let other = batch.responses[reference].reward else { continue }
      for index in members where scores[index] == nil {
        scores[index] = batch.responses[index].reward.map { (own: $0, reference: other) }
      }
    }
    let result = brpo(groups: batch.groups, references: references, pairScores: scores)
    for (index, place) in places.enumerated() where !result.kept[index] { prepared.isKept[place] = false }
    prepared.metrics.append(("groups_kept", Double(result.groupKept.count { $0 })))
    return result.advantages
  }

  /// Advantages per token, and the critic's returns. Unscored responses get 0 and the value they have.
  private func tokenAdvantages(
    _ batch: Batch, _ penalty: [[Double]]?, _ places: [Int], _ prepared: inout PreparedStep
  ) {
    var rewards = tokenRewards(batch.responses.map(\.reward), mask: batch.mask)
    for (index, response) in batch.responses.enumerated() {
      if response.tokenRewards.count == response.trains.count { rewards[index] = response.tokenRewards }
      if let penalty { for t in rewards[index].indices { rewards[index][t] -= penalty[index][t] } }
    }
    if penalty != nil { prepared.metrics.append(("return_mean", mean(rewards.map { $0.reduce(0, +) }))) }
    var advantages: [[Double]] = []
    switch advantage {
    case .greedy:
      let known = zip(batch.scored, batch.responses).map { row, response in
        row.map { $0 && response.greedyReward != nil }
      }
      let greedy = batch.responses.map { $0.greedyReward ?? 0 }
      advantages = greedyAdvantages(rewards, greedy: greedy, mask: known).advantages
    case .whitenedReturns(let whitened): advantages = whitened(rewards, mask: batch.scored).advantages
    case .whitenedGroupMean(let whitened):
      let scores = batch.responses.enumerated().map { index, response in
        response.reward.map { $0 - (penalty?[index].reduce(0, +) ?? 0) }
      }
      advantages = whitened(rewards: scores, groups: batch.groups, mask: batch.mask).advantages
    case .gae(let gae):
      let values = batch.responses.map { response in
        precondition(response.values.count == response.trains.count, "GAE needs the value of every token")
        return response.values
      }
      let result = gae(rewards, values: values, bootstrap: batch.responses.map(\.bootstrap), mask: batch.scored)
      advantages = result.advantages
      for (index, place) in places.enumerated() {
        let isScored = batch.responses[index].reward != nil
        prepared.returns[place] = isScored ? result.returns[index] : values[index]
      }
    default: return
    }
    for (index, place) in places.enumerated() { prepared.advantages[place] = advantages[index] }
  }

  private func preparePairs(_ step: StepData, _ prepared: inout PreparedStep) {
    prepared.pairs = step.pairs
    if step.pairs.isEmpty {
      let rewards = step.responses.map { isMixedIn($0) ? nil : $0.reward }
      prepared.pairs = pairRule(rewards: rewards, groups: step.responses.map(\.group))
    }
    prepared.metrics.append(("pairs", Double(prepared.pairs.count)))
  }

  private func prepareLabels(_ responses: [StepData.Response], _ prepared: inout PreparedStep) {
    guard case .kto(let kto) = loss else { return }
    for (index, response) in responses.enumerated() where kto.isDesirable(response) == nil {
      prepared.isKept[index] = false
    }
    guard let offset = kto.unclampedOffset(responses.compactMap(\.mismatched)) else { return }
    prepared.offset = max(0, offset)
    prepared.metrics += [("kl", prepared.offset), ("unclamped_kl", offset)]
  }
}
