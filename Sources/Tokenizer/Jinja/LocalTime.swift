/// What a clock on the wall shows. Templates see it through `strftime_now`; the caller decides what it is, so that the
/// same call gives the same text.
package struct LocalTime: Equatable, Sendable {
  package let year: Int
  /// 1 to 12.
  package let month: Int
  package let day: Int
  package let hour: Int
  package let minute: Int
  package let second: Int

  /// Nil where there is no such time.
  package init?(year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0) {
    guard (1...9999).contains(year), (1...12).contains(month),
      (1...Self.days(in: month, of: year)).contains(day),
      (0...23).contains(hour), (0...59).contains(minute), (0...60).contains(second)
    else { return nil }
    (self.year, self.month, self.day) = (year, month, day)
    (self.hour, self.minute, self.second) = (hour, minute, second)
  }

  /// `2026-11-21` or `2026-11-21T16:05:09`; nil for anything else.
  package init?(_ text: String) {
    let halves = text.split(separator: "T", maxSplits: 1, omittingEmptySubsequences: false)
    func numbers(_ text: Substring, _ separator: Character, _ widths: [Int]) -> [Int]? {
      let parts = text.split(separator: separator, omittingEmptySubsequences: false)
      guard parts.map(\.utf8.count) == widths else { return nil }
      let values = parts.compactMap {
        $0.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int($0) : nil
      }
      return values.count == widths.count ? values : nil
    }
    guard let date = numbers(halves[0], "-", [4, 2, 2]) else { return nil }
    guard halves.count > 1 else {
      self.init(year: date[0], month: date[1], day: date[2])
      return
    }
    guard let time = numbers(halves[1], ":", [2, 2, 2]) else { return nil }
    self.init(
      year: date[0], month: date[1], day: date[2], hour: time[0], minute: time[1], second: time[2])
  }

  /// `2026-11-21`
  package var date: String { "\(Self.padded(year, 4))-\(Self.padded(month))-\(Self.padded(day))" }

  private static func isLeap(_ year: Int) -> Bool {
    year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400))
  }

  private static func days(in month: Int, of year: Int) -> Int {
    [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
  }

  /// From 1.
  private var dayOfYear: Int { (1..<month).reduce(day) { $0 + Self.days(in: $1, of: year) } }

  /// Sunday is 0.
  private var weekday: Int {
    let before = year - 1
    return (before * 365 + before / 4 - before / 100 + before / 400 + dayOfYear) % 7
  }

  private static func padded(_ number: Int, _ width: Int = 2, _ fill: Character = "0") -> String {
    let digits = String(number)
    return String(repeating: fill, count: max(0, width - digits.utf8.count)) + digits
  }

  private static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November",
    "December",
  ]
  private static let weekdays = [
    "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
  ]

  /// `strftime` in the C locale. There is no time zone: `%z` and `%Z` are empty.
  ///
  /// - Throws: `JinjaFault` for a directive that is not known.
  func formatted(_ format: String) throws -> String {
    var result = ""
    var rest = format.unicodeScalars[...]
    while let scalar = rest.popFirst() {
      guard scalar == "%" else {
        result.unicodeScalars.append(scalar)
        continue
      }
      var isPadded = true
      if rest.first == "-" {
        isPadded = false
        rest.removeFirst()
      }
      guard let directive = rest.popFirst() else {
        throw JinjaFault("the format of strftime_now() ends with \"%\"")
      }
      let text = try formatted(directive)
      let bare = text.drop { $0 == "0" || $0 == " " }
      result += isPadded ? text : bare.isEmpty ? "0" : String(bare)
    }
    return result
  }

  private func formatted(_ directive: Unicode.Scalar) throws -> String {
    switch directive {
    case "Y": String(year)
    case "y": Self.padded(year % 100)
    case "C": Self.padded(year / 100)
    case "m": Self.padded(month)
    case "d": Self.padded(day)
    case "e": Self.padded(day, 2, " ")
    case "j": Self.padded(dayOfYear, 3)
    case "H": Self.padded(hour)
    case "I": Self.padded((hour + 11) % 12 + 1)
    case "M": Self.padded(minute)
    case "S": Self.padded(second)
    case "f": "000000"
    case "p": hour < 12 ? "AM" : "PM"
    case "A": Self.weekdays[weekday]
    case "a": String(Self.weekdays[weekday].prefix(3))
    case "B": Self.months[month - 1]
    case "b", "h": String(Self.months[month - 1].prefix(3))
    case "w": String(weekday)
    case "u": String(weekday == 0 ? 7 : weekday)
    case "U": Self.padded((dayOfYear + 6 - weekday) / 7)
    case "W": Self.padded((dayOfYear + 6 - (weekday + 6) % 7) / 7)
    case "F": date
    case "D", "x": try formatted("%m/%d/%y")
    case "T", "X": try formatted("%H:%M:%S")
    case "R": try formatted("%H:%M")
    case "c": try formatted("%a %b %e %H:%M:%S %Y")
    case "n": "\n"
    case "t": "\t"
    case "z", "Z": ""
    case "%": "%"
    default: throw JinjaFault.unsupported("%\(directive) in strftime_now()")
    }
  }
}
