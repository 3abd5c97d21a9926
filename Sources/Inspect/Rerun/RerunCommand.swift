package import ArgumentParser
import Formats
import Pipeline

/// `rollbook rerun`: does it come out the same, and what if one thing were different?
package struct RerunCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "rerun",
    abstract: "Run a stored action again beside the buffer and compare; or with one thing changed.",
    discussion: """
      From its manifest: the same program and flags, threads and inputs, in a folder of its own; nothing of the buffer \
      changes. Where the result is another, the first tensor, column and row that differ, and what the manifests know \
      of the reasons: code, kernels, threads, parameters, inputs.

        rollbook rerun runs/add step-000002             the training step that made this checkpoint
        rollbook rerun runs/add 2/rollouts              the sampling of step 2; 2/scores/main, 2/train
        rollbook rerun runs/add --step 2                all of a step; --all: all of the run

      The counterfactual: the same rollouts and start, one thing changed, metrics side by side:

        rollbook rerun runs/add step-000002 --with recipe=dapo --with lr=2e-6
        rollbook rerun runs/add 2/rollouts --with temperature=0.7
        rollbook rerun runs/add 2/scores/main --with reward=math=1 --with reward=format=0.5

      Exit code 1: the result is another. 65 or 69: an input has changed or is gone. It starts what the manifest says: \
      run only buffers that you trust.
      """)

  @OptionGroup package var options: BufferOptions

  @Argument(
    help: ArgumentHelp(
      "What to make again: a checkpoint, a shard, N/rollouts, N/scores/SET, N/train, latest or step:N.",
      valueName: "output"))
  package var outputs: [String] = []

  @Option(help: ArgumentHelp("Everything that was made at this step.", valueName: "n"))
  package var step: Int?

  @Flag(help: "Everything that stages made.")
  package var all = false

  @Option(
    name: .customLong("with"), parsing: .singleValue,
    help: ArgumentHelp(
      "Change a flag of the stage and compare metrics; 'flag=' leaves it out. May be given several times.",
      discussion: "A flag given twice, such as reward, gets both values. 'loss' means recipe.", valueName: "flag=value")
  )
  package var with: [String] = []

  @Option(help: ArgumentHelp("Threads to compute with (default: as many as were stored).", valueName: "n"))
  package var threads: Int?

  @Flag(help: "Run even where an input has changed or is gone.")
  package var anyway = false

  @Option(
    help: ArgumentHelp("Keep the rerun's buffer in this new folder, with what it made.", valueName: "dir"))
  package var keep: String?

  package init() {}

  package func validate() throws {
    guard !outputs.isEmpty || step != nil || all else {
      throw ValidationError("expected what to run again: an output, --step N or --all")
    }
    guard [!outputs.isEmpty, step != nil, all].filter(\.self).count == 1 else {
      throw ValidationError("expected one of outputs, --step and --all")
    }
    if let threads, !(1...4096).contains(threads) { throw ValidationError("--threads \(threads): expected 1 to 4096") }
  }

  package func run() throws {
    let buffer = try options.open()
    let changes = try RerunChanges(with)
    let catalogue = try ActionCatalogue(buffer)
    for warning in catalogue.warnings { note("warning: \(warning)") }
    let actions = try self.actions(catalogue)
    let isOneStage = Set(actions.map { "\($0.stage) \($0.step)" }).count == 1
    guard actions.count == 1 || keep == nil && (changes.isEmpty || isOneStage) else {
      throw RollbookError.usage(
        "\(keep != nil ? "--keep goes with one action" : "--with goes with one stage of one step"), found: "
          + actions.prefix(8).map(\.title).joined(separator: ", ") + (actions.count > 8 ? ", …" : ""))
    }
    var results: [RerunResult] = []
    var failures: [(action: String, error: RollbookError)] = []
    for action in actions {
      if Interrupt.requested { throw RerunCommandLine.interrupted }
      let rerun = Rerun(
        buffer: buffer, catalogue: catalogue, stored: action, changes: changes, threads: threads, anyway: anyway,
        keep: keep, isQuiet: options.json, note: note)
      do {
        let result = try rerun.run()
        results.append(result)
        if !options.json { try Output.print(result.text, terminator: "") }
      } catch let error as RollbookError where actions.count > 1 && error.code != .interrupted {
        failures.append((action.title, error))
        if !options.json { try Output.print(Terminal.sanitizeLine("\(error)")) }
      }
    }
    try finish(results, failures)
  }

  private func actions(_ catalogue: ActionCatalogue) throws -> [StoredAction] {
    if let step { return try catalogue.actions(of: catalogue.outputs(step: step), whole: true) }
    if all { return try catalogue.actions(of: catalogue.manifests, whole: true) }
    var found: [Manifest] = []
    for name in outputs {
      found += try catalogue.outputs(named: name).filter { !found.contains($0) }
    }
    return try catalogue.actions(of: found, whole: false)
  }

  private func note(_ text: String) {
    if !options.json { Output.note(Terminal.sanitizeLine(text)) }
  }

  private func finish(_ results: [RerunResult], _ failures: [(action: String, error: RollbookError)]) throws {
    let different = results.filter { !$0.isIdentical }.count
    if options.json {
      try options.print([
        "ok": .bool(different == 0 && failures.isEmpty), "actions": .array(results.map(\.json)),
        "failures": .array(
          failures.map {
            ["action": .string($0.action), "code": .int(Int($0.error.code.rawValue)), "error": .string("\($0.error)")]
          }),
      ])
    } else if results.count + failures.count > 1, with.isEmpty {
      let failed = failures.isEmpty ? "" : ", \(failures.count) could not be run"
      try Output.print("\(results.count - different) identical, \(different) different\(failed)")
    }
    if different > 0 { throw ExitCode(1) }
    if let first = failures.first { throw ExitCode(first.error.code.rawValue) }
  }
}
