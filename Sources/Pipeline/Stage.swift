package import ArgumentParser
package import Formats
import Foundation

/// The frame around every program: parse, run, tell people what went wrong, and end with an exit code that scripts and
/// schedulers can act on.
///
/// | code | meaning |
/// |---|---|
/// | 0 | done, or already done |
/// | 1 | `rollbook rerun`: not the same result |
/// | 64 | wrong usage |
/// | 65 | bad or corrupt input |
/// | 69 | something upstream is missing |
/// | 70 | a fault of ours |
/// | 74 | input or output failed (disk full, no permission) |
/// | 75 | interrupted: run the same command again to resume |
package enum Stage {
  /// Runs a command to the end of the process. The `main` of every program:
  /// `static func main() { Stage.main(Self.self) }`.
  ///
  /// - Parameters:
  ///   - arguments: Without the program's name; default: the command line's.
  ///   - resumable: Whether the command reads `Interrupt.requested`. A signal ends other commands at once, as usual.
  package static func main<Command: ParsableCommand>(
    _ command: Command.Type, arguments: [String]? = nil, resumable: Bool = true
  ) -> Never {
    Interrupt.ignoreClosedPipes()
    if resumable { Interrupt.install() }
    exit(run(command, arguments: arguments ?? Array(CommandLine.arguments.dropFirst())))
  }

  /// Parses and runs a command; its errors go to standard error.
  ///
  /// - Returns: The exit code.
  package static func run<Command: ParsableCommand>(_ command: Command.Type, arguments: [String]) -> Int32 {
    do {
      var parsed = try command.parseAsRoot(arguments)
      if let name = command.configuration.commandName { Provenance.record(program: name, arguments: arguments) }
      try parsed.run()
      return 0
    } catch {
      let outcome = outcome(of: error, in: command)
      if outcome.code == 0 {
        try? Output.print(outcome.text, terminator: "")
      } else {
        Output.note(outcome.text, terminator: "")
      }
      return outcome.code
    }
  }

  /// The exit code of an error and the text that tells people about it (ended by a newline, or empty).
  package static func outcome<Command: ParsableCommand>(
    of error: any Error, in command: Command.Type
  ) -> (code: Int32, text: String) {
    switch error {
    case let error as RollbookError: return (error.code.rawValue, text(of: error))
    case is Output.Closed: return (0, "")
    case let error as ExitCode: return (error.rawValue, "")
    case let error as CocoaError: return outcome(of: error)
    case let error as POSIXError:
      return (RollbookError.Code.io.rawValue, text(of: RollbookError(.io, error.localizedDescription)))
    default: break
    }
    let code = command.exitCode(for: error)
    if code == .failure {  // nothing that the parser knows
      return (RollbookError.Code.bug.rawValue, "error: \(error)\n  this is a fault in Rollbook: please report it\n")
    }
    var message = command.fullMessage(for: error, columns: helpColumns)
    if message.hasPrefix("Error: ") { message = "error: " + message.dropFirst(7) }
    return (code.rawValue, message.isEmpty || message.hasSuffix("\n") ? message : message + "\n")
  }

  /// `error: place: message`, then the hint on a line of its own. Names and values from files are made safe to print.
  package static func text(of error: RollbookError) -> String {
    let head = error.place.isEmpty ? error.message : "\(error.place): \(error.message)"
    let hint = error.hint.map { "\n  \($0)" } ?? ""
    return Terminal.sanitize("error: \(head)\(hint)\n")
  }

  /// Foundation's file errors: not found is 69, the rest 74.
  private static func outcome(of error: CocoaError) -> (code: Int32, text: String) {
    let missing = error.code == .fileNoSuchFile || error.code == .fileReadNoSuchFile
    let code: RollbookError.Code = missing ? .missing : .io
    return (code.rawValue, text(of: RollbookError(code, place: error.filePath ?? "", error.localizedDescription)))
  }

  /// Help is wrapped at the terminal's width, between 60 and 120 columns.
  private static var helpColumns: Int { min(120, max(60, Terminal.columns(STDOUT_FILENO))) }
}

extension StageOptions {
  /// A line for people on standard error, unless `--quiet`.
  package func note(_ text: String) {
    if !quiet { Output.note(Terminal.sanitize(text)) }
  }

  /// The end of a stage: with `--json` the summary as one line of JSON on standard output, besides the sentence for
  /// people.
  ///
  /// - Throws: `RollbookError` when standard output cannot be written; a closed pipe is nobody's fault.
  package func finish(_ summary: JSONObject, _ sentence: String) throws {
    note(sentence)
    guard json else { return }
    do {
      try Output.print(JSON.object(summary).serialized())
    } catch is Output.Closed {}
  }
}
