internal import Formats
internal import Foundation
internal import Pipeline

/// A program that is at work in a process group of its own, talked to by lines. One owner.
///
/// Every wait is short, so that whoever waits can look at clocks and signals; no write blocks, so that neither side can
/// wait for the other for ever.
final class ChildProcess {
  enum Event {
    /// One line of standard output, without its end.
    case line([UInt8])
    /// Nothing happened for a moment.
    case nothing
    /// The program closed its output or ended.
    case ended
    /// A line of output that is longer than any answer may be.
    case tooLong
  }

  /// The longest line of output that is read.
  static let longestLine = 1 << 20
  /// Milliseconds that a wait lasts where nothing happens.
  private static let tick: Int32 = 50

  let identifier: pid_t
  private(set) var lines = 0
  private let input: ProgramPipe
  private let output: ProgramPipe
  private let errors: ProgramPipe
  private var unsent: [UInt8] = []
  private var sent = 0
  private var received = LineBuffer(limit: ChildProcess.longestLine)
  private let relay: ErrorRelay
  private var status: Int32?

  /// Starts it, with our environment and working directory.
  /// - Throws: `RollbookError` `io`.
  init(_ executable: String, _ arguments: [String], environment: [String: String] = [:], relay: ErrorRelay) throws {
    ProgramPipe.starting.lock()
    defer { ProgramPipe.starting.unlock() }
    input = try ProgramPipe(blockingReader: true)
    output = try ProgramPipe(blockingReader: false)
    errors = try ProgramPipe(blockingReader: false)
    self.relay = relay
    identifier = try Self.spawn(executable, arguments, environment, input.reader, output.writer, errors.writer)
    input.closeReader()
    output.closeWriter()
    errors.closeWriter()
  }

  private static func spawn(
    _ executable: String, _ arguments: [String], _ environment: [String: String], _ input: Int32, _ output: Int32,
    _ errors: Int32
  ) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (place, descriptor) in [input, output, errors].enumerated() {
      posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(place))
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // A group of its own: what it starts ends with it, and a terminal's ^C reaches it through us only.
    posix_spawnattr_setpgroup(&attributes, 0)
    var none = sigset_t(), all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
    posix_spawnattr_setflags(&attributes, Int16(flags))
    let variables = ProcessInfo.processInfo.environment.merging(environment) { own, _ in own }
    var words = arguments.map { strdup($0) } + [nil]
    var settings = variables.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for text in words + settings { free(text) } }
    var identifier: pid_t = 0
    let number = posix_spawn(&identifier, executable, &actions, &attributes, &words, &settings)
    guard number == 0 else {
      throw RollbookError(.io, place: executable, "cannot be started: \(String(cString: strerror(number)))")
    }
    return identifier
  }

  /// Bytes that the program has not taken yet.
  var backlog: Int { unsent.count - sent }

  /// Sends bytes as the program takes them, during waits.
  func send(_ bytes: [UInt8]) {
    if sent == unsent.count {
      unsent.removeAll(keepingCapacity: true)
      sent = 0
    }
    unsent += bytes
    write()
  }

  /// The next thing that happens, or `nothing` after a moment.
  func wait() -> Event {
    if let event = buffered() { return event }
    var polled = [
      pollfd(fd: output.reader, events: Int16(POLLIN), revents: 0),
      pollfd(fd: errors.reader, events: Int16(POLLIN), revents: 0),
      pollfd(fd: backlog > 0 ? input.writer : -1, events: Int16(POLLOUT), revents: 0),
    ]
    _ = poll(&polled, nfds_t(polled.count), Self.tick)
    if polled[1].revents != 0 { readErrors() }
    if polled[2].revents & Int16(POLLOUT) != 0 { write() }
    // A program that went away while it was written to: what it said before still counts.
    if polled[2].revents & Int16(POLLERR) != 0 { unsent.removeAll(); sent = 0 }
    if polled[0].revents != 0 {
      switch output.read({ received.append($0) }) {
      case .some(0): return buffered() ?? .ended
      default: break
      }
    } else if hasExited {
      return .ended
    }
    return buffered() ?? .nothing
  }

  private func buffered() -> Event? {
    if let line = received.next() {
      lines += 1
      return .line(line)
    }
    return received.isTooLong ? .tooLong : nil
  }

  private func write() {
    while backlog > 0 {
      let count = unsent.withUnsafeBytes { bytes in
        let rest = UnsafeRawBufferPointer(rebasing: bytes[sent...])
        return Foundation.write(input.writer, rest.baseAddress, rest.count)
      }
      if count < 0, errno == EINTR { continue }
      if count <= 0 { return }
      sent += count
    }
  }

  private func readErrors() {
    _ = errors.read { relay.append($0) }
  }

  /// Whether the program itself has ended (those that it started may not have).
  private var hasExited: Bool {
    guard status == nil else { return true }
    var information = siginfo_t()
    guard waitid(P_PID, id_t(identifier), &information, WEXITED | WNOHANG | WNOWAIT) == 0 else { return true }
    return information.si_signo != 0
  }

  /// Ends it: its input is closed, and what has not ended after `grace` seconds is told to, then killed; so is what it
  /// started. Returns how it ended, in words.
  @discardableResult
  func stop(grace: Double) -> String {
    guard status == nil else { return text }
    input.closeWriter()
    if !ends(within: grace) {
      kill(-identifier, SIGTERM)
      if !ends(within: min(grace, 2)) { kill(-identifier, SIGKILL) }
    }
    // Before the number is given back, as it could be another group's by then.
    while !hasExited { usleep(1000) }
    readErrors()
    kill(-identifier, SIGKILL)
    var status: Int32 = 0
    while waitpid(identifier, &status, 0) < 0, errno == EINTR {}
    self.status = status
    readErrors()
    relay.flush()
    return text
  }

  /// Kills it and all that it started, now.
  func kill() { stop(grace: 0) }

  private func ends(within seconds: Double) -> Bool {
    let end = Timestamp.steady + seconds
    while !hasExited {
      guard Timestamp.steady < end else { return false }
      var polled = [
        pollfd(fd: output.reader, events: Int16(POLLIN), revents: 0),
        pollfd(fd: errors.reader, events: Int16(POLLIN), revents: 0),
      ]
      _ = poll(&polled, nfds_t(polled.count), 5)
      // Nobody asked for what it says now, but it must be able to say it.
      if polled[0].revents != 0 { _ = output.read { _ in } }
      if polled[1].revents != 0 { readErrors() }
      if (polled[0].revents | polled[1].revents) & Int16(POLLHUP) != 0 { usleep(1000) }
    }
    return true
  }

  private var text: String {
    guard let status else { return "still running" }
    let signal = status & 0x7F
    return signal == 0 ? "ended with exit code \((status >> 8) & 0xFF)" : "was ended by signal \(signal)"
  }

  deinit { kill() }

  private func kill(_ group: pid_t, _ signal: Int32) { _ = Foundation.kill(group, signal) }
}
