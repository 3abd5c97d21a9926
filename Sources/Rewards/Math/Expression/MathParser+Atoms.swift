/// What stands for itself: numbers, letters, functions, fractions, roots.
extension MathParser {
  mutating func atom() -> Int? {
    guard next < tokens.count else { return nil }
    let token = tokens[next]
    switch token.kind {
    case .number(let index):
      next += 1
      return number(tree.add(tree.numbers[index]), token)
    case .letter: return letter()
    case .function(let function):
      next += 1
      return call(function)
    case .symbol(let symbol):
      next += 1
      return atom(symbol)
    case .word: return numberWords()
    case .relation, .unknown: return nil
    }
  }

  private mutating func atom(_ symbol: Symbol) -> Int? {
    switch symbol {
    case .pi: return tree.add(.pi)
    case .infinity: return tree.add(.infinity)
    case .emptySet: return tree.add(.emptySet)
    case .openRound, .openSquare, .closeSquare, .openAngle: return bracket(symbol)
    case .openBrace, .openSet: return braces(symbol)
    case .openMatrix: return matrix()
    case .bar:
      guard depth < Self.depthLimit else { return nil }
      depth += 1
      defer { depth -= 1 }
      guard let inner = sum(), take(.bar) else { return nil }
      return tree.add(.absolute, [inner])
    case .fraction:
      guard let top = argument(), let bottom = argument() else { return nil }
      return tree.add(.product, [top, tree.add(.inverse, [bottom])])
    case .binomial:
      guard let above = argument(), let below = argument() else { return nil }
      return tree.add(.binomial, [above, below])
    case .root: return root()
    case .surd:
      guard let radicand = postfixOrNumber() else { return nil }
      return tree.add(.root, [radicand, tree.add(Self.two)])
    default: return nil
    }
  }

  private static let two = ExactNumber(negative: false, top: DecimalDigits([2], exponent: 0))

  private mutating func postfixOrNumber() -> Int? {
    guard depth < Self.depthLimit else { return nil }
    depth += 1
    defer { depth -= 1 }
    return atom()
  }

  /// A number, and what belongs to it: a fraction (2\frac{3}{4}, 2 3/4), a base (101_2).
  private mutating func number(_ node: Int, _ token: MathToken) -> Int? {
    if symbol == .subscripted {
      let start = next
      next += 1
      if let base = argument(), let digits = tree.number(node), let base = tree.number(base),
        let value = Self.value(of: digits, base: base)
      {
        return tree.add(value)
      }
      next = start
      return nil
    }
    guard let whole = tree.number(node), whole.bottom == .one, whole.top.exponent >= 0 else { return node }
    if let fraction = fractionBehind() { return tree.add(.sum, [node, fraction]) }
    return node
  }

  /// A fraction of whole numbers that directly follows a whole number.
  private mutating func fractionBehind() -> Int? {
    let start = next
    if take(.fraction) {
      if let top = argument(), let bottom = argument(), isWhole(top), isWhole(bottom) {
        return tree.add(.product, [top, tree.add(.inverse, [bottom])])
      }
      next = start
      return nil
    }
    let skipsAnd = symbol == .and
    let first = next + (skipsAnd ? 1 : 0)
    guard first + 2 < tokens.count, case .number(let top) = tokens[first].kind, tokens[first].isSpaced,
      tokens[first + 1].kind == .symbol(.divide), case .number(let bottom) = tokens[first + 2].kind,
      !skipsAnd || first + 3 == tokens.count
    else { return nil }
    let (above, below) = (tree.numbers[top], tree.numbers[bottom])
    guard above.isWhole, below.isWhole, above.top.magnitude < below.top.magnitude else { return nil }
    next = first + 3
    return tree.add(.product, [tree.add(above), tree.add(.inverse, [tree.add(below)])])
  }

  private func isWhole(_ node: Int) -> Bool { tree.number(node)?.isWhole ?? false }

  /// The value of digits in a base from 2 to 10.
  private static func value(of number: ExactNumber, base: ExactNumber) -> ExactNumber? {
    guard let base = try? Rational(base), base.isInteger, (2...10).contains(base.top), number.isWhole,
      let digits = try? Rational(number)
    else { return nil }
    var (value, place, rest): (Int128, Int128, Int128) = (0, 1, digits.top)
    while rest > 0 {
      guard rest % 10 < base.top else { return nil }
      value += (rest % 10) * place
      place *= base.top
      rest /= 10
    }
    return ExactNumber(value)
  }

