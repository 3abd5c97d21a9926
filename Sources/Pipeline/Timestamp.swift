#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Points in time, as seconds since 1970 (UTC).
package enum Timestamp {
  /// Now, with the clock's resolution.
  package static var now: Double {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  /// Seconds of a clock that never jumps; only differences mean something.
  package static var steady: Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }

  /// Today's date where this machine is: `2026-11-21`.
  package static var localDate: String {
    var time = time_t(now)
    var parts = tm()
    localtime_r(&time, &parts)
    return "\(padded(Int(parts.tm_year) + 1900, 4))-\(padded(Int(parts.tm_mon) + 1, 2))-\(padded(Int(parts.tm_mday), 2))"
  }

  /// RFC 3339 in UTC, to the millisecond: `2026-11-21T09:55:00.123Z`; whole seconds without `fraction`.
  package static func text(_ seconds: Double, fraction: Bool = true) -> String {
    guard seconds.isFinite, abs(seconds) < 2e11 else { return "1970-01-01T00:00:00Z" }
    let milliseconds = Int((seconds * 1000).rounded(.down))
    var whole = milliseconds / 1000
    var rest = milliseconds % 1000
    if rest < 0 {
      rest += 1000
      whole -= 1
    }
    var time = time_t(whole)
    var parts = tm()
    gmtime_r(&time, &parts)
    let date =
      "\(padded(Int(parts.tm_year) + 1900, 4))-\(padded(Int(parts.tm_mon) + 1, 2))-\(padded(Int(parts.tm_mday), 2))"
    let clock = "\(padded(Int(parts.tm_hour), 2)):\(padded(Int(parts.tm_min), 2)):\(padded(Int(parts.tm_sec), 2))"
    return fraction ? "\(date)T\(clock).\(padded(rest, 3))Z" : "\(date)T\(clock)Z"
  }

  /// The seconds of an RFC 3339 text in UTC as `text` writes it; nil for anything else.
  package static func seconds(_ text: String) -> Double? {
    let bytes = Array(text.utf8)
    guard bytes.count >= 20, bytes.last == UInt8(ascii: "Z") else { return nil }
    func number(_ range: Range<Int>) -> Int? {
      var value = 0
      for byte in bytes[range] {
        guard (0x30...0x39).contains(byte) else { return nil }
        value = value * 10 + Int(byte - 0x30)
      }
      return value
    }
    guard bytes[4] == 0x2D, bytes[7] == 0x2D, bytes[10] == 0x54, bytes[13] == 0x3A, bytes[16] == 0x3A,
      let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
      let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19)
    else { return nil }
    var parts = tm()
    parts.tm_year = Int32(year - 1900)
    parts.tm_mon = Int32(month - 1)
    parts.tm_mday = Int32(day)
    parts.tm_hour = Int32(hour)
    parts.tm_min = Int32(minute)
    parts.tm_sec = Int32(second)
    let whole = Double(timegm(&parts))
    guard bytes.count > 20 else { return whole }
    guard bytes[19] == 0x2E, bytes.count <= 30, let digits = number(20..<bytes.count - 1) else { return nil }
    var scale = 1.0
    for _ in 20..<bytes.count - 1 { scale *= 10 }
    return whole + Double(digits) / scale
  }

  private static func padded(_ value: Int, _ width: Int) -> String {
    let text = String(value)
    return String(repeating: "0", count: max(0, width - text.count)) + text
  }
}
