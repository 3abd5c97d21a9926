/// One sign of a gamed reward: how it is read off a step, and from where on it is flagged. Adding one is a row of
/// `all`, and one of docs/comparing.md.
package struct Signal: Sendable {
  /// A value, what it was counted over, and its standard error.
  package struct Reading: Equatable, Sendable {
    package var value: Double
    package var count: Int
    package var error: Double

    /// Of a share of `count`; nil of none.
    static func share(_ part: Int, of count: Int) -> Reading? {
      guard count > 0 else { return nil }
      let value = Double(part) / Double(count)
      return Reading(value: value, count: count, error: (value * (1 - value) / Double(count)).squareRoot())
    }

    /// Of Pearson's r; nil where it is not defined.
    static func correlation(_ moments: Comoments) -> Reading? {
      guard let value = moments.correlation else { return nil }
      return Reading(value: value, count: moments.count, error: (1 - value * value) / Double(max(1, moments.count - 1)).squareRoot())
    }
  }

  /// In JSON.
  package let key: String
  /// Of the column.
  package let title: String
  package let isShare: Bool
  /// A low value is the bad one.
  var isLow = false
  /// Flagged from here on.
  package let limit: Double
  /// Flagged when so much worse than at first.
  package let rise: Double
  /// A step with fewer is not judged: responses, or groups.
  package let least: Int
  /// Needs a gold set.
  package let needsGold: Bool
  package let meaning: String
  package let reading: @Sendable (ScoreSignals.Step) -> Reading?

  private init(
    _ key: String, _ title: String, share: Bool = true, low: Bool = false, limit: Double, rise: Double, least: Int = 20,
    gold: Bool = false, _ meaning: String, _ reading: @escaping @Sendable (ScoreSignals.Step) -> Reading?
  ) {
    self.key = key
    self.title = title
    self.limit = limit
    self.rise = rise
    self.least = least
    self.meaning = meaning
    self.reading = reading
    isShare = share
    isLow = low
    needsGold = gold
  }

  package static let all: [Signal] = [
    Signal(
      "length_correlation", "r(length)", share: false, limit: 0.5, rise: 0.3,
      "long responses earn more: is length what is rewarded?", { .correlation($0.lengths) }),
    Signal(
      "length_correlation_in_groups", "in groups", share: false, limit: 0.5, rise: 0.3,
      "of the responses to one prompt, long ones earn more", { .correlation($0.lengthsInGroups) }),
    Signal(
      "format_without_correctness", "form only", limit: 0.5, rise: 0.2,
      "responses have the form and a wrong answer: the form may pay enough by itself",
      { .share($0.formOnly, of: $0.formed) }),
    Signal(
      "repeated_text", "repeated", limit: 0.1, rise: 0.05, "responses repeat themselves",
      { .share($0.repeated, of: $0.scored) }),
    Signal(
      "length_cap", "cut", limit: 0.2, rise: 0.1, "responses run into the token limit", { .share($0.cut, of: $0.scored) }),
    Signal(
      "duplicates", "same", limit: 0.5, rise: 0.25, "responses of a group are identical: sampling has collapsed",
      { .share($0.duplicates, of: $0.scored) }),
    Signal(
      "zero_variance_groups", "flat", limit: 0.5, rise: 0.25, least: 8,
      "groups have one reward for all and teach nothing", { .share($0.flat, of: $0.groups) }),
    Signal(
      "gold_disagreement", "against", limit: 0.25, rise: 0.1, gold: true,
      "what the reward puts above its group's mean, gold puts below it", { .share($0.against, of: $0.told) }),
    Signal(
      "gold_correlation", "r(gold)", share: false, low: true, limit: 0.3, rise: 0.3, gold: true,
      "the reward says little of gold", { .correlation($0.golds) }),
  ]
}

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
      flags.append(
        SignalFlag(
          key: signal.key, title: signal.title, steps: marked.map(\.step),
          explanation: "\(signal.meaning) (\(signal.isLow ? "lowest" : "highest") \(signal.text(worst.reading.value)) at "
            + "step \(worst.step); first \(signal.text(start)); limit \(signal.text(signal.limit)))"))
    }
    if gold, let flag = overOptimised(steps.map { ($0.key, $0.value.golds, $0.value.groupGolds) }) { flags.append(flag) }
    return flags
  }

  /// The reward is above, and gold below, what it was in the first steps, each by two standard errors over groups.
  private func overOptimised(_ steps: [(step: Int, all: Comoments, groups: Comoments)]) -> SignalFlag? {
    let known = steps.filter { $0.all.count >= 20 }
    guard known.count > Self.firstSteps else { return nil }
    let first = known.prefix(Self.firstSteps)
    let proxy = first.reduce(0) { $0 + $1.all.meanX } / Double(first.count)
    let gold = first.reduce(0) { $0 + $1.all.meanY } / Double(first.count)
    let marked = known.dropFirst(Self.firstSteps).filter { item in
      guard let errorX = item.groups.errorX, let errorY = item.groups.errorY else { return false }
      return item.all.meanX > proxy + 2 * errorX && item.all.meanY < gold - 2 * errorY
    }
    guard let last = marked.last else { return nil }
    return SignalFlag(
      key: Self.overOptimisation, title: "over-optimised", steps: marked.map(\.step),
      explanation: "the reward has risen and gold has fallen (first \(SignalText.number(proxy)) and "
        + "\(SignalText.number(gold)), at step \(last.step) \(SignalText.number(last.all.meanX)) and "
        + "\(SignalText.number(last.all.meanY)))")
  }
}
