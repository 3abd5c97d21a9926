import Formats

/// Signs, step by step, that a reward is gamed: numbers over the rollouts that a score set has a reward for.
package struct ScoreSignals {
  /// The counts of one step.
  package struct Step {
    package fileprivate(set) var rollouts = 0
    package fileprivate(set) var scored = 0
    /// Responses in the format without being correct, of those where both are known.
    package fileprivate(set) var formOnly = 0
    package fileprivate(set) var formed = 0
    /// Responses that repeat themselves, that were cut off, that equal an earlier one of their group.
    package fileprivate(set) var repeated = 0
    package fileprivate(set) var cut = 0
    package fileprivate(set) var duplicates = 0
    /// Groups of two and more, and those of them whose rewards are all equal.
    package fileprivate(set) var groups = 0
    package fileprivate(set) var flat = 0
    /// Reward and length in tokens, of all responses, and as deviations from their groups' means.
    package fileprivate(set) var lengths = Comoments()
    package fileprivate(set) var lengthsInGroups = Comoments()
    /// Proxy and gold reward where both are known, and their means by group.
    package fileprivate(set) var golds = Comoments()
    package fileprivate(set) var groupGolds = Comoments()
    /// Responses that proxy and gold both tell from their group's mean, and those on opposite sides of it.
    package fileprivate(set) var told = 0
    package fileprivate(set) var against = 0
  }

  private struct Member {
    let reward: Double
    let length: Double
    let text: [UInt8]
    let gold: Double?
  }

  /// Places in `ScoredRollouts.Values.values`.
  private let correct: Int?
  private let format: Int?
  package private(set) var steps: [Int: Step] = [:]
  private var repetition = Repetition()
  private var group: ScoredRollouts.Group?
  private var members: [Member] = []

  /// - Parameters:
  ///   - correct: The place of the component that judges correctness among the set's; nil for none.
  ///   - format: The same of the format.
  package init(correct: Int?, format: Int?) {
    self.correct = correct.map { $0 + 1 }
    self.format = format.map { $0 + 1 }
  }

  /// Takes in a rollout with its text; those of a group must come one after another. The first set is the one that is
  /// looked at, a second one the gold.
  package mutating func add(_ row: ScoredRollouts.Row) {
    if group != row.group { finishGroup() }
    group = row.group
    let number = row.rollout.step
    steps[number, default: Step()].rollouts += 1
    guard let values = row.scores[0]?.values, let reward = values[0] else { return }
    let share = repetition.share(row.text)
    let digest = Self.digest(row.text)
    let gold = row.scores.count > 1 ? row.scores[1]?.values[0] : nil
    let length = Double(row.rollout.responseLength)
    members.append(Member(reward: reward, length: length, text: digest, gold: gold))
    let form = format.flatMap { values[$0] }
    let right = correct.flatMap { values[$0] }
    // In place: a copy of the step for every rollout costs more than the rest.
    steps[number]?.scored += 1
    steps[number]?.lengths.add(reward, length)
    if let share, share > Repetition.threshold { steps[number]?.repeated += 1 }
    if row.rollout.finishReason == .length { steps[number]?.cut += 1 }
    if let gold { steps[number]?.golds.add(reward, gold) }
    if let form, let right {
      steps[number]?.formed += 1
      if form >= 1, right < 1 { steps[number]?.formOnly += 1 }
    }
  }

  private static func digest(_ text: String) -> [UInt8] {
    var text = text
    return text.withUTF8 { Digest.bytes(UnsafeRawBufferPointer($0)) }
  }

  /// Ends the last group; before that it does not count as one.
  package mutating func finishGroup() {
    defer { members.removeAll(keepingCapacity: true) }
    guard let number = group?.step, members.count > 1, var step = steps[number] else { return }
    step.groups += 1
    if members.allSatisfy({ $0.reward == members[0].reward }) { step.flat += 1 }
    step.duplicates += members.count - Set(members.map(\.text)).count
    step.lengthsInGroups.add(deviationsOf: members.map { ($0.reward, $0.length) })
    let judged = members.compactMap { member in member.gold.map { (proxy: member.reward, gold: $0) } }
    if judged.count > 1 {
      let (proxy, gold) = (Self.sides(judged.map(\.proxy)), Self.sides(judged.map(\.gold)))
      for (a, b) in zip(proxy, gold) where a != 0 && b != 0 {
        step.told += 1
        if a != b { step.against += 1 }
      }
      let n = Double(judged.count)
      step.groupGolds.add(judged.reduce(0) { $0 + $1.proxy } / n, judged.reduce(0) { $0 + $1.gold } / n)
    }
    steps[number] = step
  }

  /// On which side of their mean values are: −1, 1, or 0 where they are no further from it than rounding may put them.
  package static func sides(_ values: [Double]) -> [Int] {
    guard let low = values.min(), let high = values.max() else { return [] }
    let mean = values.reduce(0, +) / Double(values.count)
    let room = (high - low) * 1e-9
    return values.map { low == high || abs($0 - mean) <= room ? 0 : $0 < mean ? -1 : 1 }
  }
}
