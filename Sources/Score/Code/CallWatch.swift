internal import Formats

/// Follows the driver's reports on one response.
struct CallWatch {
  let reports: Intake
  let timeout: Double
  private(set) var clock = WatchedClock()
  private(set) var result = CodeResult()
  /// Whether both interpreters are there; the response's time begins then.
  private(set) var isReady = false
  private(set) var isDone = false
  private(set) var timedOut = false
  private(set) var notStarted: String?
  private var reported = 0

  init(reports: Intake, timeout: Double) {
    self.reports = reports
    self.timeout = timeout
  }

  var hasEnded: Bool { isDone || timedOut || reports.isClosed || reports.overflowed }

  /// Counts time and reads what has come.
  mutating func tick() {
    clock.tick()
    while !isDone, let line = reports.line() { take(line) }
    if isReady, clock.seconds > timeout { timedOut = true }
    if reports.isClosed, !isReady, notStarted == nil { notStarted = "the tests' interpreter ended" }
  }

  private mutating func take(_ line: [UInt8]) {
    guard let report = try? JSON.parse(line, source: "driver") else { return }
    if report["ready"]?.bool == true {
      isReady = true
      clock = WatchedClock()
    }
    if let why = report["harness"]?.string { (notStarted, isDone) = (why, true) }
    if let count = report["tests"]?.int { result.tests = count }
    if let why = report["broken"]?.string { (result.broken, isDone) = (why, true) }
    if report["done"]?.bool == true { isDone = true }
    if report["ok"]?.bool == true { (reported, result.passed) = (reported + 1, result.passed + 1) }
    if let why = report["why"]?.string {
      reported += 1
      result.fail(reported <= result.tests ?? 0 ? "test \(reported): \(why)" : why)
    }
  }

  /// - Parameter code: How the program ended; nil where it did not.
  func verdict(code: Int32?) -> CodeResult {
    var result = result
    guard result.broken == nil else { return result }
    if timedOut {
      let test = result.tests.map { reported < $0 ? "test \(reported + 1): " : "" } ?? ""
      // All tests done, but the program does not end: no partial credit for holding on to the machine.
      if reported == result.tests { result.passed = 0 }
      result.failure = result.failure ?? "\(test)timed out"
    } else if !isDone {
      result.fail("the tests ended before their end")
    } else if reported < result.tests ?? 0 {
      result.fail("not all tests ran")
    }
    let ended = "the program ended before its tests did"
    if let code, code > 128, let failure = result.failure, failure.hasSuffix(ended) {
      result.failure =
        failure.dropLast(ended.count) + "the program was killed by signal \(code - 128)"
    }
    return result
  }
}
