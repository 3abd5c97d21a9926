internal import Formats
internal import Foundation
internal import Pipeline
internal import Rewards

/// One process at a time, and the rows that it has. Used by one thread at a time.
final class ProgramWorker: @unchecked Sendable {
  private let settings: ProgramSettings
  private let number: Int
  private let relay: ErrorRelay
  private let tally: Shared<(answered: Int, lost: Int)>
  private var process: ChildProcess?
  /// Asked and not answered, in the order of asking.
  private var asked: [RowQueue.Row] = []
  /// Rows that a process had when it ended or hung: one of them is to blame, so each is asked alone.
  private var suspects: [RowQueue.Row] = []
  private var isAlone = false
  private var answered: Set<String> = []
  private var hasAnswered = false
  /// Seconds that nothing was heard, as far as this process itself was running.
  private var silence = 0.0

  /// Rows given up before any was answered that show the program itself to be at fault.
  private static let hopeless = 3
  /// What one wait counts at most, in seconds: whoever stops a job (SIGSTOP, suspension) stops its programs, too.
  private static let longestWait = 0.25
  /// Bytes that wait for the program before no more rows are asked.
  private static let mostBacklog = 1 << 20

  init(_ settings: ProgramSettings, number: Int, relay: ErrorRelay, tally: Shared<(answered: Int, lost: Int)>) {
    self.settings = settings
    self.number = number
    self.relay = relay
    self.tally = tally
  }

  /// Scores rows of the queue until there are none.
  func run(_ queue: RowQueue) throws {
    (asked, suspects, isAlone) = ([], [], false)
    answered.removeAll(keepingCapacity: true)
    defer { if !asked.isEmpty { process?.kill(); process = nil } }
    while true {
      try ask(queue)
      guard let process, !asked.isEmpty else { return }
      if queue.isStopped { return }
      let start = Timestamp.steady
      let event = process.wait()
      silence += min(Timestamp.steady - start, Self.longestWait)
      switch event {
      case .line(let line): try take(line, queue)
      case .ended: try lose(queue, "\(stop()) while it had this row", isCrash: true)
      case .tooLong:
        throw RollbookError.badInput(
          place, "expected an answer of at most \(ChildProcess.longestLine) bytes, found a longer line")
      case .nothing:
        let limit = settings.timeout + (hasAnswered ? 0 : settings.startup)
        guard silence > limit else { continue }
        _ = stop()
        let hint = hasAnswered ? "" : ", \(settings.startup) s of start-up included"
        try lose(queue, "gave no answer in \(limit) s\(hint)", isCrash: false)
      }
    }
  }

  /// Ends the process as it should: it sees the end of its input.
  func close() {
    process?.stop(grace: Interrupt.requested ? 0.5 : 5)
    process = nil
  }

  private var place: String { "\(settings.title), line \(process?.lines ?? 0) of its output" }

  private func ask(_ queue: RowQueue) throws {
    let window = settings.window
    while isAlone ? asked.isEmpty : asked.count < window, (process?.backlog ?? 0) < Self.mostBacklog {
      if asked.isEmpty { isAlone = !suspects.isEmpty }
      guard isAlone || suspects.isEmpty else { return }
      guard let row = isAlone ? suspects.removeFirst() : try queue.take() else { return }
      if process == nil { try start() }
      if asked.isEmpty { silence = 0 }
      asked.append(row)
      process?.send(row.request)
    }
  }

  private func start() throws {
    // A judge in Python whose answers wait in a buffer would hang; other programs must see to it themselves.
    let environment = ["PYTHONUNBUFFERED": "1", "ROLLBOOK_WORKER": "\(number)"]
    process = try ChildProcess(settings.executable, settings.arguments, environment: environment, relay: relay)
    hasAnswered = false
  }

  /// Ends the process at once; how it ended, in words.
  private func stop() -> String {
    // One that has closed its output is about to end: its own exit code says more than our signal.
    let text = process?.stop(grace: 0.5) ?? ""
    process = nil
    return text
  }

  private func take(_ line: [UInt8], _ queue: RowQueue) throws {
    if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { return }
    let answer = try ProgramAnswer(line, place: place)
    guard let index = asked.firstIndex(where: { $0.id == answer.id }) else {
      let known = answered.contains(answer.id) ? "that was answered before" : "that it was not asked"
      throw RollbookError.badInput(
        place, "expected the id of one of \(asked.count) open rows, such as \(asked[0].id), found "
          + "'\(Terminal.sanitizeLine(answer.id, limit: 80))', \(known)")
    }
    queue.record(answer.output, asked.remove(at: index))
    answered.insert(answer.id)
    (hasAnswered, silence) = (true, 0)
    tally.change { $0.answered += 1 }
    if asked.isEmpty { isAlone = false }
  }

  /// What becomes of the rows that a process had.
  private func lose(_ queue: RowQueue, _ reason: String, isCrash: Bool) throws {
    let rows = asked
    asked = []
    isAlone = false
    if settings.isStateful {
      throw failure(rows[0], "\(reason); what it remembered is lost, so it cannot go on in a new process")
    }
    for var row in rows {
      if rows.count == 1 { row.attempts += 1 }
      guard rows.count == 1, !isCrash || row.attempts > 1 else {
        suspects.append(row)
        continue
      }
      let lost = tally.change {
        $0.lost += 1
        return $0
      }
      if settings.onError == .error { throw failure(row, reason + (row.attempts > 1 ? ", again when it was asked alone" : "")) }
      if lost.answered == 0, lost.lost >= Self.hopeless {
        throw failure(row, "\(reason); none of \(lost.lost) rows was answered, so the program is at fault, not the rows")
      }
      queue.record(RewardOutput(nil), row)
    }
  }

  private func failure(_ row: RowQueue.Row, _ reason: String) -> RollbookError {
    let words = relay.lastWords.isEmpty ? "" : "; its last words: \(relay.lastWords)"
    return RollbookError(
      .io, place: settings.title, "row \(row.id): the program \(reason)\(words)",
      hint: settings.isStateful
        ? "scores that are stored of this run stay; see --restart"
        : "on-error=null gives such rows no reward; timeout=SECONDS waits longer")
  }
}
