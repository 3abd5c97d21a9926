/// An exact rational number: ± top / bottom, with decimal digits of any count. No binary floating point anywhere.
struct ExactNumber: Equatable, Sendable {
  var negative: Bool
  var top: DecimalDigits
  var bottom: DecimalDigits
  /// Written with a percent sign; the value does not include the division by 100.
  var percent = false

  init(negative: Bool, top: DecimalDigits, bottom: DecimalDigits = .one, percent: Bool = false) {
    self.negative = negative && !top.isZero
    self.top = top
    self.bottom = bottom
    self.percent = percent
  }

  /// The quotient; nil for a zero divisor and for products beyond ``DecimalDigits/productLimit``.
  func divided(by other: ExactNumber) -> ExactNumber? {
    guard !other.top.isZero, let top = top.times(other.bottom), let bottom = bottom.times(other.top) else {
      return nil
    }
    return ExactNumber(negative: negative != other.negative, top: top, bottom: bottom)
  }

  /// The value with its percent sign carried out.
  var asFraction: ExactNumber {
    guard percent else { return self }
    var top = top
    if !top.isZero { top.exponent -= 2 }
    return ExactNumber(negative: negative, top: top, bottom: bottom)
  }

  /// Whether both are the same number (percent signs apart). Decimals compare digit by digit, fractions by
  /// cross-multiplication; products that would be too long are unequal.
  func hasSameValue(as other: ExactNumber) -> Bool {
    guard negative == other.negative else { return false }
    if bottom == other.bottom { return top == other.top }
    guard let left = top.times(other.bottom), let right = other.top.times(bottom) else { return false }
    return left == right
  }

  /// Whether |value| ≥ 1.
  var isAtLeastOne: Bool { top.magnitude >= bottom.magnitude }

  /// The shortest way to write it: "-7", "0.25", "22/7", "50%".
  var description: String {
    let fraction = bottom == .one ? top.description : top.description + "/" + bottom.description
    return (negative ? "-" : "") + fraction + (percent ? "%" : "")
  }
}

/// A non-negative decimal number: the integer of `digits` times 10^exponent. Canonical: no zeros at either end of
/// `digits`; zero has none and exponent 0. So equal numbers are equal values.
struct DecimalDigits: Equatable, Sendable {
  private(set) var digits: [UInt8]
  var exponent: Int

  static let one = DecimalDigits([1], exponent: 0)

  /// Longer factors are not multiplied: schoolbook products of hostile fractions must not cost time.
  static let productLimit = 300

  /// - Parameter digits: values 0 to 9, the most significant first.
  init(_ digits: [UInt8], exponent: Int) {
    var end = digits.count
    while end > 0 && digits[end - 1] == 0 { end -= 1 }
    var start = 0
    while start < end && digits[start] == 0 { start += 1 }
    self.digits = start == 0 && end == digits.count ? digits : Array(digits[start..<end])
    self.exponent = start == end ? 0 : exponent + digits.count - end
  }

  var isZero: Bool { digits.isEmpty }

  /// Exact product; nil where a factor has more than ``productLimit`` digits and the other is not a power of ten.
  func times(_ other: DecimalDigits) -> DecimalDigits? {
    if digits == [1] { return DecimalDigits(other.digits, exponent: other.isZero ? 0 : other.exponent + exponent) }
    if other.digits == [1] { return DecimalDigits(digits, exponent: isZero ? 0 : exponent + other.exponent) }
    guard digits.count <= Self.productLimit, other.digits.count <= Self.productLimit else { return nil }
    var product = [UInt32](repeating: 0, count: digits.count + other.digits.count)
    for (i, a) in digits.enumerated() {
      for (j, b) in other.digits.enumerated() { product[i + j + 1] += UInt32(a) * UInt32(b) }
    }
    var carry: UInt32 = 0
    for index in product.indices.reversed() {
      let sum = product[index] + carry
      product[index] = sum % 10
      carry = sum / 10
    }
    return DecimalDigits(product.map { UInt8($0) }, exponent: exponent + other.exponent)
  }

  /// The number of digits before the decimal point (negative for leading zeros after it), then the digits.
  var magnitude: Magnitude { Magnitude(places: isZero ? Int.min : digits.count + exponent, digits: digits) }

  struct Magnitude: Comparable {
    let places: Int
    let digits: [UInt8]

    static func < (a: Magnitude, b: Magnitude) -> Bool {
      a.places != b.places ? a.places < b.places : a.digits.lexicographicallyPrecedes(b.digits)
    }
  }

  /// Plain decimal notation.
  var description: String {
    guard !isZero else { return "0" }
    var text = digits.map { $0 + 0x30 }
    if exponent >= 0 {
      text += Array(repeating: 0x30, count: exponent)
    } else if -exponent < digits.count {
      text.insert(UInt8(ascii: "."), at: digits.count + exponent)
    } else {
      text = Array("0.".utf8) + Array(repeating: 0x30, count: -exponent - digits.count) + text
    }
    return String(decoding: text, as: UTF8.self)
  }
}

extension ExactNumber {
  init(_ value: Int128) {
    self.init(
      negative: value < 0, top: DecimalDigits(String(value.magnitude).utf8.map { $0 - 0x30 }, exponent: 0))
  }

  /// Whether it is no decimal fraction, so that it is what it is and no rounded value.
  var isExact: Bool { top.exponent >= 0 && bottom.exponent >= 0 }

  /// Whether it is an integer as it is written (5.0 counts).
  var isWhole: Bool { bottom == .one && top.exponent >= 0 }
}
