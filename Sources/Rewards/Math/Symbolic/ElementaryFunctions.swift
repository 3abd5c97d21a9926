/// The elementary functions in double precision, correct to about 1e-14 where the argument is of ordinary size; they
/// serve numeric guards only, and are written here because this module imports nothing. Outside of their domains: NaN.
enum Elementary {
  static let ln2 = 0.693_147_180_559_945_309_4
  static let pi = 3.141_592_653_589_793_238_46

  static func exp(_ x: Double) -> Double {
    guard x < 709 else { return x.isNaN ? x : .infinity }
    guard x > -745 else { return 0 }
    // x = k ln 2 + r with |r| ≤ ln 2 / 2.
    let k = (x / ln2).rounded()
    let r = x - k * ln2
    var (term, sum) = (1.0, 1.0)
    for n in 1...18 {
      term *= r / Double(n)
      sum += term
    }
    return Double(sign: .plus, exponent: Int(k), significand: sum)
  }

  static func log(_ x: Double) -> Double {
    guard x > 0, x.isFinite else { return x.isInfinite && x > 0 ? x : .nan }
    // x = m 2^k with m around 1; ln m = 2 artanh((m − 1) / (m + 1)).
    var (m, k) = (x.significand, Double(x.exponent))
    if m > 1.414_213_562_373_095 {
      m /= 2
      k += 1
    }
    let z = (m - 1) / (m + 1)
    var (power, sum) = (z, 0.0)
    for n in stride(from: 1, through: 41, by: 2) {
      sum += power / Double(n)
      power *= z * z
    }
    return 2 * sum + k * ln2
  }

  /// Negative bases only to whole exponents and odd roots' places are NaN.
  static func pow(_ x: Double, _ y: Double) -> Double {
    if y == y.rounded(), abs(y) <= 1024 {
      var (result, square, rest) = (1.0, x, Int(abs(y)))
      while rest > 0 {
        if rest & 1 == 1 { result *= square }
        square *= square
        rest >>= 1
      }
      return y < 0 ? 1 / result : result
    }
    if x == 0 { return y > 0 ? 0 : .nan }
    return x < 0 ? .nan : exp(y * log(x))
  }

  static func sin(_ x: Double) -> Double { wave(x, shift: 0) }
  static func cos(_ x: Double) -> Double { wave(x, shift: 1) }

  /// sin(x + shift · π/2). Arguments beyond a million lose too many digits and are NaN.
  private static func wave(_ x: Double, shift: Int) -> Double {
    guard abs(x) < 1e6 else { return .nan }
    let quarter = (x / (pi / 2)).rounded()
    // π/2 in two parts, so that the difference keeps its digits.
    let r = (x - quarter * 1.570_796_326_794_896_558) - quarter * 6.123_233_995_736_766e-17
    let turn = ((Int(quarter) + shift) % 4 + 4) % 4
    let (first, start) = turn % 2 == 0 ? (r, 1) : (1.0, 0)
    var (term, sum) = (first, first)
    for n in 1...11 {
      let place = Double(2 * n + start)
      term *= -r * r / (place * (place - 1))
      sum += term
    }
    return turn >= 2 ? -sum : sum
  }

  static func arctan(_ x: Double) -> Double {
    if x < 0 { return -arctan(-x) }
    if x > 1 { return pi / 2 - arctan(1 / x) }
    // Halving the angle three times brings the argument below 0.1.
    var z = x
    for _ in 0..<3 { z = z / (1 + (1 + z * z).squareRoot()) }
    var (power, sum, sign) = (z, 0.0, 1.0)
    for n in stride(from: 1, through: 31, by: 2) {
      sum += sign * power / Double(n)
      power *= z * z
      sign = -sign
    }
    return 8 * sum
  }

  static func arcsin(_ x: Double) -> Double {
    guard abs(x) <= 1 else { return .nan }
    return abs(x) == 1 ? x * pi / 2 : arctan(x / (1 - x * x).squareRoot())
  }

  static func value(_ function: MathFunction, _ x: Double) -> Double {
    switch function {
    case .ln: log(x)
    case .log: log(x) / log(10)
    case .exp: exp(x)
    case .sin: sin(x)
    case .cos: cos(x)
    case .tan: sin(x) / cos(x)
    case .cot: cos(x) / sin(x)
    case .sec: 1 / cos(x)
    case .csc: 1 / sin(x)
    case .arcsin: arcsin(x)
    case .arccos: pi / 2 - arcsin(x)
    case .arctan: arctan(x)
    case .sinh: (exp(x) - exp(-x)) / 2
    case .cosh: (exp(x) + exp(-x)) / 2
    case .tanh: 1 - 2 / (exp(2 * x) + 1)
    }
  }
}
