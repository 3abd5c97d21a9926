/// Two values: exactly, and where a decimal stands for something it cannot write, rounded.
extension AnswerComparison {
  /// Equal values. Units convert where both are known; degrees equal radians where the other side has π.
  mutating func areEqual(_ g: Int, _ p: Int) -> Bool {
    if let infinity = infinity(gold, g) { return infinity == self.infinity(given, p) }
    normalizer.isLogNatural = contains(gold, g, .call(.ln)) != contains(given, p, .call(.ln))
    let (goldUnit, givenUnit) = (unit(gold, g), unit(given, p))
    if let goldUnit, let givenUnit, goldUnit.dimension != .none, givenUnit.dimension != .none {
      guard goldUnit.dimension == givenUnit.dimension else { return false }
      return haveSameValue(g, p, goldScale: goldUnit.factor, givenScale: givenUnit.factor)
    }
    let goldScale = goldUnit?.dimension == Units.Dimension.none ? goldUnit?.factor : nil
    let givenScale = givenUnit?.dimension == Units.Dimension.none ? givenUnit?.factor : nil
    if haveSameValue(g, p, goldScale: goldScale, givenScale: givenScale) { return true }
    let (goldDegrees, givenDegrees) = (isDegrees(gold, g), isDegrees(given, p))
    if goldDegrees != givenDegrees {
      if goldDegrees { return contains(given, p, .pi) && haveSameValue(g, p, inRadians: (true, false)) }
      return contains(gold, g, .pi) && haveSameValue(g, p, inRadians: (false, true))
    }
    let (goldPercent, givenPercent) = (isPercent(gold, g), isPercent(given, p))
    guard isPercentLenient, goldPercent != givenPercent, goldPercent || isAtLeastOne(g) else { return false }
    guard !goldPercent || isAtLeastOne(g, scale: 100) else { return false }
    return haveSameValue(
      g, p, goldScale: goldPercent ? (100, 1) : nil, givenScale: givenPercent ? (100, 1) : nil)
  }

  private mutating func isAtLeastOne(_ g: Int, scale: Double = 1) -> Bool {
    abs(NumericGuard(point: 0).value(gold, g)) * scale > 0.999_999_9
  }

  private func unit(_ tree: MathTree, _ node: Int) -> Units.Unit? {
    guard case .measure(let name) = tree[node].kind else { return nil }
    return Units.named(tree.names[name])
  }

  /// The sign of an infinity; nil for anything else.
  private func infinity(_ tree: MathTree, _ node: Int) -> Bool? {
    switch tree[node].kind {
    case .infinity: true
    case .negation: infinity(tree, tree[node].children[0]).map { !$0 }
    default: nil
    }
  }

  private func isDegrees(_ tree: MathTree, _ node: Int) -> Bool {
    switch tree[node].kind {
    case .degrees: true
    case .negation, .measure: isDegrees(tree, tree[node].children[0])
    default: false
    }
  }

  private func isPercent(_ tree: MathTree, _ node: Int) -> Bool {
    switch tree[node].kind {
    case .percent: true
    case .negation, .measure: isPercent(tree, tree[node].children[0])
    default: false
    }
  }

  private func contains(_ tree: MathTree, _ node: Int, _ kind: MathTree.Kind) -> Bool {
    tree[node].kind == kind || tree[node].children.contains { contains(tree, $0, kind) }
  }

