/// The value of an arithmetic expression.
enum ArithmeticValue: Equatable {
  /// top / bottom in lowest terms, bottom > 0.
  case rational(Int128, Int128)
  /// An expression like any other, but its value is not computed: beyond 127 bits, irrational, or a comparison.
  case unknown

  init(_ top: Int128, _ bottom: Int128) {
    var (a, b) = (top.magnitude, bottom.magnitude)
    while b != 0 { (a, b) = (b, a % b) }
    // The magnitude of Int128.min does not fit.
    guard let divisor = Int128(exactly: a), divisor > 0, top != .min, bottom != .min else {
      self = .unknown
      return
    }
    let sign: Int128 = bottom < 0 ? -1 : 1
    self = .rational(sign * top / divisor, sign * bottom / divisor)
  }

  private static func exact(_ result: (partialValue: Int128, overflow: Bool)) -> Int128? {
    result.overflow ? nil : result.partialValue
  }

  func plus(_ other: ArithmeticValue, _ sign: Int128 = 1) -> ArithmeticValue {
    guard case .rational(let a, let b) = self, case .rational(let c, let d) = other,
      let left = Self.exact(a.multipliedReportingOverflow(by: d)),
      let right = Self.exact((sign * c).multipliedReportingOverflow(by: b)),
      let top = Self.exact(left.addingReportingOverflow(right)),
      let bottom = Self.exact(b.multipliedReportingOverflow(by: d))
    else { return .unknown }
    return ArithmeticValue(top, bottom)
  }

  func times(_ other: ArithmeticValue) -> ArithmeticValue {
    guard case .rational(let a, let b) = self, case .rational(let c, let d) = other,
      let top = Self.exact(a.multipliedReportingOverflow(by: c)),
      let bottom = Self.exact(b.multipliedReportingOverflow(by: d))
    else { return .unknown }
    return ArithmeticValue(top, bottom)
  }

  var negated: ArithmeticValue {
    guard case .rational(let top, let bottom) = self else { return .unknown }
    return .rational(-top, bottom)
  }

  var magnitude: ArithmeticValue {
    guard case .rational(let top, let bottom) = self, top < 0 else { return self }
    return .rational(-top, bottom)
  }

  /// nil for 0.
  var inverse: ArithmeticValue? {
    guard case .rational(let top, let bottom) = self else { return .unknown }
    return top == 0 ? nil : ArithmeticValue(bottom, top)
  }

  /// The largest whole number that is not above it.
  var floor: ArithmeticValue {
    guard case .rational(let top, let bottom) = self else { return .unknown }
    return .rational(top / bottom - (top % bottom < 0 ? 1 : 0), 1)
  }

  /// nil where 0 is raised to a negative power.
  func power(_ exponent: ArithmeticValue) -> ArithmeticValue? {
    guard case .rational(let top, let bottom) = self, case .rational(let count, 1) = exponent else { return .unknown }
    if count < 0 { return inverse?.power(exponent.negated) }
    if bottom == 1, top == 0 || top == 1 { return count == 0 ? .rational(1, 1) : self }
    if bottom == 1, top == -1 { return .rational(count % 2 == 0 ? 1 : -1, 1) }
    guard count <= 127 else { return .unknown }
    var result = ArithmeticValue.rational(1, 1)
    for _ in 0..<Int(count) { result = result.times(self) }
    return result
  }

  /// nil for negative numbers.
  var factorial: ArithmeticValue? {
    guard case .rational(let top, 1) = self else { return .unknown }
    guard top >= 0 else { return nil }
    guard top <= 33 else { return .unknown }
    var result = ArithmeticValue.rational(1, 1)
    for factor in stride(from: Int128(2), through: top, by: 1) { result = result.times(.rational(factor, 1)) }
    return result
  }
}

/// Reads arithmetic as Python writes it: `+ - * / // % ** ( )`, signs, `abs(…)`, `!`, decimals, `# comments`. One pass,
/// nesting bounded; powers and factorials are bounded by 127 bits, so that `9**9**9` costs nothing.
struct ArithmeticParser {
  private let text: [UInt8]
  private var index: Int
  private let end: Int
  private var depth = 0
  /// Open parentheses; inside of them a line may break.
  private var open = 0

  static let depthLimit = 100

  /// The value of the expression that the whole text is; nil where it is none, or divides by zero.
  static func value(_ text: [UInt8], _ range: Range<Int>) -> ArithmeticValue? {
    var parser = ArithmeticParser(text, text.trimmed(range))
    guard let value = parser.comparison() else { return nil }
    parser.skipSpace()
    return parser.index == parser.end ? value : nil
  }

  private init(_ text: [UInt8], _ range: Range<Int>) {
    (self.text, index, end) = (text, range.lowerBound, range.upperBound)
  }

