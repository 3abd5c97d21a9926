import Formats
import Pipeline

/// The same step with another setting, number beside number.
enum Counterfactual {
  struct Metric: Equatable {
    let name: String
    let stored: Double?
    let rerun: Double?

    /// How many times as large; nil where that says nothing.
    var ratio: Double? {
      guard let stored, let rerun, stored != 0 else { return nil }
      return rerun / stored
    }

    var json: JSON {
      ["name": .string(name), "stored": JSON.finite(stored), "rerun": JSON.finite(rerun), "ratio": JSON.finite(ratio)]
    }
  }

  /// Of the machine's state, not of the step.
  private static let leftOut: Set<String> = ["seconds", "tokens_per_second", "peak_memory_bytes"]
  /// What people look for first.
  private static let order = [
    "loss", "policy_loss", "kl_loss", "grad_norm", "update_norm", "learning_rate", "entropy_mean", "ref_kl_k1",
    "ref_kl_k3", "approx_kl_k3", "clip_fraction", "clip_fraction_low", "clip_fraction_high", "ratio_max",
    "reward_mean", "reward_std", "pass_rate", "response_length_mean",
  ]

  /// What the manifests sum up, and for rollouts what their rows do.
  ///
  /// - Parameter pairs: Outputs as they are stored and as the rerun made them: the parts of a step's score set, or a
  ///   training step's checkpoint and updates, which sum up the same.
  static func metrics(_ pairs: [(stored: Manifest, found: Manifest)], in buffer: Buffer, _ scratch: Buffer) throws
    -> [Metric]
  {
    guard let first = pairs.first else { return [] }
    var (a, b) = (merged(pairs.map(\.stored)), merged(pairs.map(\.found)))
    if first.stored.kind == .rollouts {
      let mine = try? summary(buffer.path(of: first.stored))
      let other = try summary(scratch.path(of: first.found))
      a.merge(mine?.values ?? [:]) { $1 }
      b.merge(other.values) { $1 }
      if let mine {
        let same = other.responses.filter { mine.responses[$0.key] == $0.value }.count
        (a["same_responses"], b["same_responses"]) = (1, Double(same) / Double(max(1, other.responses.count)))
      }
    }
    func rank(_ name: String) -> (Int, String) { (order.firstIndex(of: name) ?? order.count, name) }
    return Set(a.keys).union(b.keys).subtracting(leftOut).sorted { rank($0) < rank($1) }
      .map { Metric(name: $0, stored: a[$0], rerun: b[$0]) }
  }

  /// Means over the rows of all parts, and the deviation of the whole from those of the parts.
  private static func merged(_ parts: [Manifest]) -> [String: Double] {
    let scores = parts.filter { $0.kind == .scores }
    guard scores.count > 1 else { return parts.first?.summary ?? [:] }
    func mean(_ value: (Manifest) -> Double?) -> Double? {
      let known = scores.compactMap { part in value(part).map { (rows: Double(part.rows), value: $0) } }
      let rows = known.reduce(0) { $0 + $1.rows }
      return rows > 0 ? known.reduce(0) { $0 + $1.rows * $1.value } / rows : nil
    }
    var all: [String: Double] = [:]
    for name in Set(scores.flatMap(\.summary.keys)) { all[name] = mean { $0.summary[name] } }
    if let centre = all["reward_mean"],
      let squares = mean({ part in part.summary["reward_std"].map { $0 * $0 + square(part.summary["reward_mean"] ?? 0) }
      })
    {
      all["reward_std"] = max(0, squares - square(centre)).squareRoot()
    }
    return all
  }

  private static func square(_ value: Double) -> Double { value * value }

  private static func summary(_ path: String) throws -> (values: [String: Double], responses: [String: [Int32]]) {
    let reader = try RolloutShardReader(path: path)
    var responses: [String: [Int32]] = [:]
    var (shortest, longest, sum, count) = (Double.infinity, 0.0, 0.0, 0.0)
    for batch in 0..<reader.batchCount {
      for row in try reader.rows(batch: batch) {
        responses["\(row.promptID)/\(row.sample)"] = row.responseTokens
        shortest = min(shortest, Double(row.responseTokens.count))
        longest = max(longest, Double(row.responseTokens.count))
        for value in row.logprobs ?? [] {
          sum += Double(value)
          count += 1
        }
      }
    }
    return (
      ["response_length_min": shortest, "response_length_max": longest, "logprob_mean": sum / max(1, count)], responses
    )
  }

  /// A table: metric, stored, rerun, their ratio.
  static func table(_ metrics: [Metric]) -> String {
    var table = Table([("metric", .left), ("stored", .right), ("rerun", .right), ("ratio", .right)])
    func text(_ value: Double?) -> String { value.map { Format.brief($0) } ?? "–" }
    for metric in metrics {
      let ratio = metric.ratio.map { abs($0) < 1e5 ? Format.decimal($0, 3) : Format.brief($0) } ?? "–"
      table.append([
        Terminal.sanitizeLine(metric.name), text(metric.stored), text(metric.rerun),
        metric.stored == metric.rerun ? "=" : ratio,
      ])
    }
    return table.rendered()
  }
}
