extension AnswerComparison {
  /// Both are the same intervals, in any order.
  mutating func haveSameIntervals(_ g: Int, _ p: Int) -> Bool {
    guard let left = intervals(gold, g), let right = intervals(given, p), left.count == right.count else { return false }
    var rest = right
    for interval in left {
      guard let index = rest.firstIndex(where: { isSame(interval, $0) }) else { return false }
      rest.remove(at: index)
    }
    return true
  }

  private func isSame(_ a: Interval, _ b: Interval) -> Bool {
    guard a.name == nil || b.name == nil || a.name == b.name else { return false }
    return a.isOpenLeft == b.isOpenLeft && a.isOpenRight == b.isOpenRight && a.lower == b.lower && a.upper == b.upper
  }

  private mutating func intervals(_ tree: MathTree, _ node: Int) -> [Interval]? {
    switch tree[node].kind {
    case .union, .list(.or):
      var result: [Interval] = []
      for child in tree[node].children {
        guard let interval = interval(tree, child) else { return nil }
        result.append(interval)
      }
      return result
    case .relation(let index) where tree.relations[index] == [.element]: return intervals(tree, tree[node].children[1])
    default: return interval(tree, node).map { [$0] }
    }
  }

  private mutating func interval(_ tree: MathTree, _ node: Int) -> Interval? {
    let children = tree[node].children
    switch tree[node].kind {
    case .bracket(let left, let right):
      guard children.count == 2 else { return nil }
      var result = Interval(isOpenLeft: left, isOpenRight: right)
      do throws(MathLimit) {
        if !isInfinite(tree, children[0], negative: true) { result.lower = try normalizer.form(tree, children[0]) }
        if !isInfinite(tree, children[1], negative: false) { result.upper = try normalizer.form(tree, children[1]) }
      } catch {
        return nil
      }
      return result
    case .relation(let index):
      var result: Interval?
      for (place, sign) in tree.relations[index].enumerated() {
        guard let half = half(tree, children[place], sign, children[place + 1]) else { return nil }
        guard let whole = result else {
          result = half
          continue
        }
        guard let both = intersection(whole, half) else { return nil }
        result = both
      }
      return result
    case .list(.and), .list(.comma):
      var result: Interval?
      for child in children {
        guard case .relation = tree[child].kind, let part = interval(tree, child) else { return nil }
        guard let whole = result else {
          result = part
          continue
        }
        guard let both = intersection(whole, part) else { return nil }
        result = both
      }
      return result
    default: return nil
    }
  }

  private func isInfinite(_ tree: MathTree, _ node: Int, negative: Bool) -> Bool {
    guard case .negation = tree[node].kind else { return !negative && tree[node].kind == .infinity }
    return negative && tree[tree[node].children[0]].kind == .infinity
  }

  /// Two half-lines of the same letter, one bounded below and one above.
  private func intersection(_ a: Interval, _ b: Interval) -> Interval? {
    guard a.name == b.name else { return nil }
    if a.lower != nil, a.upper == nil, b.lower == nil, let upper = b.upper {
      return Interval(name: a.name, lower: a.lower, upper: upper, isOpenLeft: a.isOpenLeft, isOpenRight: b.isOpenRight)
    }
    guard a.lower == nil, a.upper != nil, b.upper == nil, let lower = b.lower else { return nil }
    return Interval(name: a.name, lower: lower, upper: a.upper, isOpenLeft: b.isOpenLeft, isOpenRight: a.isOpenRight)
  }

  /// An inequality that is linear in one letter, solved for it.
  private mutating func half(_ tree: MathTree, _ left: Int, _ sign: MathRelation, _ right: Int) -> Interval? {
    guard sign != .equal, sign != .unequal, sign != .element else { return nil }
    do throws(MathLimit) {
      let (a, b) = (try normalizer.form(tree, left), try normalizer.form(tree, right))
      let difference = try a.plus(try b.negated, normalizer.table)
      guard difference.bottom == .one else { return nil }
      var (name, factor): (Int32?, Rational) = (nil, .one)
      var rest: [Term] = []
      for term in difference.top.terms {
        guard let atom = term.factors.first(where: { isVariable($0.atom) }) else {
          rest.append(term)
          continue
        }
        guard name == nil, term.factors.count == 1, atom.top == 1, atom.bottom == 1 else { return nil }
        (name, factor) = (atom.atom, term.coefficient)
      }
      guard let name else { return nil }
      let scale = try factor.inverse().negated
      let bound = Quotient(try Polynomial.collected(rest).scaled(by: scale))
      let isGreater = (sign == .greater || sign == .greaterOrEqual) != factor.isNegative
      let isOpen = sign == .greater || sign == .less
      return isGreater
        ? Interval(name: name, lower: bound, isOpenLeft: isOpen) : Interval(name: name, upper: bound, isOpenRight: isOpen)
    } catch {
      return nil
    }
  }

  private func isVariable(_ atom: Int32) -> Bool {
    switch normalizer.table.atoms[Int(atom)] {
    case .variable, .opaque: true
    default: false
    }
  }
}
