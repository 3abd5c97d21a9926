package import Formats
import Pipeline

/// Numbers of signals as people read them.
enum SignalText {
  static func number(_ value: Double?) -> String { Format.decimal(value, 3) }
}

extension Signal {
  func text(_ value: Double?) -> String { isShare ? Format.percent(value) : Format.decimal(value, 2) }
}

/// The signals of a score set, told.
package struct ScoreSignalsReport {
  /// Names of sets and components; nil for none.
  package struct Names {
    package var set: String
    package var gold: String?
    package var correct: String?
    package var format: String?

    package init(set: String, gold: String?, correct: String?, format: String?) {
      (self.set, self.gold, self.correct, self.format) = (set, gold, correct, format)
    }
  }

  private let names: Names
  private let signals: ScoreSignals
  private let curve: OverOptimisationCurve?
  private let flags: [SignalFlag]

  /// - Parameter curve: With a gold set.
  package init(_ signals: ScoreSignals, _ names: Names, curve: OverOptimisationCurve?) {
    self.signals = signals
    self.names = names
    self.curve = curve
    flags = signals.flags(gold: names.gold != nil)
  }

  private var steps: [(key: Int, value: ScoreSignals.Step)] { signals.steps.sorted { $0.key < $1.key } }
  private var shown: [Signal] { Signal.all.filter { names.gold != nil || !$0.needsGold } }

  private func marks(_ step: Int) -> [SignalFlag] { flags.filter { $0.steps.contains(step) } }

  /// For people; names are made safe to print.
  package func text() -> String {
    guard !steps.isEmpty else { return "no rollout is selected\n" }
    var lines = ["rewards of '\(names.set)'" + (names.gold.map { ", gold is '\($0)'" } ?? "")]
    if let correct = names.correct, let format = names.format {
      lines.append("form only: '\(format)' is at least 1 and '\(correct)' is not")
    } else {
      let lacking = names.format == nil ? "called format… (--format names one)" : "of correctness (--correct names one)"
      lines.append("form only: not known, as the set has no component \(lacking)")
    }
    var text = lines.map { Terminal.sanitizeLine($0) + "\n" }.joined() + "\n" + table()
    if !flags.isEmpty { text += "\n" }
    for flag in flags {
      let steps = "step\(flag.steps.count > 1 ? "s" : "") \(Format.steps(flag.steps))"
      text += "! \(flag.title), \(steps): \(flag.explanation)\n"
    }
    if let curve { text += "\n" + curve.text() }
    return text
  }

  private func table() -> String {
    let hasGold = names.gold != nil
    var columns: [(title: String, alignment: Table.Alignment)] = [
      ("step", .right), ("rollouts", .right), ("scored", .right), ("reward", .right), ("length", .right),
    ]
    if hasGold { columns.append(("gold", .right)) }
    columns += shown.map { ($0.title, .right) }
    if curve != nil { columns.append(("√KL", .right)) }
    var table = Table(columns + [("!", .left)])
    for (number, step) in steps {
      var cells = [
        String(number), String(step.rollouts), String(step.scored),
        SignalText.number(step.scored > 0 ? step.lengths.meanX : nil),
        Format.decimal(step.scored > 0 ? step.lengths.meanY : nil, 1),
      ]
      if hasGold { cells.append(SignalText.number(step.golds.count > 0 ? step.golds.meanY : nil)) }
      cells += shown.map { $0.text($0.reading(step)?.value) }
      if let curve { cells.append(SignalText.number(curve.distances[number])) }
      let marks = marks(number).map(\.title)
      table.append(cells + [marks.isEmpty ? "" : "! " + marks.joined(separator: ", ")])
    }
    return table.rendered()
  }
}

extension ScoreSignalsReport {
  /// The same as data.
  package func json() -> JSON {
    func name(_ text: String?) -> JSON { text.map { .string($0) } ?? .null }
    return [
      "scores": .string(names.set), "gold": name(names.gold), "correct": name(names.correct),
      "format": name(names.format), "steps": .array(lines()),
      "flags": .array(
        flags.map { flag in
          [
            "signal": .string(flag.key), "steps": .array(flag.steps.map { .int($0) }),
            "explanation": .string(flag.explanation),
          ]
        }),
      "plot": name(curve?.command), "plot_missing": .array((curve?.missing ?? []).map { .string($0) }),
    ]
  }

  /// One object a step.
  package func lines() -> [JSON] {
    steps.map { number, step in
      var object: JSONObject = [
        "step": .int(number), "scores": .string(names.set), "rollouts": .int(step.rollouts),
        "scored": .int(step.scored), "groups": .int(step.groups),
        "reward_mean": .finite(step.scored > 0 ? step.lengths.meanX : nil),
        "response_length_mean": .finite(step.scored > 0 ? step.lengths.meanY : nil),
      ]
      for signal in shown { object[signal.key] = .finite(signal.reading(step)?.value) }
      if let gold = names.gold {
        object["gold"] = .string(gold)
        object["both_scored"] = .int(step.golds.count)
        object["proxy_mean_of_both"] = .finite(step.golds.count > 0 ? step.golds.meanX : nil)
        object["gold_mean"] = .finite(step.golds.count > 0 ? step.golds.meanY : nil)
        object["sqrt_kl"] = .finite(curve?.distances[number])
      }
      object["flags"] = .array(marks(number).map { .string($0.key) })
      return .object(object)
    }
  }
}
