internal import Formats
internal import Foundation

/// Two ends of a pipe; our end does not block, and no other program that is started inherits it.
final class ProgramPipe {
  private(set) var reader: Int32 = -1
  private(set) var writer: Int32 = -1

  /// Held while a pipe is made and while a program is started, so that no program inherits another's ends.
  static let starting = NSLock()

  /// Call it with `starting` held.
  /// - Parameter blockingReader: Whether the reader is the other program's end, else the writer is.
  init(blockingReader: Bool) throws {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw RollbookError.system("pipe", "a program's input", errno: errno) }
    (reader, writer) = (ends[0], ends[1])
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    let ours = blockingReader ? writer : reader
    _ = fcntl(ours, F_SETFL, fcntl(ours, F_GETFL) | O_NONBLOCK)
  }

  /// Takes what is there, at most 64 KiB. Returns the number of bytes, 0 at the end, nil when there is nothing yet.
  func read(_ body: (UnsafeRawBufferPointer) -> Void) -> Int? {
    withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 16) { buffer in
      while true {
        let count = Foundation.read(reader, buffer.baseAddress, buffer.count)
        if count < 0, errno == EINTR { continue }
        if count < 0, errno == EAGAIN { return nil }
        guard count > 0 else { return 0 }
        body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        return count
      }
    }
  }

  func closeReader() { Self.close(&reader) }
  func closeWriter() { Self.close(&writer) }

  private static func close(_ descriptor: inout Int32) {
    if descriptor >= 0 { _ = Foundation.close(descriptor) }
    descriptor = -1
  }

  deinit {
    closeReader()
    closeWriter()
  }
}

/// Bytes cut into lines.
struct LineBuffer {
  private var bytes: [UInt8] = []
  private var start = 0
  /// Everything before has no line break.
  private var searched = 0
  let limit: Int

  init(limit: Int) { self.limit = limit }

  /// Whether the line that is being read is longer than the limit already.
  var isTooLong: Bool { searched - start > limit }

  mutating func append(_ new: UnsafeRawBufferPointer) {
    if start > 0, start == bytes.count || start > 1 << 16 {
      bytes.removeSubrange(..<start)
      searched -= start
      start = 0
    }
    bytes += new
  }

  mutating func next() -> [UInt8]? {
    guard let end = bytes[searched...].firstIndex(of: 0x0A) else {
      searched = bytes.count
      return nil
    }
    defer {
      start = end + 1
      searched = start
    }
    return Array(bytes[start..<end])
  }

  /// What is left without a line break at its end.
  mutating func rest() -> [UInt8] {
    defer { (start, searched) = (bytes.count, bytes.count) }
    return Array(bytes[start...])
  }
}
