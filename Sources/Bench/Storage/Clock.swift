internal import Pipeline

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Seconds that pieces of work took together: on the wall, and of this thread on a processor, system calls included.
struct Clock {
  var wall = 0.0
  var processor = 0.0

  static func processorTime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  mutating func measure<Result>(_ work: () throws -> Result) rethrows -> Result {
    let start = (Timestamp.steady, Self.processorTime())
    defer {
      wall += Timestamp.steady - start.0
      processor += Self.processorTime() - start.1
    }
    return try work()
  }
}
