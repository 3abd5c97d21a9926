/// An aligned table for a terminal: columns as wide as their widest cell, two spaces between, numbers to the right.
///
/// Cells are printed as they are: whoever fills in text of a model sanitises it first.
package struct Table {
  package enum Alignment: Sendable { case left, right }

  /// Titles, left to right.
  package private(set) var titles: [String]
  private var alignments: [Alignment]
  private var rows: [[String]] = []

  /// A table with these columns; `right` for numbers.
  package init(_ columns: [(title: String, alignment: Alignment)]) {
    titles = columns.map(\.title)
    alignments = columns.map(\.alignment)
  }

  package var isEmpty: Bool { rows.isEmpty }

  /// Adds a row; missing cells are empty, cells beyond the columns a fault of ours.
  package mutating func append(_ cells: [String]) {
    precondition(cells.count <= titles.count)
    rows.append(cells + Array(repeating: "", count: titles.count - cells.count))
  }

  /// The lines, header first, each ended by a newline; no trailing spaces.
  package func rendered(header: Bool = true) -> String {
    let lines = (header ? [titles] : []) + rows
    let widths = titles.indices.map { column in lines.map { Terminal.width(of: $0[column]) }.max() ?? 0 }
    return lines.map { line($0, widths) + "\n" }.joined()
  }

  private func line(_ cells: [String], _ widths: [Int]) -> String {
    var text = ""
    for (column, cell) in cells.enumerated() {
      let padding = String(repeating: " ", count: widths[column] - Terminal.width(of: cell))
      text += alignments[column] == .right ? padding + cell : cell + padding
      text += "  "
    }
    while text.last == " " { text.removeLast() }
    return text
  }
}

/// Numbers as people read them in tables.
package enum Format {
  /// A number with a fixed count of decimals; `–` for none.
  package static func decimal(_ value: Double?, _ places: Int = 3) -> String {
    guard let value else { return "–" }
    guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
    var scale = 1.0
    for _ in 0..<places { scale *= 10 }
    let magnitude = (abs(value) * scale).rounded()
    guard magnitude < 9e15 else { return "\(value)" }
    let whole = Int(magnitude)
    let sign = value < 0 && whole != 0 ? "-" : ""
    let unit = Int(scale)
    guard places > 0 else { return "\(sign)\(whole)" }
    let fraction = String(whole % unit)
    return "\(sign)\(whole / unit)." + String(repeating: "0", count: places - fraction.count) + fraction
  }

  /// A share as a percentage with one decimal: `0.125` is `12.5%`.
  package static func percent(_ share: Double?) -> String {
    share.map { decimal($0 * 100, 1) + "%" } ?? "–"
  }

  /// A span of time: `0:07`, `12:34`, `3:04:05`.
  package static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds >= 0, seconds < 3.6e9 else { return "?" }
    let total = Int(seconds.rounded())
    let (hours, minutes, rest) = (total / 3600, total / 60 % 60, total % 60)
    let two = { (value: Int) in value < 10 ? "0\(value)" : "\(value)" }
    return hours > 0 ? "\(hours):\(two(minutes)):\(two(rest))" : "\(minutes):\(two(rest))"
  }

  /// A size in bytes: `512 B`, `1.5 MB` (powers of ten, as disks are sold).
  package static func bytes(_ count: Int) -> String {
    var value = Double(count)
    var unit = 0
    let units = ["B", "kB", "MB", "GB", "TB", "PB"]
    while value >= 999.5, unit + 1 < units.count {
      value /= 1000
      unit += 1
    }
    return unit == 0 ? "\(count) B" : "\(decimal(value, value < 9.95 ? 1 : 0)) \(units[unit])"
  }

  /// A rate or size with about three digits: `0.0123`, `4.56`, `78.9`, `1234`.
  package static func brief(_ value: Double) -> String {
    guard value.isFinite else { return decimal(value) }
    let magnitude = abs(value)
    if magnitude == 0 { return "0" }
    if magnitude < 0.0001 || magnitude >= 1e9 { return scientific(value) }
    return decimal(value, magnitude >= 100 ? 0 : magnitude >= 10 ? 1 : magnitude >= 1 ? 2 : 4)
  }

  /// Three digits and an exponent: `1.23e-05`.
  private static func scientific(_ value: Double) -> String {
    var exponent = 0
    var mantissa = abs(value)
    while mantissa >= 9.995 {
      mantissa /= 10
      exponent += 1
    }
    while mantissa < 0.9995, exponent > -400 {
      mantissa *= 10
      exponent -= 1
    }
    let digits = abs(exponent) < 10 ? "0\(abs(exponent))" : "\(abs(exponent))"
    return "\(value < 0 ? "-" : "")\(decimal(mantissa, 2))e\(exponent < 0 ? "-" : "+")\(digits)"
  }
}
