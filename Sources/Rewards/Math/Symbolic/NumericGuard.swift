/// Evaluates expressions in double precision: with letters at fixed pseudo-random points, to tell whether two
/// expressions without a common normal form are the same function.
struct NumericGuard {
  /// Which of the fixed points.
  let point: Int

  static let points = 6

  /// NaN where it has no real value, or is no expression.
  func value(_ tree: MathTree, _ node: Int) -> Double {
    let children = tree[node].children
    func child(_ index: Int) -> Double { value(tree, children[index]) }
    switch tree[node].kind {
    case .number(let index): return Self.double(tree.numbers[index])
    case .variable(let index): return sample(tree.names[index])
    case .pi: return Elementary.pi
    case .e: return Elementary.exp(1)
    case .sum: return children.reduce(0) { $0 + value(tree, $1) }
    case .product: return children.reduce(1) { $0 * value(tree, $1) }
    case .negation: return -child(0)
    case .inverse: return 1 / child(0)
    case .percent: return child(0) / 100
    case .degrees, .measure: return child(0)
    case .power: return Elementary.pow(child(0), child(1))
    case .root: return root(child(0), child(1))
    case .absolute: return abs(child(0))
    case .factorial: return factorial(child(0))
    case .binomial: return factorial(child(0)) / (factorial(child(1)) * factorial(child(0) - child(1)))
    case .call(let function):
      let x = Elementary.value(function == .log && children.count == 2 ? .ln : function, child(0))
      return function == .log && children.count == 2 ? x / Elementary.log(child(1)) : x
    default: return .nan
    }
  }

  private func root(_ x: Double, _ n: Double) -> Double {
    if n == 2 { return x.squareRoot() }
    guard n == n.rounded(), abs(n) < 1000 else { return .nan }
    if x < 0, n.truncatingRemainder(dividingBy: 2) != 0 { return -Elementary.pow(-x, 1 / n) }
    return Elementary.pow(x, 1 / n)
  }

  private func factorial(_ x: Double) -> Double {
    guard x >= 0, x <= 170, x == x.rounded() else { return .nan }
    return (0..<Int(x)).reduce(1) { $0 * Double($1 + 1) }
  }

  /// The digits that a double holds; zero and infinity for what is beyond its range.
  static func double(_ number: ExactNumber) -> Double {
    let value = double(number.top) / double(number.bottom)
    return number.negative ? -value : value
  }

  private static func double(_ number: DecimalDigits) -> Double {
    let leading = number.digits.prefix(18)
    let value = leading.reduce(0.0) { $0 * 10 + Double($1) }
    let exponent = number.exponent + number.digits.count - leading.count
    if abs(exponent) > 400 { return exponent > 0 && value > 0 ? .infinity : 0 }
    return exponent < 0 ? value / Elementary.pow(10, Double(-exponent)) : value * Elementary.pow(10, Double(exponent))
  }

  /// Between −3 and 3, fixed by the letter and the point; the first points are positive, for roots and logarithms.
  private func sample(_ name: [UInt8]) -> Double {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325 &+ UInt64(point)
    for byte in name { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
    hash ^= hash >> 29
    hash = hash &* 0xBF58_476D_1CE4_E5B9
    let unit = Double(hash >> 11) / 9_007_199_254_740_992
    return point < 4 ? 0.2 + 2.8 * unit : -0.2 - 2.8 * unit
  }

  /// Whether both have the same values at every point where they have one; at least three are needed.
  static func areSame(_ a: MathTree, _ x: Int, _ b: MathTree, _ y: Int) -> Bool {
    var count = 0
    for point in 0..<points {
      let guardian = NumericGuard(point: point)
      let (left, right) = (guardian.value(a, x), guardian.value(b, y))
      if !left.isFinite && !right.isFinite { continue }
      guard left.isFinite, right.isFinite, abs(left - right) <= 1e-10 * max(1e-3, abs(left), abs(right)) else {
        return false
      }
      count += 1
    }
    return count >= 3
  }
}
