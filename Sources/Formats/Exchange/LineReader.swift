#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Reads a text file line by line in pieces, so that memory is bounded by the longest line; a file that somebody
/// shortens meanwhile is just shorter. The digest of all that was read is known at the end.
package final class LineReader {
  package let path: String
  /// Bytes of a line; longer ones are told apart, and passed over without being kept.
  package static let longestLine = 64 << 20
  private static let pieceSize = 1 << 20

  package enum Line: Equatable {
    case text(ArraySlice<UInt8>)
    /// Of so many bytes, more than `longestLine`.
    case tooLong(Int)
  }

  private let descriptor: Int32
  private var buffer: [UInt8] = []
  /// What of `buffer` is not handed out yet.
  private var start = 0
  /// Up to where it was searched for a line's end.
  private var searched = 0
  private var isAtEnd = false
  private var digestStream = Digest.Stream()
  /// The number of the line last returned, from 1.
  package private(set) var number = 0

  /// The digest of what was read so far: of the whole file after the last line.
  package var digest: String { digestStream.value }

  /// - Throws: `RollbookError` `missing`, `io`, or `badInput` for what is no regular file.
  package init(path: String) throws {
    self.path = path
    descriptor = retryingInterrupts { open(path, O_RDONLY | O_CLOEXEC) }
    guard descriptor >= 0 else { throw RollbookError.system("open", path, errno: errno) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw RollbookError.badInput(
        path, "expected a regular file, found a folder or device", hint: "write what a pipe gives into a file first")
    }
  }

  deinit { close(descriptor) }

  /// The next line without its line feed; nil at the end.
  package func next() throws -> Line? {
    var dropped = 0
    while true {
      if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
        defer { (start, searched) = (end + 1, end + 1) }
        number += 1
        return dropped > 0 ? .tooLong(dropped + end - start) : .text(buffer[start..<end])
      }
      searched = buffer.count
      if isAtEnd {
        guard start < buffer.count || dropped > 0 else { return nil }
        defer { (start, searched) = (buffer.count, buffer.count) }
        number += 1
        return dropped > 0 ? .tooLong(dropped + buffer.count - start) : .text(buffer[start...])
      }
      if buffer.count - start > Self.longestLine {
        dropped += buffer.count - start
        start = buffer.count
      }
      try fill()
    }
  }

  private func fill() throws {
    if start > 0 {
      buffer.removeFirst(start)
      searched -= start
      start = 0
    }
    let old = buffer.count
    buffer.append(contentsOf: repeatElement(0, count: Self.pieceSize))
    let count = buffer.withUnsafeMutableBytes { bytes in
      retryingInterrupts { read(descriptor, bytes.baseAddress.map { $0 + old }, Self.pieceSize) }
    }
    guard count >= 0 else { throw RollbookError.system("read", path, errno: errno) }
    buffer.removeLast(Self.pieceSize - count)
    isAtEnd = count == 0
    buffer.withUnsafeBytes { digestStream.update(UnsafeRawBufferPointer(rebasing: $0[old...])) }
  }
}
