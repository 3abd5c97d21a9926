/// What a polynomial is made of besides rational numbers.
enum Atom: Hashable {
  /// A letter, with what its index says (x, x_1).
  case variable([UInt8])
  case pi
  case e
  /// The imaginary unit: i² = −1.
  case i
  /// A prime (or a part of a number without small factors) under a root.
  case prime(Int128)
  /// Anything that is not taken apart (sin x, x^y, √(x+1)): its signature. Two of these may be equal and look
  /// different, so a difference between forms that hold one decides nothing.
  case opaque([Int64])

  var isOpaque: Bool {
    if case .opaque = self { return true }
    return false
  }
}

/// The atoms of one comparison, so that both sides number them alike.
struct AtomTable {
  private(set) var atoms: [Atom] = []
  static let limit = 48

  mutating func index(of atom: Atom) throws(MathLimit) -> Int32 {
    for (index, other) in atoms.enumerated() where other == atom { return Int32(index) }
    guard atoms.count < Self.limit else { throw .budget }
    atoms.append(atom)
    return Int32(atoms.count - 1)
  }
}

/// An atom to a rational power.
struct Factor: Hashable {
  let atom: Int32
  let top: Int32
  let bottom: Int32
}

/// A coefficient times powers of atoms, these in order of their numbers and with no exponent of 0.
struct Term: Hashable {
  var factors: [Factor]
  var coefficient: Rational
}

/// A sum of terms with rational exponents, in a canonical order and without zeros: equal polynomials are equal values.
struct Polynomial: Hashable {
  private(set) var terms: [Term]

  /// More terms (or products of terms on the way) are not expanded.
  static let termLimit = 300
  static let productLimit = 4000

  static let zero = Polynomial(sorted: [])
  static let one = Polynomial(.one)

  init(_ value: Rational) { terms = value.isZero ? [] : [Term(factors: [], coefficient: value)] }
  init(_ term: Term) { terms = term.coefficient.isZero ? [] : [term] }
  private init(sorted: [Term]) { terms = sorted }

  var isZero: Bool { terms.isEmpty }

  /// The value of a polynomial without atoms.
  var constant: Rational? {
    if terms.isEmpty { return .zero }
    return terms.count == 1 && terms[0].factors.isEmpty ? terms[0].coefficient : nil
  }

  func plus(_ other: Polynomial) throws(MathLimit) -> Polynomial {
    if terms.isEmpty { return other }
    if other.terms.isEmpty { return self }
    if let a = constant, let b = other.constant { return Polynomial(try a.plus(b)) }
    var result: [Term] = []
    var (i, j) = (0, 0)
    while i < terms.count || j < other.terms.count {
      if j == other.terms.count || (i < terms.count && Self.precedes(terms[i].factors, other.terms[j].factors)) {
        result.append(terms[i])
        i += 1
      } else if i == terms.count || Self.precedes(other.terms[j].factors, terms[i].factors) {
        result.append(other.terms[j])
        j += 1
      } else {
        let sum = try terms[i].coefficient.plus(other.terms[j].coefficient)
        if !sum.isZero { result.append(Term(factors: terms[i].factors, coefficient: sum)) }
        i += 1
        j += 1
      }
    }
    guard result.count <= Self.termLimit else { throw .budget }
    return Polynomial(sorted: result)
  }

  func scaled(by factor: Rational) throws(MathLimit) -> Polynomial {
    if factor == .one { return self }
    var result: [Term] = []
    for term in terms where !factor.isZero {
      result.append(Term(factors: term.factors, coefficient: try term.coefficient.times(factor)))
    }
    return Polynomial(sorted: result)
  }

  func times(_ other: Polynomial, _ table: AtomTable) throws(MathLimit) -> Polynomial {
    if let factor = other.constant { return try scaled(by: factor) }
    if let factor = constant { return try other.scaled(by: factor) }
    guard terms.count * other.terms.count <= Self.productLimit else { throw .budget }
    var products: [Term] = []
    products.reserveCapacity(terms.count * other.terms.count)
    for a in terms {
      for b in other.terms { products.append(try a.times(b, table)) }
    }
    return try Self.collected(products)
  }

  /// The sum of terms in any order.
  static func collected(_ terms: [Term]) throws(MathLimit) -> Polynomial {
    if terms.count == 1 { return Polynomial(terms[0]) }
    var result: [Term] = []
    for term in terms.sorted(by: { precedes($0.factors, $1.factors) }) {
      if let last = result.last, last.factors == term.factors {
        result[result.count - 1].coefficient = try last.coefficient.plus(term.coefficient)
      } else {
        result.append(term)
      }
    }
    result.removeAll { $0.coefficient.isZero }
    guard result.count <= termLimit else { throw .budget }
    return Polynomial(sorted: result)
  }

  /// A total order of products of atoms.
  private static func precedes(_ a: [Factor], _ b: [Factor]) -> Bool {
    for (x, y) in zip(a, b) where x != y {
      if x.atom != y.atom { return x.atom < y.atom }
      if x.top != y.top { return x.top > y.top }
      return x.bottom < y.bottom
    }
    return a.count < b.count
  }
}

extension Term {
  func times(_ other: Term, _ table: AtomTable) throws(MathLimit) -> Term {
    var result = Term(factors: [], coefficient: try coefficient.times(other.coefficient))
    var (i, j) = (0, 0)
    while i < factors.count || j < other.factors.count {
      if j == other.factors.count || (i < factors.count && factors[i].atom < other.factors[j].atom) {
        result.factors.append(factors[i])
        i += 1
      } else if i == factors.count || other.factors[j].atom < factors[i].atom {
        result.factors.append(other.factors[j])
        j += 1
      } else {
        let sum = try factors[i].exponent.plus(other.factors[j].exponent)
        try result.append(factors[i].atom, sum, table)
        i += 1
        j += 1
      }
    }
    return result
  }

  /// Multiplies by an atom of a higher number than all so far; whole powers of primes go to the coefficient, i² is −1.
  mutating func append(_ atom: Int32, _ exponent: Rational, _ table: AtomTable) throws(MathLimit) {
    var exponent = exponent
    switch table.atoms[Int(atom)] {
    case .prime(let prime):
      var whole = exponent.top / exponent.bottom
      if exponent.isNegative && !exponent.isInteger { whole -= 1 }
      coefficient = try coefficient.times(try Rational(prime).power(whole))
      exponent = try exponent.plus(Rational(-whole))
    case .i where exponent.isInteger:
      let turn = ((exponent.top % 4) + 4) % 4
      if turn >= 2 { coefficient = coefficient.negated }
      exponent = Rational(turn % 2)
    default: break
    }
    guard !exponent.isZero else { return }
    guard let top = Int32(exactly: exponent.top), let bottom = Int32(exactly: exponent.bottom) else { throw .budget }
    factors.append(Factor(atom: atom, top: top, bottom: bottom))
  }
}

extension Factor {
  /// Never throws: exponents are in lowest terms already.
  var exponent: Rational {
    get throws(MathLimit) { try Rational(Int128(top), over: Int128(bottom)) }
  }
}
