internal import Formats
internal import Foundation
internal import Glibc
internal import Pipeline

/// How the tests of one response went.
struct CodeResult: Sendable, Equatable {
  var passed = 0
  /// nil: not known, because the program never came to its tests.
  var tests: Int?
  /// Why the first test that failed did, or why the run ended.
  var failure: String?
  /// Why there is no verdict: the tests themselves are at fault.
  var broken: String?

  mutating func fail(_ why: String) { failure = failure ?? why }
}

/// Runs programs in the sandbox, each in one of its own that ends with it.
struct CodeRun: Sendable {
  let sandbox: Sandbox
  private var settings: CodeSettings { sandbox.settings }

  /// Seconds that a sandbox may take to begin; a machine at its limit must not decide what a response is worth.
  private static let startLimit = 60.0
  private static let attempts = 3

  init(_ sandbox: Sandbox) { self.sandbox = sandbox }

  /// Something of the machine's that is no fault of the response.
  struct NotStarted: Error { let why: String }

  /// Judges a program by tests that call it.
  /// - Throws: `interrupted`; `missing` where the sandbox does not start, three times over.
  func calls(_ program: String, _ job: JSONObject) throws -> CodeResult {
    try persistently {
      var job = job
      job["code"] = .string(program)
      job["limit"] = .int(settings.output << 10)
      let told = try JSON.object(job).bytes()
      return try inFolder { try callsOnce(told, folder: $0) }
    }
  }

  private func persistently<Result>(_ body: () throws -> Result) throws -> Result {
    var why = ""
    for _ in 0..<Self.attempts {
      do { return try body() } catch let error as NotStarted { why = error.why }
    }
    throw RollbookError.missing(
      "code", "the sandbox does not start: \(why)",
      hint: "rows that are scored are kept; see docs/sandbox.md")
  }

  /// Without a sandbox a folder of the system's stands in for the private one.
  private func inFolder<Result>(_ body: (String?) throws -> Result) throws -> Result {
    guard sandbox.isUnsafe else { return try body(nil) }
    let folder = NSTemporaryDirectory() + "/rollbook-code-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try body(folder)
  }

  private func callsOnce(_ job: [UInt8], folder: String?) throws -> CodeResult {
    let requests = try Descriptor.pipe()
    let replies = try Descriptor.pipe()
    let reports = try Descriptor.pipe()
    let null = try Descriptor.null()
    let python = [sandbox.interpreter ?? "python3", "-s", "-B", "-c"]
    let candidate = try start(
      python + [CodeHarness.candidate, "\(settings.output << 10)"],
      [null, null, null, requests.reader, replies.writer], isGuestAlone: true, folder: folder)
    defer { candidate.end() }
    let driver = try start(
      python + [CodeHarness.driver],
      [try .holding(job), reports.writer, null, replies.reader, requests.writer], isGuestAlone: true
    )
    defer { driver.end() }
    for pipe in [requests, replies] {
      pipe.reader.close()
      pipe.writer.close()
    }
    reports.writer.close()
    var watch = CallWatch(
      reports: Intake(reports.reader, limit: 8 << 20), timeout: settings.timeout)
    while !watch.hasEnded {
      try checkInterrupt()
      Intake.wait([watch.reports], milliseconds: 50)
      watch.tick()
      guard watch.isReady || watch.clock.seconds < Self.startLimit else {
        throw NotStarted(why: "time ran out")
      }
    }
    if let why = watch.notStarted { throw NotStarted(why: why) }
    driver.end()
    // A program counts only once it has ended: threads that never do use up its time.
    while watch.result.broken == nil, !watch.timedOut, candidate.code() == nil {
      try checkInterrupt()
      usleep(1000)
      watch.tick()
    }
    return watch.verdict(code: candidate.code())
  }

  private func checkInterrupt() throws {
    if Interrupt.requested {
      throw Interrupt.error("the responses that were just running are not kept")
    }
  }

  /// - Parameter file: The program's file, where the guest reads one.
  private func start(
    _ guest: [String], _ descriptors: [Descriptor], isGuestAlone: Bool, file: Descriptor? = nil,
    folder: String? = nil
  ) throws -> GuardedProcess {
    let command = sandbox.command(
      guest, first: descriptors.count, isGuestAlone: isGuestAlone, hasFile: file != nil,
      folder: folder ?? "/")
    if sandbox.isUnsafe {
      return try GuardedProcess(command, descriptors: descriptors, information: nil)
    }
    let information = try Descriptor.pipe()
    let filter = try Descriptor.holding(SeccompFilter.program(isGuestAlone ? .alone : .family))
    defer { information.writer.close() }
    return try GuardedProcess(
      command, descriptors: descriptors + [information.writer, filter] + (file.map { [$0] } ?? []),
      information: information.reader)
  }
}

/// Programs that read standard input and write standard output.
extension CodeRun {
  /// What a program did with one input.
  struct Run {
    var output: [UInt8] = []
    /// The end of standard error.
    var errors = ""
    /// nil where it was killed for `failure`.
    var code: Int32?
    var failure: String?
  }

