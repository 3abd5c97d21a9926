/// Why an expression has no exact value here.
enum MathLimit: Error, Equatable {
  /// It is larger than the budgets allow (digits, terms, exponents, atoms); nothing is known of its value.
  case budget
  /// It has no value: a division by zero, an infinity inside of arithmetic.
  case undefined
}

/// An exact rational number of 128-bit integers, in lowest terms, `bottom` > 0. What does not fit throws `.budget`.
struct Rational: Hashable, Sendable {
  let top: Int128
  let bottom: Int128

  static let zero = Rational(0)
  static let one = Rational(1)

  init(_ value: Int128) {
    top = value
    bottom = 1
  }

  init(_ top: Int128, over bottom: Int128) throws(MathLimit) {
    guard bottom != 0 else { throw .undefined }
    guard top != .min, bottom != .min else { throw .budget }
    let divisor = Self.divisor(top.magnitude, bottom.magnitude)
    let sign: Int128 = bottom < 0 ? -1 : 1
    self.top = sign * (top / divisor)
    self.bottom = sign * (bottom / divisor)
  }

  /// The exact number, where it has at most 36 digits above and below.
  init(_ number: ExactNumber) throws(MathLimit) {
    let (top, bottom) = (try Self.integers(number.top), try Self.integers(number.bottom))
    let value = try Rational(try Self.product(top.0, bottom.1), over: try Self.product(top.1, bottom.0))
    self = number.negative ? value.negated : value
  }

  var isZero: Bool { top == 0 }
  var isInteger: Bool { bottom == 1 }
  var isNegative: Bool { top < 0 }
  var negated: Rational { Rational(unreduced: -top, bottom) }
  var magnitude: Rational { isNegative ? negated : self }
  var double: Double { Double(top) / Double(bottom) }

  private init(unreduced top: Int128, _ bottom: Int128) {
    self.top = top
    self.bottom = bottom
  }

  func plus(_ other: Rational) throws(MathLimit) -> Rational {
    if bottom == 1 && other.bottom == 1 {
      let (sum, overflow) = top.addingReportingOverflow(other.top)
      guard !overflow, sum != .min else { throw .budget }
      return Rational(sum)
    }
    let left = try Self.product(top, other.bottom)
    let (sum, overflow) = left.addingReportingOverflow(try Self.product(other.top, bottom))
    guard !overflow else { throw .budget }
    return try Rational(sum, over: try Self.product(bottom, other.bottom))
  }

  func times(_ other: Rational) throws(MathLimit) -> Rational {
    if bottom == 1 && other.bottom == 1 { return Rational(try Self.product(top, other.top)) }
    return try Rational(try Self.product(top, other.top), over: try Self.product(bottom, other.bottom))
  }

  func inverse() throws(MathLimit) -> Rational { try Rational(bottom, over: top) }

  /// Powers by squaring: at most 128 squarings fit, so the exponent needs no bound of its own.
  func power(_ exponent: Int128) throws(MathLimit) -> Rational {
    guard exponent >= 0 else { return try inverse().power(-exponent) }
    if magnitude == .one { return isNegative && exponent % 2 == 1 ? self : .one }
    if isZero { return exponent == 0 ? .one : .zero }
    guard exponent < 128 else { throw .budget }
    var (result, square, rest) = (Rational.one, self, exponent)
    while true {
      if rest & 1 == 1 { result = try result.times(square) }
      rest >>= 1
      if rest == 0 { return result }
      square = try square.times(square)
    }
  }

  static func product(_ a: Int128, _ b: Int128) throws(MathLimit) -> Int128 {
    let (value, overflow) = a.multipliedReportingOverflow(by: b)
    guard !overflow, value != .min else { throw .budget }
    return value
  }

  /// A decimal as an integer and the power of ten that divides it.
  private static func integers(_ number: DecimalDigits) throws(MathLimit) -> (Int128, Int128) {
    guard number.digits.count <= 36, number.exponent >= -36, number.exponent <= 36 else { throw .budget }
    var value: Int128 = 0
    for digit in number.digits { value = value * 10 + Int128(digit) }
    var scale: Int128 = 1
    for _ in 0..<abs(number.exponent) { scale *= 10 }
    return number.exponent >= 0 ? (try product(value, scale), 1) : (value, scale)
  }

  /// The greatest common divisor; 1 for two zeros, so that it can divide.
  private static func divisor(_ a: UInt128, _ b: UInt128) -> Int128 {
    if a <= UInt128(UInt64.max) && b <= UInt128(UInt64.max) {
      var (x, y) = (UInt64(a), UInt64(b))
      while y != 0 { (x, y) = (y, x % y) }
      return Int128(max(x, 1))
    }
    var (x, y) = (a, b)
    while y != 0 { (x, y) = (y, x % y) }
    return Int128(max(x, 1))
  }
}
