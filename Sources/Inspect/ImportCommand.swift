package import ArgumentParser
import Formats
import Pipeline
import Tokenizer

/// `rollbook import`: other people's rollouts, pairs, demonstrations and texts as shards.
package struct ImportCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Make shards of JSON Lines files: completions, pairs, demonstrations, texts, what other trainers dump.",
    discussion: """
      EXAMPLES
        Completions with rewards, one object a line, tokenized with the run's tokenizer:
          rollbook import runs/add samples.jsonl
        Into a new run, with a model's tokenizer:
          rollbook import runs/new pairs.jsonl --model models/smollm2 --step 3
        What verl wrote, its scores as the set 'verl':
          rollbook import runs/add rollouts/*.jsonl --model smollm2.gguf --scores verl
        TRL's Parquet, after a conversion:
          python3 scripts/interop/parquet_to_jsonl.py completions_00010.parquet > c.jsonl
          rollbook import runs/add c.jsonl --model models/smollm2
        What another run exported, tokens and log-probabilities to the bit:
          rollbook export runs/add jsonl --output add.jsonl
          rollbook import runs/copy add.jsonl

      FORMATS, told apart by the fields of a file's first line unless --as names one
      \(ExchangeFormat.table.map { "  \($0.name): \($0.summary)" }.joined(separator: "\n"))
        arrow: what `rollbook export … arrow` writes, or a rollout shard, told by its first bytes

      Rows of one prompt in consecutive lines are one group. Rewards become a score set, one component for each of \
      their parts. Each file is taken whole or not at all; one that was imported before is left alone (exit 0). \
      docs/exchange.md has a line of each format and all rules.
      """)

  @OptionGroup package var options: BufferOptions

  @Argument(
    help: ArgumentHelp("JSON Lines or Arrow files; the folder of the run is made if need be.", valueName: "file"))
  package var files: [String]

  @Option(name: .customLong("as"), help: ArgumentHelp("The files' format, one of the list above.", valueName: "format"))
  package var format: String?

  @Option(help: ArgumentHelp("The training step of the rows (default: the rows' own, else 0).", valueName: "n"))
  package var step: Int?

  @Option(help: ArgumentHelp("The score set for rewards (default: imported).", valueName: "set"))
  package var scores: String?

  @Option(
    help: ArgumentHelp(
      "Whose tokenizer: a folder, a .gguf file, 'latest' or 'step:N' (default: the run's).", valueName: "model"))
  package var model: String?

  @Option(
    help: ArgumentHelp("The date that a chat template which asks for it is told.", valueName: "YYYY-MM-DD"))
  package var date: String?

  @Flag(help: "Pass over lines that cannot be imported, and say how many there were and why.")
  package var skipBad = false

  package init() {}

  package mutating func validate() throws {
    if files.isEmpty { throw ValidationError("expected files to import, found none") }
    if let date, LocalTime(date)?.date != date {
      throw ValidationError("--date \(date): expected a date such as 2026-11-21")
    }
    if let step, step < 0 { throw ValidationError("--step \(step): expected 0 or more") }
  }

  package func run() throws {
    var settings = ImportSettings(step: step, set: scores, model: model, skipsBad: skipBad)
    settings.date = date.flatMap { LocalTime($0) }
    if let scores { try Buffer.validate(set: scores) }
    if let format {
      guard let known = ExchangeFormat.named(format) else {
        let names = ExchangeFormat.table.map(\.name).joined(separator: ", ")
        throw RollbookError.usage("--as: unknown format '\(format)'", hint: "known: \(names)")
      }
      settings.format = known
    }
    // Before a folder is made for nothing.
    for file in files { _ = try LineReader(path: file) }
    let importer = Importer(try Buffer.open(path: options.path, create: true), settings)
    var reports: [ImportReport] = []
    for file in files {
      let report = try importer.take(file)
      for reason in report.reasons { Output.note(Terminal.sanitize("skipped: \(reason)")) }
      Output.note(Terminal.sanitize(report.sentence))
      reports.append(report)
    }
    if options.json { try options.print(Self.json(reports)) }
    guard reports.contains(where: { $0.rows > 0 }) else {
      throw RollbookError.badInput(
        files.joined(separator: ", "),
        "expected a row to import, found \(reports.reduce(0) { $0 + $1.skipped }) bad ones")
    }
  }

  static func json(_ reports: [ImportReport]) -> JSON {
    func total(_ value: (ImportReport) -> Int) -> JSON { .int(reports.reduce(0) { $0 + value($1) }) }
    return [
      "stage": "import", "rollouts": total(\.rows), "scored": total(\.scored), "skipped": total(\.skipped),
      "made": total { $0.isOld ? 0 : $0.shards.count }, "files": .array(reports.map(\.json)),
    ]
  }
}
