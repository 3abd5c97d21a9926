package import Formats
import Pipeline

extension PlotData {
  /// One panel a metric, one curve a run, or their mean.
  package func curves(_ names: [String], mean: Bool, smooth: Int) throws -> Figure {
    let panels = try chosen(names).map { key in
      let curves = runs.map { $0.series(key).smoothed(smooth) }
      return Figure.Panel(key.full, mean ? [Series.mean(curves, name: "mean")] : curves)
    }
    let name = "mean of \(runs.count) run\(runs.count == 1 ? "" : "s") ± standard deviation"
    return Figure(panels, xName: "step", legend: mean ? [name] : runs.map(\.name))
  }

  /// What the policy is trained for and what is wanted, over how far it has moved (Gao et al. 2022, arXiv 2210.10760):
  /// both rewards against √KL(policy ‖ reference), and where the wanted one is highest. Rewards and KL of one step
  /// belong to the same policy: the rollouts of step N are sampled from checkpoint N, at which training on them begins.
  package func overOptimisation(proxy: String, gold: String, divergence: String?, smooth: Int) throws -> Figure {
    let rewards = [try find(proxy, for: "--proxy"), try find(gold, for: "--gold")]
    let names = divergence.map { [$0] } ?? Self.divergences
    guard let distance = names.lazy.compactMap({ self.find($0) }).first else {
      if let divergence { _ = try find(divergence, for: "--kl") }
      throw RollbookError.usage(
        "no KL divergence to a reference is recorded", hint: "train with --reference, or name a metric with --kl")
    }
    var panel = Figure.Panel("\(proxy) and \(gold) by \(distance.full)", [])
    var legend: [String] = [], notes: [String] = []
    for run in runs {
      let steps = Dictionary(
        run.series(distance).smoothed(smooth).points.filter { !$0.y.isNaN }.map { ($0.x, max(0, $0.y).squareRoot()) }
      ) { $1 }
      for (reward, role) in zip(rewards, ["proxy", "gold"]) {
        let points = run.series(reward).smoothed(smooth).points.compactMap { point in
          steps[point.x].map { (step: point.x, point: Series.Point($0, point.y)) }
        }.sorted { ($0.point.x, $0.step) < ($1.point.x, $1.step) }
        panel.series.append(Series(run.name, points.map(\.point)))
        legend.append("\(role): \(reward.full)" + (runs.count > 1 ? ", \(run.name)" : ""))
        guard role == "gold" else { continue }
        let best = points.filter { !$0.point.y.isNaN }.max { $0.point.y < $1.point.y }
        guard let best else {
          throw RollbookError.missing(
            run.name, "no step has both \(reward.full) and \(distance.full)", hint: "score and train the same steps")
        }
        panel.marks.append(.init(point: best.point, series: panel.series.count - 1))
        notes.append(
          "\(runs.count > 1 ? run.name + ": " : "")gold is highest, \(Format.brief(best.point.y)), at √KL "
            + "\(Format.brief(best.point.x)) (step \(Format.decimal(best.step, 0)))")
      }
    }
    return Figure([panel], xName: "√KL", legend: legend, notes: notes, wholeX: false)
  }
}

extension Figure {
  /// The curves as data.
  package func json() -> JSON {
    let panels = panels.map { panel -> JSON in
      let series = panel.series.map { series -> JSON in
        var object: JSONObject = [
          "name": .string(series.name),
          "points": .array(series.points.map { .array([.finite($0.x), .finite($0.y)]) }),
        ]
        if !series.spread.isEmpty { object["spread"] = .array(series.spread.map { .finite($0) }) }
        return .object(object)
      }
      return ["title": .string(panel.title), "x": .string(xName), "series": .array(series)]
    }
    return ["panels": .array(panels), "notes": .array(notes.map { .string($0) })]
  }
}
