import Formats

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Standard output and standard error, unbuffered, with errors told apart.
package enum Output {
  /// Thrown when the reader of standard output went away (`rollbook ls | head`); the frame ends quietly with exit 0.
  package struct Closed: Error {
    package init() {}
  }

  /// Writes to standard output.
  ///
  /// - Throws: `Closed`, or `RollbookError` `io`.
  package static func print(_ text: String, terminator: String = "\n") throws {
    let number = send(text + terminator, to: STDOUT_FILENO)
    if number == EPIPE { throw Closed() }
    if number != 0 { throw RollbookError.system("write", "standard output", errno: number) }
  }

  /// Writes to standard error; failures are nobody's concern.
  package static func note(_ text: String, terminator: String = "\n") {
    _ = send(text + terminator, to: STDERR_FILENO)
  }

  /// Writes everything; 0, or the `errno` of the call that failed.
  package static func send(_ text: String, to descriptor: Int32) -> Int32 {
    var text = text
    return text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while let start = rest.baseAddress, !rest.isEmpty {
        let count = write(descriptor, start, rest.count)
        if count < 0 && errno == EINTR { continue }
        if count < 0 { return errno }
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      }
      return 0
    }
  }
}
