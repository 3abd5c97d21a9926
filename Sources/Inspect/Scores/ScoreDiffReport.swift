package import Formats
import Pipeline

/// A comparison of two score sets, told.
package struct ScoreDiffReport {
  private let diff: ScoreDiff
  private let a: String
  private let b: String
  private let statistics: [PairStatistics]
  private let onlyA: [String]
  private let onlyB: [String]

  package init(_ diff: ScoreDiff, a: String, b: String, components: [[String]]) {
    self.diff = diff
    self.a = a
    self.b = b
    statistics = diff.statistics()
    onlyA = components[0].filter { !components[1].contains($0) }
    onlyB = components[1].filter { !components[0].contains($0) }
  }

  private var chosen: String { diff.measures[0].name }

  /// For people; names and what was extracted are made safe to print.
  package func text() -> String {
    let coverage = diff.coverage
    guard coverage.rollouts > 0 else { return "no rollout is selected\n" }
    var lines = ["A = \(a), B = \(b), on '\(chosen)'; a rollout passes from \(Format.short(diff.threshold)) on"]
    if !onlyA.isEmpty { lines.append("only A has: \(onlyA.joined(separator: ", "))") }
    if !onlyB.isEmpty { lines.append("only B has: \(onlyB.joined(separator: ", "))") }
    lines.append(
      "rollouts: \(coverage.rollouts), with a value in both \(coverage.both), only in A \(coverage.onlyA), "
        + "only in B \(coverage.onlyB), in neither \(coverage.neither)")
    var text = lines.map { Terminal.sanitizeLine($0) + "\n" }.joined()
    guard coverage.both > 0 else { return text + "no rollout has a value in both: there is nothing to compare\n" }
    text += "\n" + confusionTable()
    text += "\n" + measureTable() + "\n" + stepTable()
    let gaps = diff.steps.filter { $0.value.both == 0 }.keys.sorted()
    if !gaps.isEmpty { text += "without a value in both: step\(gaps.count > 1 ? "s" : "") \(Format.steps(gaps))\n" }
    return text + "\n" + flipTable()
  }

  private func confusionTable() -> String {
    let confusion = diff.coverage.confusion
    var table = Table([("", .left), ("B passes", .right), ("B fails", .right)])
    table.append(["A passes", String(confusion.bothPass), String(confusion.onlyA)])
    table.append(["A fails", String(confusion.onlyB), String(confusion.bothFail)])
    return table.rendered()
      + "same verdict \(Format.percent(confusion.agreement)), Cohen's kappa \(Format.decimal(confusion.kappa))\n"
  }

  private func measureTable() -> String {
    var table = Table([
      ("value", .left), ("both", .right), ("same verdict", .right), ("kappa", .right), ("mean A", .right),
      ("mean B", .right), ("change", .right), ("Pearson", .right), ("Spearman", .right), ("same order", .right),
      ("pairs", .right), ("tied", .right),
    ])
    for (measure, row) in zip(diff.measures, statistics) {
      let ranking = measure.ranking
      let ordered = ranking.same + ranking.opposite
      table.append([
        Terminal.sanitizeLine(measure.name, limit: 40), String(row.count), Format.percent(row.confusion.agreement),
        Format.decimal(row.confusion.kappa), Format.decimal(row.meanA), Format.decimal(row.meanB),
        Format.change(Self.difference(row)), Format.decimal(row.pearson), Format.decimal(row.spearman),
        Format.percent(ranking.agreement), String(ordered), String(ranking.pairs - ordered),
      ])
    }
    return table.rendered()
  }

  private static func difference(_ row: PairStatistics) -> Double? {
    row.meanA.flatMap { a in row.meanB.map { $0 - a } }
  }

  private func stepTable() -> String {
    var table = Table([
      ("step", .right), ("rollouts", .right), ("both", .right), ("only A", .right), ("only B", .right),
      ("same verdict", .right), ("mean A", .right), ("mean B", .right), ("change", .right), ("pass to fail", .right),
      ("fail to pass", .right),
    ])
    for (step, row) in diff.steps.sorted(by: { $0.key < $1.key }) {
      table.append([
        String(step), String(row.rollouts), String(row.both), String(row.onlyA), String(row.onlyB),
        Format.percent(row.confusion.agreement), Format.decimal(row.meanA), Format.decimal(row.meanB),
        Format.change(row.change), row.both > 0 ? String(row.confusion.onlyA) : "–",
        row.both > 0 ? String(row.confusion.onlyB) : "–",
      ])
    }
    return table.rendered()
  }

  private func flipTable() -> String {
    let count = diff.coverage.confusion.flipped
    guard count > 0 else { return "no rollout flipped\n" }
    var table = Table([
      ("id", .left), ("step", .right), ("prompt", .left), ("sample", .right), ("A", .right), ("", .left), ("B", .right),
      ("A extracted", .left), ("B extracted", .left),
    ])
    for flip in diff.flips {
      table.append([
        String(flip.id.hex.prefix(12)), String(flip.step), Terminal.sanitizeLine(flip.prompt, limit: 40),
        String(flip.sample), Format.short(flip.a), "→", Format.short(flip.b),
        flip.extractedA.map { Terminal.sanitizeLine($0, limit: 24) } ?? "–",
        flip.extractedB.map { Terminal.sanitizeLine($0, limit: 24) } ?? "–",
      ])
    }
    let rest = count > diff.flips.count ? ", the first \(diff.flips.count) of them (--limit 0 lists all)" : ""
    return "\(count) rollout\(count == 1 ? "" : "s") flipped\(rest):\n" + table.rendered()
  }
}