  private mutating func letter() -> Int? {
    let token = tokens[next]
    next += 1
    guard symbol == .subscripted else {
      if token.range.count == 1 {
        if text[token.range.lowerBound] == UInt8(ascii: "e") { return tree.add(.e) }
        if text[token.range.lowerBound] == UInt8(ascii: "i") { return tree.add(.i) }
      }
      return tree.add(.variable(tree.index(of: text[token.range])))
    }
    next += 1
    var stop = next + 1
    if symbol == .openBrace {
      while stop < tokens.count, tokens[stop].kind != .symbol(.closeBrace) { stop += 1 }
      stop += 1
    }
    guard stop <= tokens.count else { return nil }
    var name = Array(text[token.range]) + [UInt8(ascii: "_")]
    for part in tokens[next..<stop] where part.kind != .symbol(.openBrace) && part.kind != .symbol(.closeBrace) {
      name += text[part.range]
    }
    next = stop
    return tree.add(.variable(tree.index(of: name)))
  }

  /// What a command takes: braces, or one digit, letter or command.
  mutating func argument() -> Int? {
    guard depth < Self.depthLimit, next < tokens.count else { return nil }
    depth += 1
    defer { depth -= 1 }
    if symbol == .openRound || symbol == .openBrace { return atom() }
    if case .number = tokens[next].kind { return firstDigit() }
    if case .letter = tokens[next].kind {
      next += 1
      let letter = text[tokens[next - 1].range]
      return tree.add(letter.elementsEqual([UInt8(ascii: "e")]) ? .e : .variable(tree.index(of: letter)))
    }
    return atom()
  }

  /// `\frac12` is 1/2: the first digit of a number, whose other digits stay.
  private mutating func firstDigit() -> Int? {
    let token = tokens[next]
    let first = text[token.range.lowerBound]
    guard token.range.count > 1, isDigit(first), text[token.range].allSatisfy(isDigit) else {
      guard case .number(let index) = token.kind else { return nil }
      next += 1
      return tree.add(tree.numbers[index])
    }
    let rest = text[token.range.dropFirst()].map { $0 - 0x30 }
    tree.numbers.append(ExactNumber(negative: false, top: DecimalDigits(rest, exponent: 0)))
    tokens[next] = MathToken(
      kind: .number(tree.numbers.count - 1), range: token.range.dropFirst(), isSpaced: false)
    return tree.add(ExactNumber(negative: false, top: DecimalDigits([first - 0x30], exponent: 0)))
  }

  /// `\sqrt{x}`, `\sqrt[3]{x}`, `sqrt(x)`.
  private mutating func root() -> Int? {
    var index: Int?
    if take(.openSquare) {
      guard let degree = list(), take(.closeSquare) else { return nil }
      index = degree
    }
    guard let radicand = argument() else { return nil }
    return tree.add(.root, [radicand, index ?? tree.add(Self.two)])
  }

  /// A function's base and exponent (`\log_2`, `\sin^2`) and its argument: brackets, or the product that follows.
  private mutating func call(_ function: MathFunction) -> Int? {
    guard depth < Self.depthLimit else { return nil }
    depth += 1
    defer { depth -= 1 }
    var (base, exponent): (Int?, Int?) = (nil, nil)
    if symbol == .subscripted, function == .log {
      next += 1
      guard let node = logarithmBase() else { return nil }
      base = node
    }
    if take(.power) {
      guard let node = argument() else { return nil }
      exponent = node
    }
    guard let argument = callArgument() else { return nil }
    let call = tree.add(.call(function), base.map { [argument, $0] } ?? [argument])
    return exponent.map { tree.add(.power, [call, $0]) } ?? call
  }

  /// `\log_{10}2`, `\log_2 1024`: without braces one digit, unless white space ends a number.
  private mutating func logarithmBase() -> Int? {
    if case .number(let index) = kind, next + 1 < tokens.count, case .number = tokens[next + 1].kind {
      next += 1
      return tree.add(tree.numbers[index])
    }
    return argument()
  }

  private mutating func callArgument() -> Int? {
    if symbol == .openRound { return power() }
    guard let first = power() else { return nil }
    var factors = [first]
    while true {
      if case .function = kind { break }
      guard isOperand(behindNumber: tree.number(factors[factors.count - 1]) != nil), let factor = power() else { break }
      factors.append(factor)
    }
    return factors.count == 1 ? first : tree.add(.product, factors)
  }
}