  /// Judges a program by what it writes, test by test; the expected output never enters the sandbox.
  func programs(_ program: String, _ cases: [CodeTask.Case]) throws -> CodeResult {
    var result = CodeResult(tests: cases.count)
    for (number, test) in cases.enumerated() {
      let run = try run(program, input: test.input)
      let why: String?
      if let failure = run.failure {
        why = failure
      } else if let code = run.code, code != 0 {
        let last = run.errors.split(whereSeparator: \.isNewline).last.map { ": \($0)" } ?? ""
        why = (code > 128 ? "killed by signal \(code - 128)" : "exit code \(code)") + last
      } else {
        why = OutputComparison.difference(
          run.output, expected: Array(test.output.utf8), by: settings.comparison)
      }
      if let why { result.fail("test \(number + 1): \(why)") } else { result.passed += 1 }
      if why != nil, !settings.isPartial { break }
    }
    return result
  }

  private func run(_ program: String, input: String) throws -> Run {
    try persistently {
      try inFolder { folder in
        guard let folder else {
          return try runOnce(guest(Sandbox.file), program, input: input, folder: nil)
        }
        try program.write(toFile: folder + "/program", atomically: false, encoding: .utf8)
        return try runOnce(guest(folder + "/program"), program, input: input, folder: folder)
      }
    }
  }

  private func guest(_ file: String) -> [String] {
    if let command = settings.command {
      let line =
        command.contains("{file}") ? command.replacing("{file}", with: file) : "\(command) \(file)"
      return ["/bin/sh", "-c", line]
    }
    return [sandbox.interpreter ?? settings.interpreter] + (settings.isPython ? ["-s", "-B"] : [])
      + [file]
  }

  private func runOnce(_ guest: [String], _ program: String?, input: String, folder: String?) throws
    -> Run
  {
    let output = try Descriptor.pipe()
    let errors = try Descriptor.pipe()
    let process = try start(
      guest, [try .holding(Array(input.utf8)), output.writer, errors.writer],
      isGuestAlone: settings.isPython,
      file: try sandbox.isUnsafe ? nil : program.map { try .holding(Array($0.utf8)) },
      folder: folder)
    defer { process.end() }
    output.writer.close()
    errors.writer.close()
    let out = Intake(output.reader, limit: settings.output << 10)
    let err = Intake(errors.reader, limit: 1 << 16)
    var clock = WatchedClock()
    var start = WatchedClock()
    var run = Run()
    while !(out.isClosed && err.isClosed && process.code() != nil) {
      try checkInterrupt()
      if out.isClosed && err.isClosed {
        usleep(1000)
      } else {
        Intake.wait([out, err], milliseconds: 50)
      }
      guard process.hasBegun || process.code() != nil else {
        start.tick()
        clock = WatchedClock()
        guard start.seconds < Self.startLimit else { throw NotStarted(why: "time ran out") }
        continue
      }
      clock.tick()
      if out.overflowed { run.failure = "output limit" }
      if run.failure == nil, clock.seconds > settings.timeout { run.failure = "timed out" }
      if run.failure != nil { break }
    }
    run.errors = String(decoding: err.bytes.suffix(2048), as: UTF8.self)
    guard process.hasBegun else { throw NotStarted(why: run.errors) }
    (run.output, run.code) = (out.bytes, run.failure == nil ? process.code() : nil)
    return run
  }

  /// A first run, to see that the sandbox works here: the interpreter's version.
  /// - Throws: `missing`, saying what to install or to allow.
  func probe() throws -> String {
    let guest =
      settings.command == nil
      ? [sandbox.interpreter ?? "", "--version"] : ["/bin/sh", "-c", "echo sh"]
    var run = Run()
    do { run = try runOnce(guest, nil, input: "", folder: "/") } catch let error as NotStarted {
      run.errors = error.why
    }
    let text = String(decoding: run.output, as: UTF8.self) + run.errors
    if run.code == 0 {
      return Terminal.sanitizeLine(
        text.split(separator: "\n").first.map(String.init) ?? "", limit: 80)
    }
    let isForbidden =
      text.contains("namespace") || text.contains("ermission") || text.contains("uid map")
    throw RollbookError.missing(
      "code", "the sandbox does not work here: \(Terminal.sanitizeLine(text, limit: 200))",
      hint: (isForbidden
        ? "allow user namespaces: sudo sysctl kernel.unprivileged_userns_clone=1 (Debian), "
          + "kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu), user.max_user_namespaces=10000; in a container "
          + "its own filter must allow them too" : "see docs/sandbox.md")
        + "; --unsafe-code runs code without a sandbox, with all that you may do yourself")
  }

  /// What a program of the system says, outside of any sandbox.
  static func output(of command: [String]) throws -> String {
    let null = try Descriptor.null()
    let output = try Descriptor.pipe()
    let process = try GuardedProcess(
      command, descriptors: [null, output.writer, null], information: nil)
    defer { process.end() }
    output.writer.close()
    let intake = Intake(output.reader, limit: 4096)
    var clock = WatchedClock()
    while !intake.isClosed, clock.seconds < startLimit {
      Intake.wait([intake], milliseconds: 50)
      clock.tick()
    }
    return String(decoding: intake.bytes, as: UTF8.self)
  }
}
