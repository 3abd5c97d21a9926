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

  /// Adds a whole shard.
  mutating func add(_ reader: ScoreShardReader) throws {
    for batch in 0..<reader.batchCount { add(try reader.rows(batch: batch), reader.components) }
  }

  mutating func add(_ new: [ScoreRow], _ names: [String]) {
    if components.isEmpty { components = names.map { ($0, 0, 0) } }
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
        if components[index].name.hasPrefix("format") {
          hasFormat = true
          formed += value >= 1 ? 1 : 0
        }
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