  private mutating func skipSpace() {
    while index < end {
      if text[index] == UInt8(ascii: "#") {
        while index < end, text[index] != 0x0A { index += 1 }
      } else if text[index] == 0x20 || text[index] == 0x09 || (open > 0 && isSpace(text[index])) {
        index += 1
      } else {
        return
      }
    }
  }

  private mutating func take(_ word: StaticString) -> Bool {
    skipSpace()
    guard text.has(word, at: index, end: end) else { return false }
    index += word.utf8CodeUnitCount
    return true
  }

  /// `a == b` and `a ^ b` (Python's exclusive or) have a value that is never right.
  private mutating func comparison() -> ArithmeticValue? {
    guard var value = sum() else { return nil }
    while take("==") || take("^") {
      guard sum() != nil else { return nil }
      value = .unknown
    }
    return value
  }

  private mutating func sum() -> ArithmeticValue? {
    guard var value = product() else { return nil }
    while true {
      let isPlus = take("+")
      guard isPlus || take("-") else { return value }
      guard let next = product() else { return nil }
      value = value.plus(next, isPlus ? 1 : -1)
    }
  }

  private mutating func product() -> ArithmeticValue? {
    guard var value = factor() else { return nil }
    while true {
      if take("*") {
        guard let next = factor() else { return nil }
        value = value.times(next)
        continue
      }
      let floors = take("//")
      let remains = !floors && take("%")
      guard floors || remains || take("/") else { return value }
      guard let next = factor(), let inverse = next.inverse else { return nil }
      let quotient = value.times(inverse)
      if remains {
        value = value.plus(quotient.floor.times(next), -1)
      } else {
        value = floors ? quotient.floor : quotient
      }
    }
  }

  /// Signs bind less than a power to their right: -2**2 is -4.
  private mutating func factor() -> ArithmeticValue? {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.depthLimit else { return nil }
    var negative = false
    while true {
      if take("-") { negative.toggle() } else if !take("+") { break }
    }
    guard var value = postfix() else { return nil }
    if take("**") {
      guard let exponent = factor(), let power = value.power(exponent) else { return nil }
      value = power
    }
    return negative ? value.negated : value
  }

  private mutating func postfix() -> ArithmeticValue? {
    guard var value = atom() else { return nil }
    var count = 0
    while index < end, text[index] == UInt8(ascii: "!"), !text.has("!=", at: index, end: end) {
      index += 1
      count += 1
    }
    if count == 1 {
      guard let factorial = value.factorial else { return nil }
      value = factorial
    } else if count > 1 {
      value = .unknown
    }
    return value
  }

  private mutating func atom() -> ArithmeticValue? {
    skipSpace()
    let isMagnitude = take("abs")
    guard take("(") else { return isMagnitude ? nil : number() }
    open += 1
    guard let value = comparison() else { return nil }
    // Before the parenthesis closes: a line may still break.
    guard take(")") else { return nil }
    open -= 1
    return isMagnitude ? value.magnitude : value
  }

  private mutating func number() -> ArithmeticValue? {
    let start = index
    var top: Int128? = 0
    var scale = 0
    func push(_ byte: UInt8) {
      guard let value = top else { return }
      let (product, over) = value.multipliedReportingOverflow(by: 10)
      let (sum, more) = product.addingReportingOverflow(Int128(byte - 0x30))
      top = over || more ? nil : sum
    }
    while index < end, isDigit(text[index]) {
      push(text[index])
      index += 1
    }
    let whole = index - start
    var isWhole = true
    if index < end, text[index] == UInt8(ascii: ".") {
      isWhole = false
      index += 1
      while index < end, isDigit(text[index]) {
        push(text[index])
        scale -= 1
        index += 1
      }
      guard whole > 0 || scale < 0 else { return nil }
    }
    guard index > start else { return nil }
    if index < end, text[index] | 0x20 == UInt8(ascii: "e") {
      isWhole = false
      guard let exponent = exponent() else { return nil }
      scale += exponent
    }
    // 02 is no number in Python; 00 is.
    if isWhole, whole > 1, text[start] == 0x30, text[start..<index].contains(where: { $0 != 0x30 }) { return nil }
    guard let top else { return .unknown }
    return ArithmeticValue.rational(10, 1).power(.rational(Int128(scale), 1))?.times(.rational(top, 1))
  }

  private mutating func exponent() -> Int? {
    index += 1
    var negative = false
    if index < end, text[index] == UInt8(ascii: "-") || text[index] == UInt8(ascii: "+") {
      negative = text[index] == UInt8(ascii: "-")
      index += 1
    }
    let start = index
    var value = 0
    while index < end, isDigit(text[index]) {
      value = min(value * 10 + Int(text[index] - 0x30), 1_000_000)
      index += 1
    }
    return index > start ? (negative ? -value : value) : nil
  }
}
