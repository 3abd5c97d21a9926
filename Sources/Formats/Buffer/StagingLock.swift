#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Keeps two processes from writing one staging file: an advisory `flock` on a file beside it, held until `release`
/// or until this object, or the process, is gone.
///
/// The lock file stays behind on purpose: deleting it would let two processes hold locks on two files of one name.
package final class StagingLock {
  package let path: String
  private var descriptor: Int32

  /// Takes the lock at `path`, whose folder must exist.
  ///
  /// - Parameter wait: Whether to wait for another process to let go.
  /// - Throws: `RollbookError` `io`, naming the holder when the lock is taken.
  package init(path: String, wait: Bool = false) throws {
    self.path = path
    descriptor = retryingInterrupts { open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o666) }
    guard descriptor >= 0 else { throw RollbookError.system("create", path, errno: errno) }
    let operation = wait ? LOCK_EX : LOCK_EX | LOCK_NB
    guard retryingInterrupts({ flock(descriptor, operation) }) == 0 else {
      let number = errno
      let holder = Self.holder(descriptor)
      release()  // Not `close` alone: the object is whole, so `deinit` runs and would close the number again.
      guard number == EWOULDBLOCK else { throw RollbookError.system("lock", path, errno: number) }
      throw RollbookError(
        .io, place: path, "expected to be the only writer, found another process at work (\(holder))",
        hint: "wait for it to end; give workers of one step different parts")
    }
    var name = [CChar](repeating: 0, count: 256)
    gethostname(&name, name.count - 1)
    let host = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let text = Array("host \(host) pid \(getpid())\n".utf8)
    // Only for people: a lock without a name in it is as good.
    if ftruncate(descriptor, 0) == 0 { _ = pwrite(descriptor, text, text.count, 0) }
  }

  deinit { release() }

  /// Lets go; calling it again does nothing. Closing alone would not do: a child between its fork and its exec has the
  /// descriptor, too, and would hold the lock a moment longer.
  package func release() {
    guard descriptor >= 0 else { return }
    _ = retryingInterrupts { flock(descriptor, LOCK_UN) }
    close(descriptor)
    descriptor = -1
  }

  private static func holder(_ descriptor: Int32) -> String {
    var text = [UInt8](repeating: 0, count: 300)
    let count = pread(descriptor, &text, text.count, 0)
    let line = text.prefix(max(count, 0)).prefix { $0 >= 0x20 }
    return line.isEmpty ? "unknown" : String(decoding: line, as: UTF8.self)
  }
}
