import Formats
import Pipeline

/// What came of running an action again.
struct RerunResult {
  let stored: StoredAction
  let changes: RerunChanges
  let seconds: Double
  /// Where the rerun's buffer is, if it was to stay.
  let kept: String?
  /// Empty for a counterfactual, which is compared by its metrics.
  var outputs: [OutputComparison] = []
  var metrics: [Counterfactual.Metric] = []
  /// What is not as it was.
  var causes: [RerunCause] = []

  init(stored: StoredAction, changes: RerunChanges, seconds: Double, kept: String?) {
    self.stored = stored
    self.changes = changes
    self.seconds = seconds
    self.kept = kept
  }

  var isIdentical: Bool { outputs.allSatisfy(\.isIdentical) }
}

extension RerunResult {
  private var time: String { "(\(Format.decimal(seconds, 1)) s)" }

  /// For people: a line for the action, below it what differs and why.
  var text: String {
    if !changes.isEmpty { return counterfactual }
    var lines = ["\(stored.title): \(isIdentical ? "identical" : "differs")   \(time)"]
    lines += outputs.flatMap(\.lines).map { "  \($0)" }
    if !isIdentical {
      lines += why.map { "  why: \($0)" }
    } else {
      lines += causes.map { "  note: \($0.sentence); the result is the same" }
    }
    if let kept { lines.append("  kept in \(kept)") }
    return lines.map { Terminal.sanitizeLine($0) + "\n" }.joined()
  }

  private var why: [String] {
    guard causes.isEmpty else { return causes.map(\.sentence) }
    if outputs.contains(where: { $0.damage != nil }), outputs.allSatisfy({ $0.stored == $0.rerun }) {
      return ["the rerun is what was published; the stored files were changed since"]
    }
    let commit =
      stored.action.code.commit == nil ? "; the commit of the code is not recorded (ROLLBOOK_COMMIT sets it)" : ""
    return ["the manifests name no difference in code, kernels, threads, parameters or inputs" + commit]
  }

  private var counterfactual: String {
    let head = ["\(stored.title) with \(changes.text)   \(time)"]
    let tail = causes.map { "\($0.what): \($0.stored) → \($0.found)" } + (kept.map { ["kept in \($0)"] } ?? [])
    func text(_ lines: [String]) -> String { lines.map { Terminal.sanitizeLine($0) + "\n" }.joined() }
    return text(head) + Counterfactual.table(metrics) + text(tail)
  }

  var json: JSON {
    var object: JSONObject = [
      "action": .string(stored.title), "stage": .string(stored.stage), "step": .int(stored.step),
      "seconds": JSON.finite(seconds),
    ]
    if changes.isEmpty {
      object["identical"] = .bool(isIdentical)
      object["outputs"] = .array(outputs.map(\.json))
    } else {
      object["with"] = .string(changes.text)
      object["metrics"] = .array(metrics.map(\.json))
    }
    object["causes"] = .array(causes.map(\.json))
    if let kept { object["kept"] = .string(kept) }
    return .object(object)
  }
}
