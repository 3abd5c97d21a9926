import Foundation

/// The range of an axis and its labelled places.
package struct Axis: Equatable, Sendable {
  package struct Tick: Equatable, Sendable {
    package var value: Double
    package var label: String
  }

  package private(set) var low: Double
  package private(set) var high: Double
  package private(set) var ticks: [Tick] = []

  /// An axis that covers values.
  ///
  /// - Parameters:
  ///   - values: Those that are not finite do not count; with none the axis goes from 0 to 1.
  ///   - count: About how many ticks there is room for.
  ///   - rounded: Whether the range is stretched to the next ticks.
  ///   - whole: Whether only whole numbers are labelled.
  package init(_ values: some Sequence<Double>, ticks count: Int, rounded: Bool = false, whole: Bool = false) {
    (low, high) = (.infinity, -.infinity)
    for value in values where value.isFinite {
      low = min(low, value)
      high = max(high, value)
    }
    if low > high { (low, high) = (0, 1) }
    // Powers of ten end before numbers do.
    if max(abs(low), abs(high)) < 1e-100 { (low, high) = (0, 0) }
    let magnitude = max(abs(low), abs(high))
    // A range that rounding of its ends would swallow is that of one value.
    if high - low <= magnitude * 1e-9 {
      let margin = max(whole || magnitude == 0 ? 1 : magnitude / 2, magnitude * 1e-3)
      (low, high) = (low - margin, high + margin)
    }
    let wanted = (high - low) / Double(max(1, count))
    var exponent = Int(log10(wanted).rounded(.down))
    if whole { exponent = max(0, exponent) }
    var factor = [1.0, 2, 5].first { Self.scaled($0, exponent) >= wanted * (1 - 1e-9) } ?? 10
    if factor == 10 { (factor, exponent) = (1, exponent + 1) }
    let step = Self.scaled(factor, exponent)
    let slack = 1e-9
    let first = rounded ? (low / step + slack).rounded(.down) : (low / step - slack).rounded(.up)
    let last = rounded ? (high / step - slack).rounded(.up) : (high / step + slack).rounded(.down)
    if rounded { (low, high) = (Self.scaled(first * factor, exponent), Self.scaled(last * factor, exponent)) }
    guard last >= first else { return }
    ticks = (0...Int(last - first)).map { place in
      let digits = (first + Double(place)) * factor
      return Tick(value: Self.scaled(digits, exponent), label: Self.label(Int(digits), exponent))
    }
  }

  /// Where a value lies: 0 at the low end, 1 at the high one.
  package func share(_ value: Double) -> Double { (value - low) / (high - low) }

  /// `digits` · 10^`exponent`; exact powers of ten are divided by, for 3 / 10 is 0.3 and 3 · 0.1 is not.
  private static func scaled(_ digits: Double, _ exponent: Int) -> Double {
    exponent < 0 ? digits / pow(10, Double(-exponent)) : digits * pow(10, Double(exponent))
  }

  /// `digits` · 10^`exponent` in full where that is short, else as `1.5e+06`.
  static func label(_ digits: Int, _ exponent: Int) -> String {
    if digits == 0 { return "0" }
    var text = String(abs(digits))
    let sign = digits < 0 ? "-" : ""
    if (0...6).contains(exponent), text.utf8.count + exponent <= 6 {
      return sign + text + String(repeating: "0", count: exponent)
    }
    if (-4..<0).contains(exponent) {
      text = String(repeating: "0", count: max(0, 1 - exponent - text.utf8.count)) + text
      return "\(sign)\(text.dropLast(-exponent)).\(text.suffix(-exponent))"
    }
    let power = exponent + text.utf8.count - 1
    var rest = String(text.dropFirst())
    while rest.last == "0" { rest.removeLast() }
    let mantissa = "\(text.prefix(1))\(rest.isEmpty ? "" : "." + rest)"
    return "\(sign)\(mantissa)e\(power < 0 ? "-" : "+")\(abs(power) < 10 ? "0" : "")\(abs(power))"
  }
}
