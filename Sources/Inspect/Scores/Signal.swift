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
      let error = (1 - value * value) / Double(max(1, moments.count - 1)).squareRoot()
      return Reading(value: value, count: moments.count, error: error)
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
      "length_cap", "cut", limit: 0.2, rise: 0.1, "responses run into the token limit",
      { .share($0.cut, of: $0.scored) }),
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
