/// Parses tokens into a ``MathTree``; nil for anything that is no answer as a whole.
///
///     list     = relation { ("," | ";" | "and" | "or") relation }     numbers may also stand side by side: 1 2 3
///     relation = union { (= | < | ≤ | …) union }                      the first side may be words: \text{Area} = 5
///     union    = sum { ∪ sum } [ unit ]
///     sum      = product { (+ | − | ±) product }
///     product  = power { (× | / | nothing) power }
///     power    = postfix [ ^ power ]
///     postfix  = atom { ! | % | ° }
///
/// Lenient where a text was cut off: brackets that the end of the text leaves open are closed there.
struct MathParser {
  var tokens: [MathToken]
  let text: [UInt8]
  var tree = MathTree()
  var next = 0
  var depth = 0
  /// Letters that are variables of the right answer, so that they are no units: see ``MathLexer/bit(_:)``.
  let variables: UInt64

  /// Brackets, exponents and functions inside of each other; more of them make no answer.
  static let depthLimit = 256
  static let elementLimit = 64

  typealias Symbol = MathToken.Symbol

  init(_ lexer: MathLexer) {
    tokens = lexer.tokens
    text = lexer.text
    tree.numbers = lexer.numbers
    variables = lexer.variables
  }

  var kind: MathToken.Kind? { next < tokens.count ? tokens[next].kind : nil }
  var symbol: Symbol? {
    if next < tokens.count, case .symbol(let symbol) = tokens[next].kind { return symbol }
    return nil
  }

  mutating func take(_ wanted: Symbol) -> Bool {
    guard symbol == wanted else { return false }
    next += 1
    return true
  }

  /// The whole of the tokens from `start` on.
  mutating func root(from start: Int = 0) -> Int? {
    next = start
    guard next < tokens.count, let node = list(), next == tokens.count else { return nil }
    return node
  }

  /// Elements up to something that is none; one element is itself.
  mutating func list() -> Int? {
    guard depth < Self.depthLimit else { return nil }
    depth += 1
    defer { depth -= 1 }
    guard let first = relation() else { return nil }
    var elements = [first]
    var joint: MathTree.Joint?
    while let (found, width) = separator(isNumeric: tree.number(elements[elements.count - 1]) != nil) {
      let start = next
      next += width
      guard next < tokens.count, !isClosing else { break }
      guard elements.count < Self.elementLimit, let element = relation() else {
        next = start
        return nil
      }
      elements.append(element)
      if joint == nil || found == .or || (found == .and && joint == .comma) { joint = found }
    }
    guard elements.count > 1, let joint else { return first }
    return tree.add(.list(joint), elements)
  }

  private var isClosing: Bool {
    switch symbol {
    case .closeRound, .closeSquare, .closeBrace, .closeSet, .closeAngle: true
    default: false
    }
  }

  /// The sign or word between elements, with the number of its tokens ("," "and" is one).
  private func separator(isNumeric: Bool) -> (MathTree.Joint, width: Int)? {
    switch kind {
    case .symbol(.comma), .symbol(.semicolon):
      guard next + 1 < tokens.count else { return (.comma, 1) }
      if case .symbol(.and) = tokens[next + 1].kind { return (.and, 2) }
      if case .symbol(.or) = tokens[next + 1].kind { return (.or, 2) }
      return (.comma, 1)
    case .symbol(.and): return (.and, 1)
    case .symbol(.or): return (.or, 1)
    case .number where isNumeric && tokens[next].isSpaced: return (.space, 0)
    default: return nil
    }
  }

  private mutating func relation() -> Int? {
    // "\\approx 3.14" alone is 3.14.
    if kind == .relation(.approximate) { next += 1 }
    guard let first = words(before: .relation(.equal)) ?? union() else { return nil }
    guard case .relation = kind else { return first }
    var (signs, sides): ([MathRelation], [Int]) = ([], [first])
    var isExact = true
    while case .relation(let sign) = kind, sides.count < Self.elementLimit {
      next += 1
      guard let side = union() else { return nil }
      // 22/7 ≈ 3.14 is 22/7; x ≈ 3.14 is 3.14.
      if sign == .approximate, sides.count > 1 || !isName(first) { isExact = false }
      guard isExact else { continue }
      signs.append(sign == .approximate ? .equal : sign)
      sides.append(side)
    }
    return sides.count == 1 ? first : tree.add(signs, sides)
  }

