/// A polynomial over another one. A divisor of one term is multiplied out (exponents may be negative), so most values
/// have the divisor 1.
struct Quotient: Hashable {
  var top: Polynomial
  var bottom: Polynomial

  init(_ top: Polynomial) {
    self.top = top
    bottom = .one
  }

  init(_ value: Rational) { self.init(Polynomial(value)) }

  init(_ top: Polynomial, over bottom: Polynomial, _ table: AtomTable) throws(MathLimit) {
    guard let first = bottom.terms.first else { throw .undefined }
    var inverse = Term(factors: [], coefficient: try first.coefficient.inverse())
    if bottom.terms.count == 1 {
      for factor in first.factors { try inverse.append(factor.atom, try factor.exponent.negated, table) }
      self.top = try top.times(Polynomial(inverse), table)
      self.bottom = .one
    } else {
      self.top = try top.scaled(by: inverse.coefficient)
      self.bottom = try bottom.scaled(by: inverse.coefficient)
    }
  }

  /// The value of a quotient without atoms.
  var constant: Rational? { bottom == .one ? top.constant : nil }

  func plus(_ other: Quotient, _ table: AtomTable) throws(MathLimit) -> Quotient {
    if bottom == other.bottom { return try rebuilt(try top.plus(other.top), over: bottom, table) }
    let sum = try top.times(other.bottom, table).plus(try other.top.times(bottom, table))
    return try rebuilt(sum, over: try bottom.times(other.bottom, table), table)
  }

  var negated: Quotient {
    get throws(MathLimit) {
      var result = self
      result.top = try top.scaled(by: Rational(-1))
      return result
    }
  }

  func times(_ other: Quotient, _ table: AtomTable) throws(MathLimit) -> Quotient {
    try rebuilt(try top.times(other.top, table), over: try bottom.times(other.bottom, table), table)
  }

  func inverse(_ table: AtomTable) throws(MathLimit) -> Quotient { try Quotient(bottom, over: top, table) }

  /// Whole powers up to ``powerLimit`` of sums; of one term, any that fits.
  func power(_ exponent: Int128, _ table: AtomTable) throws(MathLimit) -> Quotient {
    if let constant { return Quotient(try constant.power(exponent)) }
    guard exponent >= 0 else { return try inverse(table).power(-exponent, table) }
    if bottom == .one, top.terms.count == 1 {
      let term = top.terms[0]
      var result = Term(factors: [], coefficient: try term.coefficient.power(exponent))
      for factor in term.factors {
        try result.append(factor.atom, try factor.exponent.times(Rational(exponent)), table)
      }
      return Quotient(Polynomial(result))
    }
    guard exponent <= Self.powerLimit else { throw .budget }
    var result = Quotient(Rational.one)
    for _ in 0..<exponent { result = try result.times(self, table) }
    return result
  }

  static let powerLimit: Int128 = 40

  /// Whether both are the same, by cross-multiplication.
  func isSame(as other: Quotient, _ table: AtomTable) throws(MathLimit) -> Bool {
    if bottom == other.bottom { return top == other.top }
    return try top.times(other.bottom, table) == other.top.times(bottom, table)
  }

  private func rebuilt(_ top: Polynomial, over bottom: Polynomial, _ table: AtomTable) throws(MathLimit) -> Quotient {
    bottom == .one ? Quotient(top) : try Quotient(top, over: bottom, table)
  }

  /// Every atom in it.
  func contains(_ table: AtomTable, where holds: (Atom) -> Bool) -> Bool {
    for terms in [top.terms, bottom.terms] {
      for term in terms where term.factors.contains(where: { holds(table.atoms[Int($0.atom)]) }) { return true }
    }
    return false
  }

  /// Numbers that tell two canonical values apart, for the signatures of opaque atoms; nil where they do not fit.
  func signature() -> [Int64]? {
    var result: [Int64] = []
    for terms in [top.terms, bottom.terms] {
      result.append(Int64(terms.count))
      for term in terms {
        guard let above = Int64(exactly: term.coefficient.top), let below = Int64(exactly: term.coefficient.bottom)
        else { return nil }
        result += [above, below, Int64(term.factors.count)]
        for factor in term.factors { result += [Int64(factor.atom), Int64(factor.top), Int64(factor.bottom)] }
      }
    }
    return result.count <= 200 ? result : nil
  }
}
