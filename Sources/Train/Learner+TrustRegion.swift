internal import Formats
internal import Kernels
internal import Model
internal import Objectives
internal import Pipeline

/// Parameters as one vector, for conjugate gradients.
private struct Direction: InnerProductSpace {
  var vector: TrainedVector

  func dot(_ other: Direction) -> Double { vector.dot(other.vector) }
  mutating func add(_ scale: Double, _ other: Direction) { vector.add(scale, other.vector) }
  func scaled(_ factor: Double) -> Direction { Direction(vector: vector.scaled(factor)) }
}

/// TRPO's update of one minibatch: natural gradient by conjugate gradients, then a line search on the surrogate and
/// the mean KL over whole distributions (arXiv 1502.05477).
///
/// Fisher-vector products are differences: with s = (log π at θ + εv − log π at θ)/ε of the sampled tokens, the gradient
/// of mean ½s² there, over ε, is F v for the Fisher information of the sampled tokens.
struct TrustRegionUpdate {
  let learner: Learner
  let region: TrustRegion
  let data: TrainingData
  let step: Learner.Step
  let minibatch: Minibatch

  /// What ε makes of log-probabilities: large against their rounding, small against curvature. Root mean square, nats.
  private static let change = 0.003...0.1

  func apply(_ records: inout TokenRecords, _ outcome: inout Learner.Outcome) throws {
    let pool = learner.matmul.pool, trainable = learner.trainable
    learner.beginGradients()
    var report = Report()
    var distributions: [HeadDistributions] = []
    for packed in minibatch.batches {
      let found = learner.accumulate(packed, minibatch, data, step, &records)
      report += found.report
      distributions.append(learner.transformer.distributions(packed.batch, found.pass.result!))
    }
    outcome.report += report
    let gradient = Direction(vector: trainable.gradientVector(pool, scale: -1)), start = trainable.valueVector(pool)
    let norm = gradient.dot(gradient).squareRoot()
    guard norm.isFinite else { throw learner.notFinite(norm) }
    defer { learner.weightsChanged() }
    var epsilon = 0.01
    let found = try region.step(gradient: gradient) { direction in
      try product(direction, start, &epsilon, records)
    }
    let accepted = try region.lineSearch(scale: found.scale, surrogate: -report.loss) { scale in
      trainable.move(from: start, scale, found.direction.vector)
      return try evaluate(distributions, start, records)
    }
    if accepted == nil { trainable.move(from: start, 0, start) }
    outcome.gradientNorm += norm
    outcome.updateNorm += (accepted?.scale ?? 0) * found.direction.dot(found.direction).squareRoot()
    outcome.updates += 1
    outcome.trustRegion.append([
      ("trust_region_kl", accepted?.kl ?? 0), ("trust_region_scale", accepted?.scale ?? 0),
      ("trust_region_backtracks", Double(accepted?.backtracks ?? region.backtracks)),
      ("trust_region_accepted", accepted == nil ? 0 : 1),
      ("surrogate_gain", (accepted?.surrogate ?? -report.loss) + report.loss),
    ])
  }

  /// F v.
  private func product(
    _ direction: Direction, _ start: TrainedVector, _ epsilon: inout Double, _ records: TokenRecords
  ) throws -> Direction {
    let pool = learner.matmul.pool, trainable = learner.trainable
    let length = direction.dot(direction).squareRoot()
    guard length > 0 else { return direction.scaled(0) }
    let recipe = Recipe(
      name: "fisher", preset: "", loss: .policy(PolicyLoss(.reinforce, kl: 1, klEstimator: .k2)))
    // Four tries to find a step that log-probabilities show.
    for attempt in 0..<4 {
      trainable.move(from: start, epsilon / length, direction.vector)
      learner.weightsChanged()
      learner.beginGradients()
      var report = Report(), scratch = records
      // Where the update starts, which is past the old policy from the second update of a step on.
      scratch.old = records.logprobs
      for packed in minibatch.batches {
        if Interrupt.requested { throw Interrupt.error("nothing of this step is published yet") }
        report += learner.accumulate(packed, minibatch, data, step, &scratch, probe: recipe).report
      }
      let change = (2 * report.klTermSum / Double(max(1, report.klTermTokens))).squareRoot()
      if attempt == 3 || Self.change.contains(change) || !(change > 0 && change.isFinite) {
        return Direction(vector: trainable.gradientVector(pool, scale: Float(length / epsilon)))
      }
      epsilon *= 0.02 / change
    }
    return direction.scaled(0)
  }

  /// Surrogate and mean KL(old ‖ new) per token at the weights as they are.
  private func evaluate(
    _ old: [HeadDistributions], _ start: TrainedVector, _ records: TokenRecords
  ) throws -> (surrogate: Double, kl: Double) {
    learner.weightsChanged()
    var loss = 0.0, divergence = 0.0, count = 0, scratch = records
    let head = learner.trainable.tokenHead(in: start)
    for (packed, old) in zip(minibatch.batches, old) {
      if Interrupt.requested { throw Interrupt.error("nothing of this step is published yet") }
      let found = learner.accumulate(packed, minibatch, data, step, &scratch, backwards: false)
      loss += found.report.loss
      let kl = learner.transformer.divergence(
        from: old, weight: head, packed.batch, found.pass.result!, temperature: data.temperature)
      for (sequence, range) in zip(packed.sequences, packed.ranges) {
        for (t, trains) in step.data.responses[minibatch.indices[sequence]].trains.enumerated() where trains {
          divergence += kl[range.lowerBound + t]
          count += 1
        }
      }
    }
    return (-loss, divergence / Double(max(1, count)))
  }
}
