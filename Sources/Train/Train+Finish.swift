internal import Formats
internal import Pipeline

extension Train {
  func finishDone(_ buffer: Buffer) throws {
    try stage.finish(
      ["stage": "train", "step": .int(stage.step), "made": 0],
      "already done: step \(stage.step) made \(Buffer.stepName(stage.step + 1))")
  }

  func finish(_ metrics: [(String, Double)]) throws {
    warn(afterwards: metrics)
    var summary: JSONObject = ["stage": "train", "step": .int(stage.step), "made": 1]
    for (name, value) in metrics { summary[name] = JSON.finite(value) }
    func value(_ name: String) -> Double? { metrics.first { $0.0 == name }?.1 }
    try stage.finish(
      summary,
      "step \(stage.step): loss \(Format.decimal(value("loss") ?? .nan, 4)), "
        + "gradient norm \(Format.decimal(value("grad_norm") ?? .nan, 3)), "
        + "\(Format.brief(value("tokens_per_second") ?? .nan)) tokens/s; published \(Buffer.stepName(stage.step + 1))")
  }
}
