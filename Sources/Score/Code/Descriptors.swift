internal import Formats
internal import Glibc

/// A descriptor that closes itself. All of them are closed on exec, and numbered from 64 on, so that the numbers that a
/// child is given can be set one after the other.
final class Descriptor {
  private(set) var number: Int32

  private init(lifting low: Int32, _ action: String) throws {
    let error = errno
    guard low >= 0 else { throw RollbookError.system(action, "for a sandbox", errno: error) }
    number = fcntl(low, F_DUPFD_CLOEXEC, 64)
    let failure = errno
    Glibc.close(low)
    guard number >= 0 else { throw RollbookError.system(action, "for a sandbox", errno: failure) }
  }

  deinit { close() }

  func close() {
    if number >= 0 { Glibc.close(number) }
    number = -1
  }

  /// The reading and the writing end.
  static func pipe() throws -> (reader: Descriptor, writer: Descriptor) {
    var ends: [Int32] = [-1, -1]
    guard try LinuxCalls.checked(LinuxCalls.pipe2)(&ends, O_CLOEXEC) == 0 else {
      throw RollbookError.system("make a pipe", "for a sandbox", errno: errno)
    }
    let reader: Descriptor
    do { reader = try Descriptor(lifting: ends[0], "make a pipe") } catch {
      Glibc.close(ends[1])
      throw error
    }
    return (reader, try Descriptor(lifting: ends[1], "make a pipe"))
  }

  /// A file in memory with these bytes, to be read from its start: unlike a pipe it never waits for its reader.
  static func holding(_ bytes: some Collection<UInt8>) throws -> Descriptor {
    let file = try Descriptor(
      lifting: LinuxCalls.checked(LinuxCalls.memoryFile)(
        "rollbook", LinuxCalls.memoryFileClosesOnExec),
      "make a file in memory")
    let bytes = Array(bytes)
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes {
        write(file.number, $0.baseAddress! + done, bytes.count - done)
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else {
        throw RollbookError.system("write", "a file in memory for a sandbox", errno: errno)
      }
      done += count
    }
    lseek(file.number, 0, SEEK_SET)
    return file
  }

  static func null() throws -> Descriptor {
    try Descriptor(lifting: open("/dev/null", O_RDWR | O_CLOEXEC), "open /dev/null")
  }
}

/// What comes out of a pipe, up to a bound.
final class Intake {
  let source: Descriptor
  private let limit: Int
  private(set) var bytes: [UInt8] = []
  private(set) var isClosed = false
  /// Whether there was more than the bound.
  private(set) var overflowed = false

  init(_ source: Descriptor, limit: Int) {
    self.source = source
    self.limit = limit
    _ = fcntl(source.number, F_SETFL, O_NONBLOCK)
  }

  /// Reads what is there, at most 1 MiB at a time, and forgets what is beyond the bound.
  func read() {
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    for _ in 0..<16 where !isClosed {
      let count = Glibc.read(source.number, &piece, piece.count)
      if count < 0 && errno == EINTR { continue }
      if count < 0 && errno == EAGAIN { return }
      if count <= 0 {
        isClosed = true
        return
      }
      let space = limit - bytes.count
      bytes += piece[..<min(count, space)]
      if count > space { overflowed = true }
    }
  }

  /// The next whole line, without its end.
  func line() -> [UInt8]? {
    guard let end = bytes.firstIndex(of: 0x0A) else { return nil }
    defer { bytes.removeFirst(end + 1) }
    return Array(bytes[..<end])
  }

  /// Waits until one of the open ones has something, or for `milliseconds`.
  static func wait(_ intakes: [Intake], milliseconds: Int32) {
    var list = intakes.filter { !$0.isClosed }.map {
      pollfd(fd: $0.source.number, events: Int16(POLLIN), revents: 0)
    }
    poll(&list, nfds_t(list.count), milliseconds)
    for intake in intakes { intake.read() }
  }
}

/// Seconds that a program had, as far as this process was there to watch: time in which Rollbook itself was stopped, or
/// waited for a core, does not count.
struct WatchedClock {
  private var last = Self.now
  private(set) var seconds = 0.0

  /// - Parameter slice: The most seconds that may pass between two calls.
  mutating func tick(slice: Double = 0.25) {
    let now = Self.now
    seconds += min(now - last, slice)
    last = now
  }

  private static var now: Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
