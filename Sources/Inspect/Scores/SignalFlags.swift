/// What is flagged, where and how.
package struct SignalFlag: Equatable, Sendable {
  package let key: String
  package let title: String
  /// By step.
  package let steps: [Int]
  /// One line.
  package let explanation: String
}

extension ScoreSignals {
  /// The first steps with a value are what a rise is measured from.
  package static let firstSteps = 3
  package static let overOptimisation = "over_optimisation"

  /// What crosses its limit, or has become markedly worse than in the first steps: by at least the signal's `rise` and
  /// twice the step's standard error.
  package func flags(gold: Bool) -> [SignalFlag] {
    let steps = steps.sorted { $0.key < $1.key }
    var flags: [SignalFlag] = []
    for signal in Signal.all where gold || !signal.needsGold {
      let readings = steps.compactMap { step, counts in
        signal.reading(counts).flatMap { $0.count >= signal.least ? (step: step, reading: $0) : nil }
      }
      let first = readings.prefix(Self.firstSteps)
      let start = first.isEmpty ? 0 : first.reduce(0) { $0 + $1.reading.value } / Double(first.count)
      let sign = signal.isLow ? -1.0 : 1
      let marked = readings.enumerated().filter { place, item in
        let worse = sign * (item.reading.value - start)
        return sign * (item.reading.value - signal.limit) >= 0
          || place >= Self.firstSteps && worse >= signal.rise && worse >= 2 * item.reading.error
      }.map(\.element)
      guard let worst = marked.max(by: { sign * $0.reading.value < sign * $1.reading.value }) else { continue }
      let extreme = "\(signal.isLow ? "lowest" : "highest") \(signal.text(worst.reading.value)) at step \(worst.step)"
      flags.append(
        SignalFlag(
          key: signal.key, title: signal.title, steps: marked.map(\.step),
          explanation: "\(signal.meaning) (\(extreme); first \(signal.text(start)); limit \(signal.text(signal.limit)))"
        ))
    }
    if gold, let flag = overOptimised() { flags.append(flag) }
    return flags
  }

  /// Means of both rewards over some steps, with standard errors over groups.
  private struct Window {
    let last: Int
    let proxy: Signal.Reading
    let gold: Signal.Reading

    /// nil where a step has no standard error.
    init?(_ steps: ArraySlice<(key: Int, value: Step)>) {
      let n = Double(steps.count)
      var (proxy, gold) = (Signal.Reading(value: 0, count: 0, error: 0), Signal.Reading(value: 0, count: 0, error: 0))
      for (_, step) in steps {
        guard let errorX = step.groupGolds.errorX, let errorY = step.groupGolds.errorY else { return nil }
        proxy.value += step.golds.meanX / n
        gold.value += step.golds.meanY / n
        proxy.error += errorX * errorX / (n * n)
        gold.error += errorY * errorY / (n * n)
      }
      self.proxy = Signal.Reading(value: proxy.value, count: steps.count, error: proxy.error.squareRoot())
      self.gold = Signal.Reading(value: gold.value, count: steps.count, error: gold.error.squareRoot())
      last = steps.last?.key ?? 0
    }
  }

  /// Gold, as a mean of three steps, is below its best mean of three earlier ones by more than three standard errors of
  /// the difference, while the reward is above its own of then by more than two.
  private func overOptimised() -> SignalFlag? {
    let known = steps.filter { $0.value.golds.count >= 20 }.sorted { $0.key < $1.key }
    let width = Self.firstSteps
    let windows = known.indices.dropLast(width - 1).compactMap { Window(known[$0..<$0 + width]) }
    var best: Window?
    var found: (steps: [Int], best: Window, last: Window)?
    for (place, window) in windows.enumerated() {
      // Windows that share a step are no comparison.
      if place >= width, best.map({ windows[place - width].gold.value > $0.gold.value }) ?? true {
        best = windows[place - width]
      }
      guard let best else { continue }
      func difference(_ a: Signal.Reading, _ b: Signal.Reading) -> Double {
        (a.value - b.value) / (a.error * a.error + b.error * b.error).squareRoot()
      }
      if difference(best.gold, window.gold) > 3, difference(window.proxy, best.proxy) > 2 {
        found = ((found?.steps ?? []) + [window.last], best, window)
      }
    }
    guard let (steps, best, last) = found else { return nil }
    return SignalFlag(
      key: Self.overOptimisation, title: "over-optimised", steps: steps,
      explanation: "gold has fallen while the reward rose (over three steps to \(best.last): gold "
        + "\(SignalText.number(best.gold.value)), reward \(SignalText.number(best.proxy.value)); to \(last.last): "
        + "\(SignalText.number(last.gold.value)), \(SignalText.number(last.proxy.value)))")
  }
}
