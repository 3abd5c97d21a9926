/// Whether a parsed answer is the right one. The right answer decides what is compared: a number with a number, a tuple
/// with a tuple or a list, an interval with an inequality.
struct AnswerComparison {
  var gold: MathTree
  var given: MathTree
  /// Whether 50% may also stand for 50, see ``MathReward``.
  let isPercentLenient: Bool
  var normalizer = Normalizer()

  init(gold: MathTree, given: MathTree, isPercentLenient: Bool) {
    self.gold = gold
    self.given = given
    self.isPercentLenient = isPercentLenient
  }

  mutating func isRight(_ g: Int, _ p: Int) -> Bool {
    switch gold[g].kind {
    case .relation, .list, .union: return isRightRelation(g, p)
    case .bracket: return isRightBracket(g, p)
    case .set, .emptySet, .plusMinus: return isRightSet(g, p)
    case .matrix(let columns):
      if case .matrix(columns) = given[p].kind { return haveSameElements(gold[g].children, given[p].children) }
      guard case .bracket(true, true) = given[p].kind, columns == 1 else { return false }
      return haveSameElements(gold[g].children, given[p].children)
    default: return isRightValue(g, p)
    }
  }

  /// The right answer is one value. A list or set may repeat it; an equation may name it.
  private mutating func isRightValue(_ g: Int, _ p: Int) -> Bool {
    switch given[p].kind {
    case .relation:
      guard let value = definedValue(p) else { return false }
      return isRightValue(g, value)
    case .list, .set: return given[p].children.allSatisfy { isRightValue(g, $0) }
    case .bracket, .union, .emptySet, .matrix, .plusMinus, .text: return false
    default: return areEqual(g, p)
    }
  }

  /// What `x = 5`, `5 = x`, `2 + 3 = 5`, `f(x) = 5` and `x ∈ {5}` give x.
  mutating func definedValue(_ node: Int) -> Int? {
    guard case .relation(let index) = given[node].kind, let last = given[node].children.last else { return nil }
    let sides = given[node].children
    let signs = given.relations[index]
    if signs == [.element] { return last }
    guard signs.allSatisfy({ $0 == .equal }) else { return nil }
    if isName(given, sides[0]) || isConstant(given, sides[0]) {
      return isConstant(given, sides[0]) && sides.count == 2 && isName(given, last) ? sides[0] : last
    }
    return nil
  }

  /// A letter, words, a product of letters (AB = 5), f(x), a tuple of letters.
  func isName(_ tree: MathTree, _ node: Int) -> Bool {
    switch tree[node].kind {
    case .variable, .text, .e, .i: true
    case .product, .bracket: tree[node].children.allSatisfy { isName(tree, $0) }
    default: false
    }
  }

  func isConstant(_ tree: MathTree, _ node: Int) -> Bool {
    switch tree[node].kind {
    case .variable, .text: false
    default: tree[node].children.allSatisfy { isConstant(tree, $0) }
    }
  }

  /// Both in order, each element right.
  mutating func haveSameElements(_ g: [Int], _ p: [Int]) -> Bool {
    guard g.count == p.count else { return false }
    for (left, right) in zip(g, p) where !isRight(left, right) { return false }
    return true
  }

  /// Every element of one side has its equal on the other.
  mutating func haveSameMembers(_ g: [Int], _ p: [Int]) -> Bool {
    var isFound = [Bool](repeating: false, count: g.count)
    for right in p {
      var isMember = false
      for (index, left) in g.enumerated() where isRight(left, right) {
        isFound[index] = true
        isMember = true
      }
      guard isMember else { return false }
    }
    return isFound.allSatisfy { $0 }
  }

  private mutating func isRightSet(_ g: Int, _ p: Int) -> Bool {
    let members = Self.members(&gold, g)
    switch given[p].kind {
    case .relation:
      guard let value = definedValue(p) else { return false }
      return isRightSet(g, value)
    case .set, .list, .emptySet, .plusMinus:
      var names: Set<[UInt8]> = []
      var values: [Int] = []
      for member in Self.members(&given, p) {
        guard case .relation = given[member].kind else {
          values.append(member)
          continue
        }
        if let name = assignedName(member) { names.insert(name) }
        guard let value = definedValue(member) else { return false }
        values += Self.members(&given, value)
      }
      return names.count <= 1 && haveSameMembers(members, values)
    case .bracket, .union, .matrix, .text: return false
    default: return haveSameMembers(members, [p])
    }
  }

  /// The elements of a set or list, with both values of ±; anything else is its own element.
  static func members(_ tree: inout MathTree, _ node: Int) -> [Int] {
    let children = tree[node].children
    switch tree[node].kind {
    case .emptySet: return []
    case .set, .list: return children.flatMap { Self.members(&tree, $0) }
    case .plusMinus:
      guard let last = children.last else { return [] }
      let negative = tree.add(.negation, [last])
      if children.count == 1 { return [last, negative] }
      return [tree.add(.sum, [children[0], last]), tree.add(.sum, [children[0], negative])]
    default: return [node]
    }
  }

  /// The letter that an equation gives a value.
  func assignedName(_ node: Int) -> [UInt8]? {
    guard let first = given[node].children.first, case .variable(let name) = given[first].kind else { return nil }
    return given.names[name]
  }

  /// The right answer is a tuple or an interval.
  private mutating func isRightBracket(_ g: Int, _ p: Int) -> Bool {
    let elements = gold[g].children
    guard case .bracket(let left, let right) = gold[g].kind else { return false }
    switch given[p].kind {
    case .bracket(left, right): return haveSameElements(elements, given[p].children)
    case .bracket:
      // Three elements, or two in descending order, are no interval: all brackets mean the same.
      return (elements.count > 2 || isDescending(elements)) && haveSameElements(elements, given[p].children)
    case .list where left && right:
      let isOrdered = haveSameElements(elements, given[p].children.map { definedValue($0) ?? $0 })
      return isOrdered || haveSameIntervals(g, p)
    case .matrix(let columns) where left && right && (columns == 1 || columns == elements.count):
      return haveSameElements(elements, given[p].children)
    case .relation:
      if let value = definedValue(p) { return isRightBracket(g, value) }
      return haveSameIntervals(g, p)
    case .list, .union: return haveSameIntervals(g, p)
    default: return false
    }
  }

  private func isDescending(_ elements: [Int]) -> Bool {
    let guardian = NumericGuard(point: 0)
    return elements.count == 2 && guardian.value(gold, elements[0]) > guardian.value(gold, elements[1])
  }
}