  private func isName(_ node: Int) -> Bool {
    switch tree[node].kind {
    case .variable, .text: true
    default: false
    }
  }

  /// Words that name what an equals sign defines.
  private mutating func words(before sign: MathToken.Kind) -> Int? {
    var stop = next
    while stop < tokens.count, tokens[stop].kind == .word { stop += 1 }
    guard stop > next, stop < tokens.count, tokens[stop].kind == sign else { return nil }
    let name = text[tokens[next].range.lowerBound..<tokens[stop - 1].range.upperBound]
    next = stop
    return tree.add(.text(tree.index(of: name)))
  }

  private mutating func union() -> Int? {
    guard let first = sum() else { return nil }
    var parts = [first]
    while take(.union) {
      guard parts.count < Self.elementLimit, let part = sum() else { return nil }
      parts.append(part)
    }
    return unit(behind: parts.count == 1 ? first : tree.add(.union, parts))
  }

  mutating func sum() -> Int? {
    guard let first = product() else { return nil }
    var terms = [first]
    while true {
      if take(.plus) {
        guard let term = product() else { return nil }
        terms.append(term)
      } else if take(.minus) {
        guard let term = product() else { return nil }
        terms.append(tree.add(.negation, [term]))
      } else if take(.plusMinus) {
        guard let term = product() else { return nil }
        terms = [tree.add(.plusMinus, [terms.count == 1 ? terms[0] : tree.add(.sum, terms), term])]
      } else {
        return terms.count == 1 ? terms[0] : tree.add(.sum, terms)
      }
    }
  }

  private mutating func product() -> Int? {
    guard let first = signed() else { return nil }
    var factors = [first]
    while true {
      if take(.times) {
        guard let factor = signed() else { return nil }
        factors.append(factor)
      } else if take(.divide) {
        guard let factor = signed() else { return nil }
        factors.append(tree.add(.inverse, [factor]))
      } else if isOperand(behindNumber: tree.number(factors[factors.count - 1]) != nil), let factor = power() {
        factors.append(factor)
      } else {
        return factors.count == 1 ? first : tree.add(.product, factors)
      }
    }
  }

  /// Signs and what they stand before: −x² is −(x²).
  private mutating func signed() -> Int? {
    var (isNegative, isBoth, signs) = (false, false, 0)
    while let symbol, symbol == .minus || symbol == .plus || symbol == .plusMinus {
      if symbol == .minus { isNegative.toggle() }
      if symbol == .plusMinus { isBoth = true }
      next += 1
      signs += 1
      guard signs <= 4 else { return nil }
    }
    guard let node = power() else { return nil }
    if isBoth { return tree.add(.plusMinus, [node]) }
    return isNegative ? tree.add(.negation, [node]) : node
  }

  /// Whether a factor follows without a sign. Units are none.
  func isOperand(behindNumber: Bool) -> Bool {
    switch kind {
    case .number: return !behindNumber
    case .letter: return !isUnit(at: next, behindNumber: behindNumber)
    case .function: return true
    case .symbol(let symbol):
      switch symbol {
      case .openRound, .openBrace, .fraction, .binomial, .root, .surd, .pi, .infinity: return true
      default: return false
      }
    default: return false
    }
  }

  mutating func power() -> Int? {
    guard depth < Self.depthLimit, let base = postfix() else { return nil }
    guard take(.power) else { return base }
    depth += 1
    defer { depth -= 1 }
    guard let exponent = signed() else { return nil }
    return tree.add(.power, [base, exponent])
  }

  private mutating func postfix() -> Int? {
    guard var node = atom() else { return nil }
    while let symbol {
      switch symbol {
      case .bang: node = tree.add(.factorial, [node])
      case .percent: node = tree.add(.percent, [node])
      case .degree: node = tree.add(.degrees, [node])
      default: return node
      }
      next += 1
      depth += 1
      guard depth < Self.depthLimit else { return nil }
    }
    return node
  }
}
