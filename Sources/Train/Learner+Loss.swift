internal import Formats
internal import Kernels
internal import Model
internal import Objectives

extension Learner {
  /// What a forward pass says: of every response token, or of every response where only scores are asked for.
  struct Pass {
    var result: HeadResult?
    var values: [Float]?
  }

  /// - Parameter saves: keeps what `backward` needs.
  func forward(_ batch: Batch, temperature: Float, saves: Bool) -> Pass {
    var pass = Pass()
    if speaks {
      pass.result =
        saves
        ? transformer.forward(batch, store: store, temperature: temperature)
        : transformer.evaluate(batch, store: store, temperature: temperature)
      pass.values = head.map { transformer.values(batch, $0) }
    } else if let head {
      pass.values = transformer.values(batch, head, store: store, saves: saves)
    }
    return pass
  }

  /// Adds the loss's gradient, of the batch that `forward` computed just before.
  func backward(_ batch: Batch, _ pass: Pass, _ slopes: [TokenGradient], temperature: Float) {
    let dValues = slopes.map { Float($0.value) }
    guard let result = pass.result else {
      transformer.backward(
        batch, dValues: dValues, trainable.heads[0], store: store, into: trainable.sink,
        headGradients: trainable.headGradients[0])
      return
    }
    transformer.backward(
      batch, result: result, dLogprobs: slopes.map { Float($0.logprob) }, dEntropies: slopes.map { Float($0.entropy) },
      values: head.map { ValueGradient($0, values: dValues, into: trainable.headGradients[0]) }, store: store,
      into: trainable.sink, temperature: temperature)
  }

  /// Forward, loss, backward of one micro-batch.
  ///
  /// - Parameters:
  ///   - probe: another loss than the recipe's, which measures the distance to the old policy: it reads no advantages,
  ///     and the old policy is its reference.
  ///   - backwards: false leaves gradients alone.
  func accumulate(
    _ micro: PackedBatch, _ minibatch: Minibatch, _ data: TrainingData, _ step: Step,
    _ records: inout TokenRecords, probe: Recipe? = nil, backwards: Bool = true
  ) -> (report: Report, pass: Pass) {
    let recipe = probe ?? self.recipe, indices = minibatch.indices, shares = minibatch.weights
    let pass = forward(micro.batch, temperature: data.temperature, saves: backwards)
    let ofCritic = critic?.forward(micro.batch, temperature: 1, saves: backwards)
    let values = ofCritic?.values ?? pass.values
    var tokens: [TokenStatistics] = []
    tokens.reserveCapacity(micro.batch.heads.count)
    for (sequence, range) in zip(micro.sequences, micro.ranges) {
      let index = indices[sequence]
      if let result = pass.result {
        records.logprobs[index] = Array(result.logprobs[range])
        if records.old[index].isEmpty { records.old[index] = records.logprobs[index] }
      }
      let trains = step.data.responses[index].trains
      let weights = trains.map { shares.weight(sequence: sequence, trains: $0) }
      records.weights[index] = weights.map { Float($0) }
      for (t, row) in range.enumerated() {
        guard let result = pass.result else {
          tokens.append(TokenStatistics(logprob: 0, value: Double(values?[row] ?? .nan), weight: shares.perSequence[sequence]))
          continue
        }
        var token = statistics(data.examples[index], step, records, index, t)
        token.logprob = Double(result.logprobs[row])
        token.entropy = Double(result.entropies[row])
        token.value = values.map { Double($0[row]) } ?? .nan
        token.weight = weights[t]
        if probe != nil { (token.advantage, token.reference) = (0, token.old) }
        tokens.append(token)
      }
    }
    var slopes = [TokenGradient](repeating: TokenGradient(), count: tokens.count)
    var span = slopes.mutableSpan
    let sequences = zip(micro.sequences, micro.ranges).map { sequence, range in
      recipe.sequence(
        indices[sequence], step.data, step.prepared, tokens: range, weight: shares.ofSequences[sequence])
    }
    let report = recipe.loss(tokens.span, sequences: sequences, weights: shares, &span)
    guard backwards else { return (report, pass) }
    backward(micro.batch, pass, slopes, temperature: data.temperature)
    if let critic, let ofCritic { critic.backward(micro.batch, ofCritic, slopes, temperature: 1) }
    return (report, pass)
  }

  /// What is known of a token beside what the forward pass says.
  private func statistics(
    _ example: Example, _ step: Step, _ records: TokenRecords, _ index: Int, _ t: Int
  ) -> TokenStatistics {
    let values = step.data.responses[index].values, returns = step.prepared.returns[index]
    return TokenStatistics(
      logprob: 0, behaviour: example.rollout.logprobs.map { Double($0[t]) } ?? .nan, old: Double(records.old[index][t]),
      reference: records.reference[index].map { Double($0[t]) } ?? .nan, oldValue: values.isEmpty ? .nan : values[t],
      advantage: step.prepared.advantages[index][t], return: returns.isEmpty ? .nan : returns[t], weight: 0)
  }
}
