internal import Formats
internal import Kernels
internal import Model
internal import Objectives
internal import Pipeline

extension Train {
  /// The updates: each epoch deals the groups into minibatches in an order drawn from seed, step and epoch.
  func train(
    _ learner: Learner, _ data: TrainingData, _ step: Learner.Step, _ records: inout TokenRecords
  ) throws -> Learner.Outcome {
    var outcome = Learner.Outcome()
    let total = data.examples.reduce(0) { $0 + $1.rollout.responseTokens.count } * options.epochs
    var progress = Progress("train", stage, total: total, unit: "tokens")
    var done = 0
    for epoch in 0..<options.epochs {
      for indices in minibatches(data, epoch: epoch) {
        let before = done
        let tokens = indices.reduce(0) { $0 + data.examples[$1].rollout.responseTokens.count }
        var rows = 0
        try learner.update(data, step, indices, &records, &outcome) { more in
          if Interrupt.requested { throw Interrupt.error("nothing of step \(stage.step) is published yet") }
          rows += more
          progress.update(before + min(tokens, rows))
        }
        done += tokens
        progress.update(done)
      }
    }
    progress.finish()
    return outcome
  }

  private func minibatches(_ data: TrainingData, epoch: Int) -> [[Int]] {
    let groups = Dictionary(grouping: data.examples.indices) { data.examples[$0].group }
      .sorted { $0.key < $1.key }.map(\.value)
    var order = Array(groups.indices)
    if options.minibatches > 1 || options.epochs > 1 {
      let random = RolloutRandom(
        seed: UInt64(stage.seed), step: UInt64(stage.step), prompt: 0x6D69_6E69, sample: UInt64(epoch))
      for i in stride(from: order.count - 1, to: 0, by: -1) {
        order.swapAt(i, min(i, Int(random.uniform(position: i) * Double(i + 1))))
      }
    }
    let parts = min(options.minibatches, order.count)
    return (0..<parts).map { part in
      order[order.count * part / parts..<order.count * (part + 1) / parts].flatMap { groups[$0] }
    }
  }

  /// A reward model's scores are moved so that demonstrations score 0 in the mean (InstructGPT, arXiv 2203.02155,
  /// §3.5): those of the step, or else its preferred responses.
  func centerScores(
    _ learner: Learner, _ data: TrainingData, _ step: Learner.Step, _ outcome: inout Learner.Outcome
  ) throws {
    guard !learner.speaks, let head = learner.head else { return }
    let demonstrations = data.examples.indices.filter { step.data.responses[$0].isDemonstration }
    let chosen = Set(step.prepared.pairs.map(\.chosen)).sorted()
    let centered = demonstrations.isEmpty ? chosen : demonstrations
    var sum = 0.0
    let batches = data.packed(centered, learner.recipe, limit: options.tokensPerBatch)
    try learner.evaluate(batches, temperature: 1) { sum += $2.map { Double($0.first ?? 0) } ?? 0 }
    let mean = sum / Double(max(1, centered.count))
    guard mean.isFinite else {
      throw RollbookError.badInput(
        "the scores", "their mean after the updates is \(mean); nothing was published",
        hint: "lower --lr and begin from an earlier checkpoint")
    }
    head.offset -= Float(mean)
    outcome.scoreShift = -mean
  }

  /// `--evaluate`: the loss and its metrics, without an update.
  func reportLoss(
    _ learner: Learner, _ data: TrainingData, _ step: Learner.Step, _ records: inout TokenRecords
  ) throws {
    let recipe = learner.recipe
    let all = Minibatch(data, Array(data.examples.indices), recipe, step, limit: options.tokensPerBatch)
    var outcome = Learner.Outcome()
    for packed in all.batches {
      if Interrupt.requested { throw Interrupt.error("nothing is published by --evaluate") }
      outcome.report += learner.accumulate(packed, all, data, step, &records, backwards: false).report
    }
    let metrics =
      outcome.report.metrics.map { ($0.name, $0.value) } + step.prepared.metrics.map { ($0.name, $0.value) }
      + data.metrics.values.map { ($0.name, $0.value) }
    var summary: JSONObject = ["stage": "train", "step": .int(stage.step), "made": 0]
    for (name, value) in metrics { summary[name] = JSON.finite(value) }
    let table = metrics.filter { $0.1.isFinite }.map { "  \($0.0)  \(Format.decimal($0.1, 5))" }
    try stage.finish(summary, (["step \(stage.step), \(recipe.name), \(all.indices.count) responses:"] + table).joined(separator: "\n"))
  }
}
