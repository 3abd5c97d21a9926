/// Equations and inequalities, and the intervals that they are.
extension AnswerComparison {
  /// From `lower` to `upper`; nil is infinite. `name` is the letter's atom where a relation says it.
  struct Interval {
    var name: Int32?
    var lower: Quotient?
    var upper: Quotient?
    var isOpenLeft = true
    var isOpenRight = true
  }

  /// The right answer is an equation, an inequality, a list, or a union of intervals.
  mutating func isRightRelation(_ g: Int, _ p: Int) -> Bool {
    switch gold[g].kind {
    case .relation:
      if let equations = equation(gold, g) {
        if case .relation = given[p].kind { return isSameEquation(equations, p) }
        guard isName(gold, equations.left) else { return false }
        return isRight(equations.right, p)
      }
      if gold.relations.contains([.element]), let last = gold[g].children.last { return isRight(last, p) }
      return haveSameIntervals(g, p) || isSameInequality(g, p)
    case .list: return isRightList(g, p)
    default: return haveSameIntervals(g, p) || haveSameParts(g, p)
    }
  }

  private mutating func haveSameParts(_ g: Int, _ p: Int) -> Bool {
    guard case .union = given[p].kind else {
      guard let value = definedValue(p) else { return false }
      return isRightRelation(g, value)
    }
    return haveSameMembers(gold[g].children, given[p].children)
  }

  /// Values or equations side by side: in any order; a tuple gives the values in the written order.
  private mutating func isRightList(_ g: Int, _ p: Int) -> Bool {
    let elements = gold[g].children
    let names = elements.map { equation(gold, $0) }
    switch given[p].kind {
    case .list, .set:
      let values = Self.members(&given, p)
      if names.allSatisfy({ $0 != nil }) {
        return (values.count == elements.count && haveSameMembers(elements, values))
      }
      if names.contains(where: { $0 != nil }) { return haveSameMembers(elements, values) }
      if haveSameIntervals(g, p) { return true }
      let found = values.flatMap { Self.members(&given, definedValue($0) ?? $0) }
      return haveSameMembers(elements.flatMap { Self.members(&gold, $0) }, found)
    case .bracket(true, true):
      let rights = names.enumerated().map { place, equation in equation?.right ?? elements[place] }
      return haveSameElements(rights, given[p].children)
    case .relation where !names.contains(where: { $0 != nil }):
      guard let value = definedValue(p) else { return haveSameIntervals(g, p) }
      return isRightList(g, value)
    case .plusMinus: return haveSameMembers(elements, Self.members(&given, p))
    default: return haveSameIntervals(g, p)
    }
  }

  /// The first and last side of a chain of equals signs.
  private func equation(_ tree: MathTree, _ node: Int) -> (left: Int, right: Int)? {
    guard case .relation(let index) = tree[node].kind, tree.relations[index].allSatisfy({ $0 == .equal }) else {
      return nil
    }
    return (tree[node].children[0], tree[node].children[tree[node].children.count - 1])
  }

  private mutating func isSameEquation(_ g: (left: Int, right: Int), _ p: Int) -> Bool {
    guard let sides = equation(given, p) else { return false }
    // f(x) = … for y = ….
    if isCall(given, sides.left), case .variable(let name) = gold[g.left].kind, gold.names[name] == [UInt8(ascii: "y")] {
      return isRight(g.right, sides.right)
    }
    if isName(gold, g.left), isName(given, sides.left), gold.isSame(g.left, as: given, sides.left) {
      return isRight(g.right, sides.right)
    }
    guard let left = difference(gold, g.left, g.right), let right = difference(given, sides.left, sides.right) else {
      return false
    }
    return ratio(left, right) != nil
  }

  private func isCall(_ tree: MathTree, _ node: Int) -> Bool {
    guard case .product = tree[node].kind, tree[node].children.count == 2,
      case .variable(let name) = tree[tree[node].children[0]].kind,
      case .variable = tree[tree[node].children[1]].kind, let letter = tree.names[name].first
    else { return false }
    return "fgh".utf8.contains(letter)
  }

  private mutating func difference(_ tree: MathTree, _ left: Int, _ right: Int) -> Polynomial? {
    do throws(MathLimit) {
      let (a, b) = (try normalizer.form(tree, left), try normalizer.form(tree, right))
      return try a.plus(try b.negated, normalizer.table).top
    } catch {
      return nil
    }
  }

  /// The number that makes the second polynomial the first.
  private func ratio(_ a: Polynomial, _ b: Polynomial) -> Rational? {
    guard let first = a.terms.first, let second = b.terms.first, a.terms.count == b.terms.count else { return nil }
    do throws(MathLimit) {
      let ratio = try first.coefficient.times(try second.coefficient.inverse())
      return try b.scaled(by: ratio) == a ? ratio : nil
    } catch {
      return nil
    }
  }

  /// Single inequalities that differ by a positive factor, such as x² > 4 and 2x² > 8.
  private mutating func isSameInequality(_ g: Int, _ p: Int) -> Bool {
    guard case .relation(let i) = gold[g].kind, case .relation(let j) = given[p].kind,
      gold.relations[i].count == 1, given.relations[j].count == 1
    else { return false }
    let (a, b) = (gold[g].children, given[p].children)
    guard let left = difference(gold, a[0], a[1]), let right = difference(given, b[0], b[1]),
      let ratio = ratio(left, right)
    else { return false }
    let sign = given.relations[j][0]
    return gold.relations[i][0] == (ratio.isNegative ? sign.flipped : sign)
  }
}

extension MathRelation {
  /// The relation with its sides exchanged.
  var flipped: MathRelation {
    switch self {
    case .less: .greater
    case .lessOrEqual: .greaterOrEqual
    case .greater: .less
    case .greaterOrEqual: .lessOrEqual
    default: self
    }
  }
}