  private mutating func haveSameValue(
    _ g: Int, _ p: Int, goldScale: (top: Int128, bottom: Int128)? = nil,
    givenScale: (top: Int128, bottom: Int128)? = nil, inRadians: (gold: Bool, given: Bool) = (false, false)
  ) -> Bool {
    let isScaled = goldScale != nil || givenScale != nil || inRadians.gold || inRadians.given
    do throws(MathLimit) {
      let left = try scaled(try normalizer.form(gold, g), goldScale, inRadians.gold)
      let right = try scaled(try normalizer.form(given, p), givenScale, inRadians.given)
      if try left.isSame(as: right, normalizer.table) { return true }
      if isScaled { return false }
      let isOpaque = left.contains(normalizer.table, where: \.isOpaque)
        || right.contains(normalizer.table, where: \.isOpaque)
      if isOpaque, NumericGuard.areSame(gold, g, given, p) { return true }
      return hasDecimal && Decimals.areSame(left, right, gold, g, given, p)
    } catch {
      guard error == .budget, !isScaled else { return false }
      if gold.isSame(g, as: given, p) { return true }
      let (left, right) = (NumericGuard(point: 0).value(gold, g), NumericGuard(point: 0).value(given, p))
      // Whole numbers beyond the budgets are large; small values were only too hard to expand.
      guard abs(left) < 1e4, abs(right) < 1e4 else { return false }
      return NumericGuard.areSame(gold, g, given, p) || (hasDecimal && Decimals.roundAlike(left, right))
    }
  }

  private mutating func scaled(
    _ form: Quotient, _ scale: (top: Int128, bottom: Int128)?, _ inRadians: Bool
  ) throws(MathLimit) -> Quotient {
    var result = form
    if let scale { result = try result.times(Quotient(try Rational(scale.top, over: scale.bottom)), normalizer.table) }
    if inRadians {
      var tree = MathTree()
      let node = tree.add(.pi)
      result = try result.times(try normalizer.form(tree, node), normalizer.table)
      result = try result.times(Quotient(try Rational(1, over: 180)), normalizer.table)
    }
    return result
  }

  /// Whether either side writes a decimal fraction.
  private var hasDecimal: Bool {
    gold.numbers.contains { $0.top.exponent < 0 } || given.numbers.contains { $0.top.exponent < 0 }
  }
}

/// A decimal may stand for a value that has no short decimal (1/3, √2), or for another decimal: then both are rounded
/// to six places. Integers are exact: 1.0000001 is not 1.
enum Decimals {
  static func areSame(
    _ left: Quotient, _ right: Quotient, _ gold: MathTree, _ g: Int, _ given: MathTree, _ p: Int
  ) -> Bool {
    let (a, b) = (left.constant, right.constant)
    if a?.isInteger == true || b?.isInteger == true { return false }
    let (x, y) = (NumericGuard(point: 0).value(gold, g), NumericGuard(point: 0).value(given, p))
    // Letters: not the same value at another point means no constant.
    guard a != nil || NumericGuard(point: 1).value(gold, g) == x, b != nil || NumericGuard(point: 1).value(given, p) == y
    else { return false }
    if let a, let b, let rounded = millionths(a), let other = millionths(b) {
      return rounded == other && isCloseEnough(x, y)
    }
    return roundAlike(x, y)
  }

  static func roundAlike(_ x: Double, _ y: Double) -> Bool {
    guard x.isFinite, y.isFinite, abs(x) < 1e9, isCloseEnough(x, y) else { return false }
    if x == x.rounded() || y == y.rounded() { return x == y }
    return (x * 1e6).rounded() == (y * 1e6).rounded()
  }

  /// Six places of a small number are too few digits to tell: four digits must be right.
  private static func isCloseEnough(_ x: Double, _ y: Double) -> Bool {
    abs(x - y) <= 1e-3 * min(abs(x), abs(y))
  }

  /// The value times 10⁶, rounded to the nearest integer (halves to even); nil where it does not fit.
  private static func millionths(_ value: Rational) -> Int128? {
    guard let scaled = try? value.times(Rational(1_000_000)) else { return nil }
    let (whole, rest) = scaled.magnitude.top.quotientAndRemainder(dividingBy: scaled.bottom)
    let half = rest * 2
    let up = half > scaled.bottom || (half == scaled.bottom && whole % 2 == 1)
    return (scaled.isNegative ? -1 : 1) * (whole + (up ? 1 : 0))
  }
}
