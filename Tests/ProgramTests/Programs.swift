import Formats
import Foundation
import Testing

/// Every black-box test is in here, one after the other: each keeps all cores busy, and several wait for a moment.
@Suite(.serialized) struct ProgramTests {}

/// Runs the built programs as a user would: in a folder of their own, looking at exit codes, output and files only.
enum Programs {
  /// Where the programs are: `ROLLBOOK_BIN`, or beside the test bundle.
  static let folder: String =
    ProcessInfo.processInfo.environment["ROLLBOOK_BIN"]
    ?? URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().path

  static func path(_ name: String) -> String { "\(folder)/\(name)" }

  /// The environment of every run: nothing of a scheduler or of a terminal, and no choice of older kernels.
  static let environment: [String: String] = {
    var all = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("SLURM_") }
    for name in ["OPENBLAS_CORETYPE", "ROLLBOOK_COMMIT", "COLUMNS", "NO_COLOR"] { all[name] = nil }
    all["ROLLBOOK_BIN"] = folder
    all["LC_ALL"] = "C.UTF-8"
    return all
  }()
}

/// How a program ended, and what it said.
struct Outcome: CustomStringConvertible {
  let command: String
  /// The exit code, or the signal that ended it.
  let code: Int32
  let wasKilled: Bool
  let output: String
  let errors: String

  var description: String {
    "\(command)\nended with \(wasKilled ? "signal " : "")\(code)\n--- stdout\n\(output)--- stderr\n\(errors)"
  }

  /// Notes a failure unless the program ended with this code and all the words are in what it said.
  @discardableResult
  func expect(
    _ expected: Int32 = 0, naming words: String..., at location: SourceLocation = #_sourceLocation
  ) -> Outcome {
    #expect(!wasKilled && code == expected, "expected exit code \(expected): \(self)", sourceLocation: location)
    for word in words where !(errors + output).contains(word) {
      Issue.record("expected '\(word)': \(self)", sourceLocation: location)
    }
    return self
  }

  /// Standard output as the one JSON object that it must be.
  func json(at location: SourceLocation = #_sourceLocation) throws -> JSON {
    let lines = output.split(separator: "\n")
    #expect(lines.count == 1, "expected one line: \(self)", sourceLocation: location)
    let json = try JSON.parse(output)
    #expect(json.object != nil, "expected an object: \(self)", sourceLocation: location)
    return json
  }
}

/// A program at work. Its output goes to files, so that it never waits for a reader.
final class Running {
  private let process = Process()
  private let ended = DispatchSemaphore(value: 0)
  private let command: String
  private let outputPath: String
  private let errorPath: String
  private var start = Date()

  /// Seconds after which a program is killed and the test fails; far more than any of them takes.
  static let limit = 120.0

  /// - Parameter output: Path of a file that does not exist yet; `.err` is added for standard error.
  init(
    _ executable: String, _ arguments: [String], folder: String, output: String, environment: [String: String] = [:]
  ) throws {
    command = ([executable] + arguments).joined(separator: " ")
    (outputPath, errorPath) = (output, output + ".err")
    process.executableURL = URL(fileURLWithPath: executable)
    process.arguments = arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    process.environment = Programs.environment.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    let files = try [Self.file(outputPath), Self.file(errorPath)]
    // Foundation keeps what it starts for longer than there are descriptors for thousands of runs.
    defer { for file in files { try? file.close() } }
    process.standardOutput = files[0]
    process.standardError = files[1]
    process.terminationHandler = { [ended] _ in ended.signal() }
    start = Date()
    // Tests run on threads that block all signals, which a child would inherit: a shell could then not be stopped.
    var none = sigset_t(), before = sigset_t()
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, &before)
    defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
    try process.run()
  }

  private static func file(_ path: String) throws -> FileHandle {
    _ = FileManager.default.createFile(atPath: path, contents: nil)
    return try FileHandle(forWritingTo: URL(fileURLWithPath: path))
  }

  var isRunning: Bool { process.isRunning }
  var identifier: Int32 { process.processIdentifier }

  /// Whether it has been at work for so many seconds.
  func hasRun(for seconds: Double) -> Bool { Date().timeIntervalSince(start) >= seconds }

  /// Whether it handles SIGTERM by now (Linux; elsewhere taken for granted).
  var listens: Bool {
    guard let status = try? String(contentsOfFile: "/proc/\(identifier)/status", encoding: .utf8) else { return true }
    let line = status.split(separator: "\n").first { $0.hasPrefix("SigCgt:") } ?? ""
    let caught = UInt64(line.dropFirst(7).trimmingCharacters(in: .whitespaces), radix: 16) ?? 0
    return caught & 1 << UInt64(SIGTERM - 1) != 0
  }

  func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

  /// Looks every millisecond until the condition holds or the program has ended.
  func poll(until condition: () -> Bool) {
    while process.isRunning, !condition(), !hasRun(for: Self.limit) { usleep(1000) }
  }

  /// Waits for the end.
  func wait(at location: SourceLocation = #_sourceLocation) -> Outcome {
    if ended.wait(timeout: .now() + Self.limit) == .timedOut {
      Issue.record("\(command)\ndid not end in \(Self.limit) s", sourceLocation: location)
      kill(process.processIdentifier, SIGKILL)
      ended.wait()
    }
    return Outcome(
      command: command, code: process.terminationStatus, wasKilled: process.terminationReason == .uncaughtSignal,
      output: Self.text(outputPath), errors: Self.text(errorPath))
  }

  private static func text(_ path: String) -> String {
    String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
  }
}

extension ProgramTests {
  @Test func programsAreBuilt() {
    for name in ["rollbook", "rollbook-generate", "rollbook-score", "rollbook-train"] {
      #expect(FileManager.default.isExecutableFile(atPath: Programs.path(name)), "\(Programs.path(name))")
    }
  }
}
