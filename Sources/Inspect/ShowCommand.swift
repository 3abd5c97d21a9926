package import ArgumentParser
package import Formats
import Pipeline
import Tokenizer

/// `rollbook show`: one rollout, whole.
package struct ShowCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Show a rollout: prompt, response, rewards of every score set, and its tokens.",
    discussion: """
      A rollout is named by STEP/PROMPT/SAMPLE or by the first digits of its id, as many as make it unambiguous.

        rollbook show runs/add 1/addition-train-00007/3
        rollbook show runs/add 3f9c --tokens
        rollbook show runs/add 3f9c --json | jq .response

      --tokens adds one line a token: its id and text, the log-probability under which it was sampled and, when a \
      training step used the rollout, its advantage, old and reference log-probability, ratio, and whether it was \
      clipped. The text needs the tokenizer: from the run's newest checkpoint or the model that generated.
      """)

  @OptionGroup package var options: BufferOptions

  @Argument(help: ArgumentHelp("STEP/PROMPT/SAMPLE, or the first digits of a rollout's id.", valueName: "rollout"))
  package var address: String

  @Flag(help: "Add one line a token.")
  package var tokens = false

  package init() {}

  package func run() throws {
    let index = try options.index()
    let view = try RolloutView(index, address)
    let tokenizer = tokens ? tokenizer(view, options) : nil
    if options.json { return try options.print(view.json(tokens: tokens, tokenizer)) }
    var text = view.text()
    if tokens { text += "\n" + view.tokenTable(tokenizer) }
    try Output.print(text, terminator: "")
  }

  private func tokenizer(_ view: RolloutView, _ options: BufferOptions) -> Tokenizer? {
    guard let buffer = try? options.open() else { return nil }
    let (tokenizer, reason) = BufferTokenizer.find(buffer, shard: view.record.shard)
    if tokenizer == nil { Output.note(Terminal.sanitize("note: token ids only: \(reason)")) }
    return tokenizer
  }
}

/// A rollout with all that is known of it.
package struct RolloutView {
  package let record: RolloutRecord
  package let rollout: Rollout
  package let scores: [(record: ScoreRecord, row: ScoreRow)]
  /// Of the last update shard that has it.
  package let update: UpdateRow?

  /// Finds and reads it.
  package init(_ index: Index, _ address: String) throws {
    record = try index.resolve(address)
    rollout = try index.load(record)
    scores = try index.scores(of: record.id).map { ($0, try index.load($0)) }
    update = try index.updates(of: record.id).last.map { try index.load($0) }
  }

  /// For people; all text of the model, of the prompts and of files is made safe to print.
  package func text() -> String {
    var lines = ["rollout   \(record.address)   \(record.hexID)"]
    lines.append("policy    \(rollout.policy)" + (rollout.policyStep.map { "   checkpoint \($0)" } ?? ""))
    let task = rollout.task.map { "task \($0)   " } ?? ""
    lines.append("sampled   \(task)\(rollout.kind)   group \(rollout.group)   seed \(rollout.seed)")
    lines.append(
      "lengths   prompt \(rollout.promptTokens.count), response \(rollout.responseTokens.count) tokens   "
        + "finish \(rollout.finishReason.rawValue)")
    if let answer = rollout.answer { lines.append("answer    \(Self.oneLine(answer))") }
    for (record, row) in scores {
      let components = record.components.map { "\($0.name) \(Self.number($0.value))" }.joined(separator: ", ")
      let extracted = row.extracted.map { "   extracted \(Self.oneLine($0))" } ?? ""
      lines.append("score     \(record.set): \(Self.number(row.reward))   \(components)\(extracted)")
    }
    if scores.isEmpty { lines.append("score     none yet") }
    lines += ["stored    \(record.shard), batch \(record.batch), row \(record.row)"]
    let head = lines.map { Terminal.sanitizeLine($0) }.joined(separator: "\n")
    return head + "\n\n" + Self.block("prompt", rollout.promptText) + "\n"
      + Self.block("response", rollout.responseText)
  }

  private static func block(_ title: String, _ text: String) -> String {
    let clean = Terminal.sanitize(text)
    return "--- \(title) ---\n\(clean)\(clean.hasSuffix("\n") || clean.isEmpty ? "" : "\n")"
  }

  private static func oneLine(_ text: String) -> String { Terminal.sanitizeLine(text, limit: 80) }

  /// A reward, without zeros at its end.
  private static func number(_ value: Double?) -> String {
    guard let value else { return "–" }
    if let whole = Int(exactly: value) { return String(whole) }
    var text = Format.decimal(value, 4)
    while text.hasSuffix("0") { text.removeLast() }
    return text
  }
}
