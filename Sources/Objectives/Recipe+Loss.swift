extension Recipe {
  /// The weights of one minibatch of a step.
  ///
  /// - Parameters:
  ///   - part: the responses of the minibatch, as indices of the step; the weights are in this order. nil = all.
  ///     Pairs take part with both their halves in it.
  ///   - microBatches: for bnpo, the micro-batches as places in `part`.
  package func weights(
    _ step: StepData, _ prepared: PreparedStep, part: [Int]? = nil, microBatches: [[Int]]? = nil
  ) -> StepWeights {
    let part = part ?? Array(step.responses.indices)
    let lengths = part.map { step.responses[$0].trainedTokens }
    let demonstrated = part.indices.filter { isMixedIn(step.responses[part[$0]]) }
    let kept = part.indices.filter { prepared.isKept[part[$0]] && !isMixedIn(step.responses[part[$0]]) }
    let place = Dictionary(uniqueKeysWithValues: kept.enumerated().map { ($0.element, $0.offset) })
    let main = weights(
      lengths: kept.map { lengths[$0] }, responseLimit: step.responseLimit,
      groups: kept.map { step.responses[part[$0]].group },
      microBatches: microBatches.map { $0.map { $0.compactMap { place[$0] } } })
    let zeros = [Double](repeating: 0, count: part.count)
    var result = StepWeights(perSequence: zeros, tokenMean: main.tokenMean, tokens: main.tokens, ofSequences: zeros)
    for (index, sequence) in kept.enumerated() {
      result.perSequence[sequence] = main.perSequence[index]
      result.ofSequences[sequence] = main.ofSequences[index]
    }
    if demonstrations != nil {
      let shares = Weights(.tokenMean)(lengths: demonstrated.map { lengths[$0] }, responseLimit: 1)
      for (index, sequence) in demonstrated.enumerated() { result.perSequence[sequence] = shares.perSequence[index] }
      result.tokens += shares.tokens
    }
    let members = Set(kept.map { part[$0] })
    let pairs = prepared.pairs.filter { members.contains($0.chosen) && members.contains($0.rejected) }
    if !pairs.isEmpty { result.pairs = pairWeights(pairs, groups: step.responses.map(\.group)) }
    return result
  }

  private var pairWeights: PairWeights {
    if case .rewardModel(let model) = loss { model.pairWeights } else { .pair }
  }

  /// What ``loss(_:sequences:weights:_:)`` reads of one response.
  ///
  /// - Parameters:
  ///   - index: the response in the step.
  ///   - tokens: its tokens in the micro-batch.
  ///   - weight: its entry of ``StepWeights/ofSequences``.
  package func sequence(
    _ index: Int, _ step: StepData, _ prepared: PreparedStep, tokens: Range<Int>, weight: Double
  ) -> SequenceStatistics {
    let response = step.responses[index]
    var isDesirable = false
    if case .kto(let kto) = loss { isDesirable = kto.isDesirable(response) ?? false }
    return SequenceStatistics(
      index: index, tokens: tokens, weight: weight, isDemonstration: isMixedIn(response),
      isDesirable: isDesirable, offset: prepared.offset)
  }

  /// Adds the loss's derivatives for one micro-batch into `gradient`, and reports. Reports and gradients of the
  /// micro-batches of a step add up to those of the step.
  ///
  /// - Parameters:
  ///   - tokens: the tokens of whole sequences; the two sequences of a pair are in one micro-batch.
  ///   - sequences: what is known of each, with its range in `tokens`.
  ///   - weights: those of the minibatch; the tokens carry their own in ``TokenStatistics/weight``.
  ///   - gradient: same count as `tokens`, zero or another term's gradient.
  package func loss(
    _ tokens: Span<TokenStatistics>, sequences: [SequenceStatistics], weights: StepWeights,
    _ gradient: inout MutableSpan<TokenGradient>
  ) -> Report {
    var report = Report()
    let main = sequences.filter { !$0.isDemonstration }
    let ranges = main.map(\.tokens)
    switch loss {
    case .policy(let policy): policy(tokens, sequences: ranges, tokenMean: weights.tokenMean, &gradient, &report)
    case .kimi(let kimi): kimi(tokens, sequences: main, &gradient, &report)
    case .kto(let kto): kto(tokens, sequences: main, &gradient, &report)
    case .likelihood(let likelihood): likelihood(tokens, sequences: ranges, &gradient, &report)
    case .preference(let preference):
      preference(tokens, sequences: main, pairs: local(weights.pairs, main), &gradient, &report)
    case .rewardModel(let model):
      model(tokens, sequences: main, pairs: local(weights.pairs, main), &gradient, &report)
    }
    value?(tokens, sequences: ranges, &gradient, &report)
    if let demonstrations, main.count < sequences.count {
      let others = sequences.filter(\.isDemonstration).map(\.tokens)
      demonstrations(tokens, sequences: others, &gradient, &report)
    }
    return report
  }

  /// The pairs of this micro-batch, as places in it.
  private func local(_ pairs: [Pair], _ sequences: [SequenceStatistics]) -> [Pair] {
    let place = Dictionary(uniqueKeysWithValues: sequences.enumerated().map { ($0.element.index, $0.offset) })
    return pairs.compactMap { pair in
      guard let chosen = place[pair.chosen], let rejected = place[pair.rejected] else {
        precondition(place[pair.chosen] == nil && place[pair.rejected] == nil, "a pair is split over micro-batches")
        return nil
      }
      return Pair(chosen: chosen, rejected: rejected, margin: pair.margin, weight: pair.weight)
    }
  }
}
