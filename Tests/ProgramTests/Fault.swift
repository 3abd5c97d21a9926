import Formats
import Foundation
import Synchronization
import TestSupport
import Testing

/// Tests/Fault/fault.c, compiled: the programs load it before the C library, and one of their system calls fails.
enum Fault {
  /// What becomes of the call.
  enum Mode: String, CaseIterable, Sendable {
    case kill, enospc, eio
  }

  /// The compiled library; nil where there is no C compiler or no such thing as preloading.
  static let library: Data? = {
    guard let scratch = try? Scratch(), FileManager.default.fileExists(atPath: "/proc/self/fd") else { return nil }
    let path = "\(scratch.folder)/fault.so"
    for compiler in ["clang", "cc"] {
      let arguments = [compiler, "-shared", "-fPIC", "-O1", "-o", path, "\(projectFolder)/Tests/Fault/fault.c", "-ldl"]
      if (try? scratch.run("/usr/bin/env", arguments))?.code == 0 { return FileManager.default.contents(atPath: path) }
    }
    return nil
  }()

  /// The environment of a run with a fault at call number `at`; with 0 the calls are counted into a file.
  static func environment(_ scratch: Scratch, at: Int, _ mode: Mode = .kill, count: String = "") -> [String: String] {
    let path = "\(scratch.folder)/fault.so"
    _ = FileManager.default.createFile(atPath: path, contents: library)
    var all = ["LD_PRELOAD": path, "FAULT_FOLDER": scratch.buffer, "FAULT_AT": "\(at)", "FAULT_MODE": mode.rawValue]
    if !count.isEmpty { all["FAULT_COUNT"] = count }
    return all
  }
}

/// Runs a command on copies of a buffer, with every fault in turn, and says what was not as it should be.
struct FaultSweep: Sendable {
  let name: String
  /// The buffer that every trial starts from.
  let base: String
  let program: String
  /// `BUFFER` stands for the buffer.
  let arguments: [String]

  /// At most so many calls of a command are tried, at even distances; `ROLLBOOK_FAULT_CALLS` can ask for more.
  private static let limit = ProcessInfo.processInfo.environment["ROLLBOOK_FAULT_CALLS"].flatMap { Int($0) } ?? 24

  struct Result {
    var calls = 0
    var failures: [String] = []
    /// How many faults were told with exit code 74, and how many did no harm and were not.
    var told = 0
    var untold: [String] = []
  }

  func run() throws -> Result {
    let (calls, whole) = try undisturbed()
    let count = min(calls, Self.limit)
    let places = (0..<count).map { 1 + $0 * calls / max(count, 1) }
    let trials = places.flatMap { place in Fault.Mode.allCases.map { (place, $0) } }
    let result = Mutex(Result(calls: calls))
    DispatchQueue.concurrentPerform(iterations: trials.count) { number in
      let (place, mode) = trials[number]
      var trial = Trial(sweep: self, place: place, mode: mode)
      do { try trial.run(whole) } catch { trial.failures.append("\(error)") }
      result.withLock { [trial] result in
        let title = "\(name), \(mode.rawValue) at call \(place) of \(calls): "
        result.failures += trial.failures.map { title + $0 }
        if trial.isTold { result.told += 1 } else { result.untold.append(title) }
      }
    }
    return result.withLock { $0 }
  }

  private func undisturbed() throws -> (calls: Int, whole: [String: String]) {
    let scratch = try copy()
    let file = "\(scratch.folder)/count"
    _ = try scratch.run(
      program, filled(scratch), environment: Fault.environment(scratch, at: 0, count: file)
    ).expect()
    let text = try String(contentsOfFile: file, encoding: .utf8)
    return (Int(text) ?? 0, try scratch.results())
  }

  func copy() throws -> Scratch {
    let scratch = try Scratch(inMemory: true)
    try FileManager.default.copyItem(atPath: base, toPath: scratch.buffer)
    return scratch
  }

  func filled(_ scratch: Scratch) -> [String] { arguments.map { $0 == "BUFFER" ? scratch.buffer : $0 } }
}

/// One fault, and what comes after it.
private struct Trial {
  let sweep: FaultSweep
  let place: Int
  let mode: Fault.Mode
  var failures: [String] = []
  var isTold = true

  init(sweep: FaultSweep, place: Int, mode: Fault.Mode) {
    self.sweep = sweep
    self.place = place
    self.mode = mode
  }

  private mutating func check(_ condition: Bool, _ what: String) {
    if !condition { failures.append(what) }
  }

  mutating func run(_ whole: [String: String]) throws {
    let scratch = try sweep.copy()
    let environment = Fault.environment(scratch, at: place, mode)
    let outcome = try scratch.run(sweep.program, sweep.filled(scratch), environment: environment)
    if mode == .kill {
      check(outcome.wasKilled && outcome.code == SIGKILL, "expected to be killed: \(outcome)")
    } else {
      check(!outcome.wasKilled && (outcome.code == 74 || outcome.code == 0), "expected exit code 74: \(outcome)")
      isTold = outcome.code == 74
    }
    let problems = try JSON.parse(scratch.rollbook("verify", "--json").output)["problems"]?.array ?? [.null]
    let unexpected = problems.filter { $0.string?.contains("there is no manifest: its writer was killed") != true }
    check(unexpected.isEmpty, "found by verify: \(unexpected)")
    // What did its work in spite of a fault has done all of it.
    if outcome.code == 0 && !outcome.wasKilled {
      check(
        try scratch.results() == whole && problems.isEmpty, "expected all of it, found \(try scratch.results().keys)")
    }

    let again = try scratch.run(sweep.program, sweep.filled(scratch))
    check(again.code == 0 && !again.wasKilled, "again: \(again)")
    check(try scratch.results() == whole, "expected the files of an undisturbed run, found others")
    let verified = try scratch.rollbook("verify", "--deep")
    check(verified.code == 0, "\(verified)")
    let incremental = try answers(scratch)
    let reindexed = try scratch.rollbook("reindex")
    check(reindexed.code == 0, "\(reindexed)")
    let rebuilt = try answers(scratch)
    check(incremental == rebuilt, "expected the index to be as rebuilt, found \(incremental) instead of \(rebuilt)")
  }

  /// What the index says.
  private func answers(_ scratch: Scratch) throws -> [String] {
    try [
      scratch.rollbook("ls", "--json"), scratch.rollbook("ls", "--files", "--json"),
      scratch.rollbook("stats", "--json"),
    ].map { $0.output.isEmpty ? "\($0)" : $0.output }
  }
}
