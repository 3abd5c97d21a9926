internal import Formats

/// Means over score rows, as the manifest and the metrics tell them.
struct Tally {
  private(set) var rows = 0
  private var scored = 0.0
  private var sum = 0.0
  private var squares = 0.0
  private var components: [(name: String, sum: Double, count: Double)] = []
  private var passed = 0.0
  private var formed = 0.0
  private var hasFormat = false

  init() {}

  /// Of a whole shard.
  init(_ reader: ScoreShardReader) throws {
    for batch in 0..<reader.batchCount { add(try reader.rows(batch: batch), reader.components) }
  }

  /// Adds what another counted over the same components.
  mutating func add(_ other: Tally) {
    if components.isEmpty { components = other.components.map { ($0.name, 0, 0) } }
    rows += other.rows
    scored += other.scored
    sum += other.sum
    squares += other.squares
    passed += other.passed
    formed += other.formed
    hasFormat = hasFormat || other.hasFormat
    for index in other.components.indices {
      components[index].sum += other.components[index].sum
      components[index].count += other.components[index].count
    }
  }

  mutating func add(_ new: [ScoreRow], _ names: [String]) {
    if components.isEmpty { components = names.map { ($0, 0, 0) } }
    let isFormat = names.map { $0.hasPrefix("format") }
    hasFormat = hasFormat || isFormat.contains(true)
    for row in new {
      rows += 1
      if let reward = row.reward {
        scored += 1
        sum += reward
        squares += reward * reward
      }
      for (index, value) in row.components.enumerated() {
        guard let value else { continue }
        components[index].sum += value
        components[index].count += 1
        if index == 0, value >= 1 { passed += 1 }
        if isFormat[index], value >= 1 { formed += 1 }
      }
    }
  }

  /// Empty where nothing was scored. reward_mean, reward_std (population), pass_rate (first component at least 1), format_rate, and each component's
  /// mean.
  var summary: [String: Double] {
    guard scored > 0 else { return [:] }
    let mean = sum / max(scored, 1)
    var all = [
      "reward_mean": mean, "reward_std": max(0, squares / max(scored, 1) - mean * mean).squareRoot(),
      "pass_rate": passed / Double(rows),
    ]
    if hasFormat { all["format_rate"] = formed / Double(rows) }
    for part in components where part.count > 0 { all["component.\(part.name)"] = part.sum / part.count }
    return all
  }
}
