import Formats
package import Pipeline

/// The metrics of one run as curves over its steps.
package struct RunMetrics: Sendable {
  package struct Key: Hashable, Comparable, Sendable {
    package var stage: String
    package var name: String

    /// `train/loss`, as TensorBoard shows it.
    package var full: String { "\(stage)/\(name)" }

    /// Where to look first for a name without its stage.
    private var rank: Int { ["train", "score:main"].firstIndex(of: stage) ?? (stage.hasPrefix("score:") ? 2 : 3) }

    package static func < (a: Key, b: Key) -> Bool { (a.rank, a.stage, a.name) < (b.rank, b.stage, b.name) }
  }

  /// The run's folder as it was given.
  package let name: String
  /// By step; NaN where a number was not finite.
  private let curves: [Key: [Series.Point]]

  package var keys: [Key] { Array(curves.keys) }

  package init(name: String, lines: [Metrics.Line]) {
    self.name = name
    var values: [Key: [Int: Double]] = [:]
    for line in lines {
      for item in line.values { values[Key(stage: line.stage, name: item.name), default: [:]][line.step] = item.value }
    }
    curves = values.mapValues { $0.sorted { $0.key < $1.key }.map { Series.Point(Double($0.key), $0.value) } }
  }

  package func series(_ key: Key) -> Series { Series(name, curves[key] ?? []) }
}

/// The metrics of several runs.
package struct PlotData: Sendable {
  package let runs: [RunMetrics]
  /// What any of them has, in the order in which names are looked up.
  private let keys: [RunMetrics.Key]

  /// What is drawn when nothing is named: of each list the first that there is.
  private static let usual = [
    ["reward_mean"], ["pass_rate"], ["ref_kl_k3", "kl"], ["entropy_mean", "entropy"], ["grad_norm"],
    ["response_length_mean"],
  ]
  /// KL divergence to the reference.
  package static let divergences = ["ref_kl_k3", "ref_kl_k1", "kl"]
  /// Names that an error lists.
  private static let mostNames = 60

  /// - Throws: `missing` (69) when no run has a metric.
  package init(_ runs: [RunMetrics]) throws {
    self.runs = runs
    keys = Set(runs.flatMap(\.keys)).sorted()
    guard !keys.isEmpty else {
      throw RollbookError.missing(
        runs.map(\.name).joined(separator: ", "), "no metrics are recorded yet",
        hint: "'rollbook train' and 'rollbook score' record them at the end of each step")
    }
  }

  /// The metric of that name: `STAGE/NAME`, or NAME alone, which is looked for in train, then in the scores.
  package func find(_ name: String) -> RunMetrics.Key? {
    keys.first { $0.full == name } ?? keys.first { $0.name == name }
  }

  /// - Throws: `usage` (64) that names the metrics there are.
  package func find(_ name: String, for flag: String) throws -> RunMetrics.Key {
    if let key = find(name) { return key }
    throw RollbookError.usage("\(flag) \(name): there is no such metric", hint: "there are \(list)")
  }

  private var list: String {
    let rest = keys.count - Self.mostNames
    return keys.prefix(Self.mostNames).map { Terminal.sanitizeLine($0.full, limit: 80) }.joined(separator: ", ")
      + (rest > 0 ? " and \(rest) more" : "")
  }

  /// The metrics to draw.
  package func chosen(_ names: [String]) throws -> [RunMetrics.Key] {
    if !names.isEmpty { return try names.map { try find($0, for: "--metric") } }
    let usual = Self.usual.compactMap { $0.lazy.compactMap { find($0) }.first }
    if !usual.isEmpty { return usual }
    throw RollbookError.usage(
      "none of the usual metrics is recorded", hint: "name one with --metric; there are \(list)")
  }
}
