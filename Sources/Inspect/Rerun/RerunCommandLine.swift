import Formats
import Foundation
import Pipeline

/// What `--with` changes.
struct RerunChanges {
  /// Values by flag, in the order given; nil for a flag without value, none where it is to be left out.
  private(set) var values: [(name: String, values: [String?])] = []

  var isEmpty: Bool { values.isEmpty }
  var names: Set<String> { Set(values.map(\.name)) }
  /// `recipe=dapo lr=2e-6`
  var text: String {
    values.map { item in
      item.values.isEmpty
        ? "\(item.name)=" : item.values.map { item.name + ($0.map { "=\($0)" } ?? "") }.joined(separator: " ")
    }.joined(separator: " ")
  }

  private static let aliases = ["loss": "recipe"]
  /// What says which action it is, and where its result goes.
  private static let fixed: Set<String> = [
    "buffer", "step", "shard-index", "num-shards", "json", "quiet", "help", "version",
  ]

  /// - Parameter texts: `flag=value`, `flag`, or `flag=` to leave it out; a flag again adds another value.
  /// - Throws: `usage`.
  init(_ texts: [String]) throws {
    let letters = Set("abcdefghijklmnopqrstuvwxyz0123456789-".utf8)
    for text in texts {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      let typed = parts[0].hasPrefix("--") ? String(parts[0].dropFirst(2)) : parts[0]
      let name = Self.aliases[typed] ?? typed
      guard !name.isEmpty, !name.hasPrefix("-"), name.utf8.allSatisfy(letters.contains) else {
        throw RollbookError.usage("--with \(text): expected a flag of the stage and its value, such as lr=2e-6")
      }
      guard !Self.fixed.contains(name) else {
        throw RollbookError.usage("--with \(text): --\(name) says which action it is, or where its result goes")
      }
      let new: [String?] = parts.count == 1 ? [nil] : parts[1].isEmpty ? [] : [parts[1]]
      if let place = values.firstIndex(where: { $0.name == name }) {
        values[place].values += new
      } else {
        values.append((name, new))
      }
    }
  }
}

/// The command that runs a stored action again.
struct RerunCommandLine {
  let program: String
  let arguments: [String]
  let directory: String
  /// Whether the folder that it ran in is still there.
  let isAtHome: Bool
  private let kernels: String

  /// What a manifest may ask us to start.
  private static let programs = ["rollbook-generate", "rollbook-score", "rollbook-train"]

  /// - Throws: `missing` where the manifest does not say how it was made, `badInput` for a program that is no stage.
  init(_ stored: StoredAction, _ changes: RerunChanges, threads: Int?, buffer: String, place: String, isQuiet: Bool)
    throws
  {
    let action = stored.action
    guard let command = action.command, let program = command.first else {
      throw RollbookError.missing(
        place, "expected the command that made it, found none: an older Rollbook wrote this manifest",
        hint: "run the stage by hand into another --buffer and compare digests")
    }
    guard Self.programs.contains(program) else {
      throw RollbookError.badInput(
        place, "expected it to be made by one of \(Self.programs.joined(separator: ", ")), found '\(program)'",
        hint: "only the stages are run again")
    }
    if stored.stage == "score", changes.names.contains("scores") {
      throw RollbookError.usage("--with scores names the result: a score set is compared with itself")
    }
    var flags = FlagList(Array(command.dropFirst()))
    for name in ["buffer", "json", "quiet", "threads"] { flags.remove(name) }
    // What a stage finds out for itself is told as it was.
    for name in ["precision", "date"] where !flags.contains(name) {
      if let value = action.parameters[name] { flags.add(name, value) }
    }
    if stored.stage == "generate", let parts = action.parameters["parts"], Int(parts) != nil {
      for name in ["shard-index", "num-shards"] { flags.remove(name) }
      flags.add("shard-index", String(stored.outputs[0].part))
      flags.add("num-shards", parts)
    }
    for change in changes.values {
      flags.remove(change.name)
      for value in change.values { flags.add(change.name, value) }
    }
    if !flags.contains("threads") { flags.add("threads", String(threads ?? action.threads)) }
    if isQuiet { flags.add("quiet", nil) }
    flags.add("buffer", buffer)
    self.program = program
    arguments = flags.arguments
    kernels = action.kernels
    (directory, isAtHome) = Self.directory(of: action)
  }

  static func directory(of action: Manifest.Action) -> (path: String, isAtHome: Bool) {
    var isFolder: ObjCBool = false
    if let stored = action.directory, stored.hasPrefix("/"),
      FileManager.default.fileExists(atPath: stored, isDirectory: &isFolder), isFolder.boolValue
    {
      return (stored, true)
    }
    return (FileManager.default.currentDirectoryPath, action.directory == FileManager.default.currentDirectoryPath)
  }

  /// Runs it to its end. What it says on standard error people see; its exit code is ours.
  ///
  /// - Throws: `RollbookError` with the program's exit code; `interrupted`, with the program stopped.
  func run() throws {
    let process = Process()
    let path = "\(try Stages.programFolder())/\(program)"
    guard FileManager.default.isExecutableFile(atPath: path) else {
      throw RollbookError.missing(
        path, "expected the program, found none", hint: "keep Rollbook's programs in one folder")
    }
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: directory)
    // Only the stage knows its kernels: it says so itself where they are others, before it computes.
    process.environment = ProcessInfo.processInfo.environment.merging([Provenance.storedKernels: kernels]) { $1 }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    do { try process.run() } catch {
      throw RollbookError(.io, place: path, "cannot be started: \(error.localizedDescription)")
    }
    var isTold = false
    while process.isRunning {
      if Interrupt.requested, !isTold {
        process.terminate()
        isTold = true
      }
      usleep(5000)
    }
    if Interrupt.requested { throw Self.interrupted }
    let status = process.terminationStatus
    if process.terminationReason == .uncaughtSignal {
      throw RollbookError(.io, place: program, "was ended by signal \(status) (9: often too little memory)")
    }
    guard status == 0 else {
      throw RollbookError(
        RollbookError.Code(rawValue: status) ?? .bug, place: program, "ended with exit code \(status), as it says above"
      )
    }
  }

  static var interrupted: RollbookError {
    RollbookError(
      .interrupted, "stopped by \(Interrupt.name ?? "a request"): nothing is left behind",
      hint: "run the same command again")
  }
}