extension ScoreDiffReport {
  /// The same as data, ids and what was extracted whole.
  package func json() -> JSON {
    let coverage = diff.coverage
    return [
      "a": .string(a), "b": .string(b), "value": .string(chosen), "threshold": .double(diff.threshold),
      "only_a_has": .array(onlyA.map { .string($0) }), "only_b_has": .array(onlyB.map { .string($0) }),
      "rollouts": .int(coverage.rollouts), "both": .int(coverage.both), "only_a": .int(coverage.onlyA),
      "only_b": .int(coverage.onlyB), "neither": .int(coverage.neither),
      "values": .array(zip(diff.measures, statistics).map { Self.json($0, $1) }),
      "steps": .array(diff.steps.sorted { $0.key < $1.key }.map { Self.json($0.key, $0.value) }),
      "flipped_count": .int(coverage.confusion.flipped), "flipped": .array(diff.flips.map { Self.json($0) }),
    ]
  }

  private static func json(_ confusion: Confusion) -> JSON {
    [
      "both_pass": .int(confusion.bothPass), "only_a_passes": .int(confusion.onlyA),
      "only_b_passes": .int(confusion.onlyB), "both_fail": .int(confusion.bothFail),
    ]
  }

  private static func json(_ measure: ScoreDiff.Measure, _ row: PairStatistics) -> JSON {
    let ranking = measure.ranking
    return [
      "name": .string(measure.name), "count": .int(row.count), "agreement": .finite(row.confusion.agreement),
      "kappa": .finite(row.confusion.kappa), "confusion": json(row.confusion), "mean_a": .finite(row.meanA),
      "mean_b": .finite(row.meanB), "change": .finite(difference(row)), "pearson": .finite(row.pearson),
      "spearman": .finite(row.spearman), "order_agreement": .finite(ranking.agreement),
      "pairs_same": .int(ranking.same), "pairs_opposite": .int(ranking.opposite),
      "pairs_tied_in_a": .int(ranking.tiedInA), "pairs_tied_in_b": .int(ranking.tiedInB),
      "pairs_tied_in_both": .int(ranking.tiedInBoth),
    ]
  }

  private static func json(_ step: Int, _ row: ScoreDiff.Coverage) -> JSON {
    [
      "step": .int(step), "rollouts": .int(row.rollouts), "both": .int(row.both), "only_a": .int(row.onlyA),
      "only_b": .int(row.onlyB), "neither": .int(row.neither), "agreement": .finite(row.confusion.agreement),
      "mean_a": .finite(row.meanA), "mean_b": .finite(row.meanB), "change": .finite(row.change),
      "confusion": json(row.confusion),
    ]
  }

  private static func json(_ flip: ScoreDiff.Flip) -> JSON {
    [
      "id": .string(flip.id.hex), "step": .int(flip.step), "prompt": .string(flip.prompt), "sample": .int(flip.sample),
      "a": .double(flip.a), "b": .double(flip.b), "a_extracted": flip.extractedA.map { .string($0) } ?? .null,
      "b_extracted": flip.extractedB.map { .string($0) } ?? .null,
    ]
  }
}
