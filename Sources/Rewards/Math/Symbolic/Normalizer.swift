/// Brings expressions into their exact normal form: quotients of polynomials with rational coefficients in letters, π,
/// e, i and roots of primes. What is none (sin x, x^y) becomes an opaque atom of its own.
struct Normalizer {
  private(set) var table = AtomTable()
  /// Whether a logarithm without a base is the natural one: where only one side writes ln. Many texts mean that.
  var isLogNatural = false

  /// Throws `.undefined` for what has no value, `.budget` for what is too large, and for kinds of answers that are no
  /// expression.
  mutating func form(_ tree: MathTree, _ node: Int) throws(MathLimit) -> Quotient {
    let children = tree[node].children
    switch tree[node].kind {
    case .number(let index): return Quotient(try Rational(tree.numbers[index]))
    case .variable(let index): return try atom(.variable(tree.names[index]))
    case .pi: return try atom(.pi)
    case .e: return try atom(.e)
    case .i: return try atom(.i)
    case .infinity: throw .undefined
    case .sum:
      var sum = Quotient(Rational.zero)
      for child in children { sum = try sum.plus(try form(tree, child), table) }
      return sum
    case .product:
      var product = try form(tree, children[0])
      for child in children.dropFirst() { product = try product.times(try form(tree, child), table) }
      return product
    case .negation: return try form(tree, children[0]).negated
    case .inverse: return try form(tree, children[0]).inverse(table)
    case .percent: return try form(tree, children[0]).times(Quotient(try Rational(1, over: 100)), table)
    case .degrees, .measure: return try form(tree, children[0])
    case .power: return try power(try form(tree, children[0]), try form(tree, children[1]))
    case .root: return try power(try form(tree, children[0]), try form(tree, children[1]).inverse(table))
    case .factorial: return Quotient(try factorial(try whole(tree, children[0])))
    case .binomial: return Quotient(try binomial(try whole(tree, children[0]), try whole(tree, children[1])))
    case .absolute:
      let inner = try form(tree, children[0])
      if let constant = inner.constant { return Quotient(constant.magnitude) }
      return try opaque(1, [inner])
    case .call(let function):
      var parts: [Quotient] = []
      for child in children { parts.append(try form(tree, child)) }
      let isNatural = function == .log && isLogNatural && parts.count == 1
      return try opaque(10 + (isNatural ? MathFunction.ln : function).code, parts)
    default: throw .budget
    }
  }

  private mutating func atom(_ atom: Atom) throws(MathLimit) -> Quotient {
    Quotient(Polynomial(Term(factors: [Factor(atom: try table.index(of: atom), top: 1, bottom: 1)], coefficient: .one)))
  }

  /// An atom for something that is not taken apart, named by its kind and the normal forms of its parts.
  private mutating func opaque(_ code: Int64, _ parts: [Quotient]) throws(MathLimit) -> Quotient {
    var signature = [code]
    for part in parts {
      guard let numbers = part.signature() else { throw .budget }
      signature += numbers
    }
    return try atom(.opaque(signature))
  }

  private mutating func whole(_ tree: MathTree, _ node: Int) throws(MathLimit) -> Int128 {
    guard let value = try form(tree, node).constant, value.isInteger else { throw .budget }
    return value.top
  }

  private func factorial(_ number: Int128) throws(MathLimit) -> Rational {
    guard number >= 0 else { throw .undefined }
    guard number <= 33 else { throw .budget }
    var result: Int128 = 1
    for factor in 0..<number { result *= factor + 1 }
    return Rational(result)
  }

  private func binomial(_ above: Int128, _ below: Int128) throws(MathLimit) -> Rational {
    guard above >= 0, below >= 0, below <= above else { return .zero }
    let count = min(below, above - below)
    guard count <= 128 else { throw .budget }
    var result = Rational.one
    for step in 0..<count { result = try result.times(try Rational(above - step, over: step + 1)) }
    return result
  }
}

