#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension RollbookError {
  /// A failed system call: `errno` in words. A path that does not exist is `missing` (69), the rest is `io` (74).
  ///
  /// - Parameters:
  ///   - action: What was tried, as a verb: "open", "write", "rename".
  ///   - number: `errno` as it was right after the call.
  package static func system(_ action: String, _ path: String, errno number: Int32) -> RollbookError {
    let words = String(cString: strerror(number))
    switch number {
    case ENOENT, ENOTDIR:
      return RollbookError(
        .missing, place: path, "cannot \(action): \(words)", hint: "check the path, and that the earlier step ran")
    case EACCES, EPERM, EROFS:
      return RollbookError(
        .io, place: path, "cannot \(action): \(words)", hint: "check the owner and the mode of the file and its folder")
    case ENOSPC, EDQUOT:
      return RollbookError(
        .io, place: path, "cannot \(action): \(words)", hint: "free some space, then run the same command again")
    default:
      return RollbookError(.io, place: path, "cannot \(action): \(words) (errno \(number))")
    }
  }
}

/// Calls `body` until it is not interrupted by a signal; returns what it returned (`errno` tells why if negative).
func retryingInterrupts<Result: SignedInteger>(_ body: () -> Result) -> Result {
  while true {
    let result = body()
    if result < 0 && errno == EINTR { continue }
    return result
  }
}

/// Seconds of a clock that never jumps; only differences mean something.
func steadySeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// Whether two pieces of memory hold the same bytes.
func isEqual(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
  guard a.count == b.count else { return false }
  guard let first = a.baseAddress, let second = b.baseAddress, a.count > 0 else { return true }
  return memcmp(first, second, a.count) == 0
}