/// Powers and roots.
extension Normalizer {
  private mutating func power(_ base: Quotient, _ exponent: Quotient) throws(MathLimit) -> Quotient {
    guard let exponent = exponent.constant else {
      if base.constant == .one { return base }
      // e^{2x} and e^x differ by their signatures only: numeric sampling tells.
      return try opaque(2, [base, exponent])
    }
    if exponent.isInteger {
      if base.top.isZero, exponent.isZero { return Quotient(Rational.one) }
      return try base.power(exponent.top, table)
    }
    if let constant = base.constant { return try root(of: constant, exponent) }
    guard base.bottom == .one, base.top.terms.count == 1 else { return try opaque(2, [base, Quotient(exponent)]) }
    // (2x)^{1/2} = √2 · √x. Higher powers stay whole: √(x²) is not x.
    let term = base.top.terms[0]
    guard !term.coefficient.isNegative,
      term.factors.allSatisfy({ $0.top == 1 || isPositive(table.atoms[Int($0.atom)]) })
    else { return try opaque(2, [base, Quotient(exponent)]) }
    var result = try root(of: term.coefficient, exponent)
    for factor in term.factors {
      var part = Term(factors: [], coefficient: .one)
      try part.append(factor.atom, try factor.exponent.times(exponent), table)
      result = try result.times(Quotient(Polynomial(part)), table)
    }
    return result
  }

  private func isPositive(_ atom: Atom) -> Bool {
    switch atom {
    case .pi, .e, .prime: true
    default: false
    }
  }

  /// A rational number to a power that is no integer, as a product of roots of primes.
  private mutating func root(of value: Rational, _ exponent: Rational) throws(MathLimit) -> Quotient {
    if value.isZero {
      if exponent.isNegative { throw .undefined }
      return Quotient(Rational.zero)
    }
    if value.isNegative {
      let positive = try root(of: value.negated, exponent)
      // √−4 = 2i; odd roots of negative numbers are real: ∛−8 = −2.
      if exponent.bottom == 2 { return try positive.times(try atom(.i).power(exponent.top, table), table) }
      guard exponent.bottom % 2 == 1 else { throw .budget }
      return exponent.top % 2 == 0 ? positive : try positive.negated
    }
    var result = Quotient(Rational.one)
    for (number, sign) in [(value.top, Rational.one), (value.bottom, Rational(-1))] where number > 1 {
      for (prime, count) in try factors(of: number) {
        let power = try exponent.times(Rational(count)).times(sign)
        var part = Term(factors: [], coefficient: .one)
        try part.append(try table.index(of: .prime(prime)), power, table)
        result = try result.times(Quotient(Polynomial(part)), table)
      }
    }
    return result
  }

  /// The prime factors below 1000; a rest that is a square or cube counts as that, another beyond 10⁶ may not be prime
  /// and has no place in a canonical form.
  private func factors(of number: Int128) throws(MathLimit) -> [(Int128, Int128)] {
    var (rest, result) = (number, [(Int128, Int128)]())
    var divisor: Int128 = 2
    while divisor < 1000, divisor * divisor <= rest {
      var count: Int128 = 0
      while rest % divisor == 0 {
        rest /= divisor
        count += 1
      }
      if count > 0 { result.append((divisor, count)) }
      divisor += divisor == 2 ? 1 : 2
    }
    guard rest > 1 else { return result }
    guard rest > 1_000_000 else { return result + [(rest, 1)] }
    let side = Int128(Double(rest).squareRoot())
    for candidate in max(side - 1, 1)...(side + 1) where candidate <= 1_000_000 && candidate * candidate == rest {
      return result + [(candidate, 2)]
    }
    throw .budget
  }
}

extension MathFunction {
  /// A number for signatures.
  var code: Int64 {
    switch self {
    case .ln: 0
    case .log: 1
    case .exp: 2
    case .sin: 3
    case .cos: 4
    case .tan: 5
    case .cot: 6
    case .sec: 7
    case .csc: 8
    case .arcsin: 9
    case .arccos: 10
    case .arctan: 11
    case .sinh: 12
    case .cosh: 13
    case .tanh: 14
    }
  }
}
