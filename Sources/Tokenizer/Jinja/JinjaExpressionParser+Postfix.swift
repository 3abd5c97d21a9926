import Formats

/// What follows an expression: attributes, elements, calls, filters and tests.
extension JinjaExpressionParser {
  mutating func postfix(_ base: JinjaExpression) throws -> JinjaExpression {
    var result = base
    while true {
      let offset = current.offset
      if take(symbol: ".") {
        if case .integer(let index) = current.kind {
          advance()
          result = .item(result, .int(index), offset)
        } else {
          result = .attribute(result, try name(), offset)
        }
      } else if take(symbol: "[") {
        result = try subscripted(result, offset)
        try expect(symbol: "]")
      } else if isSymbol("(") {
        result = .call(result, try arguments(), offset)
      } else {
        return result
      }
    }
  }

  private mutating func subscripted(_ base: JinjaExpression, _ offset: Int) throws
    -> JinjaExpression
  {
    var bounds: [JinjaExpression?] = [nil]
    if !isSymbol(":") { bounds[0] = try expression() }
    if let index = bounds[0], !isSymbol(":") { return .item(base, index, offset) }
    while take(symbol: ":") {
      bounds.append(isSymbol(":") || isSymbol("]") ? nil : try expression())
    }
    guard bounds.count <= 3 else { throw unexpected("expected \"]\"") }
    return .slice(base, bounds, offset)
  }

  private mutating func arguments() throws -> JinjaArgumentList {
    try expect(symbol: "(")
    var arguments = JinjaArgumentList()
    while !isSymbol(")") {
      if isSymbol("*") || isSymbol("**") {
        throw source.unsupported(current.offset, "an argument list with \"*\"")
      }
      if current.kind == .name, next + 1 < tokens.count, tokens[next + 1].kind == .symbol,
        tokens[next + 1].text == "="
      {
        let name = try name()
        advance()
        arguments.named.append((name, try expression()))
      } else {
        guard arguments.named.isEmpty else { throw unexpected("expected a named argument") }
        arguments.positional.append(try expression())
      }
      if !take(symbol: ",") { break }
    }
    try expect(symbol: ")")
    return arguments
  }

  /// `| filter`, `is test`.
  mutating func filters(_ base: JinjaExpression) throws -> JinjaExpression {
    var result = base
    while true {
      if take(symbol: "|") {
        let filter = try namedFilter()
        result = .filter(result, filter.name, filter.arguments, filter.offset)
      } else if take(name: "is") {
        result = try test(result)
      } else {
        return result
      }
    }
  }

  /// The name of a filter and its arguments.
  mutating func namedFilter() throws -> JinjaBlockFilter {
    let offset = current.offset
    let filter = try name()
    guard JinjaFilters.table[filter] != nil else {
      throw source.unsupported(offset, "the filter \"\(filter)\"")
    }
    let arguments = isSymbol("(") ? try arguments() : JinjaArgumentList()
    return JinjaBlockFilter(name: filter, arguments: arguments, offset: offset)
  }

  private mutating func test(_ operand: JinjaExpression) throws -> JinjaExpression {
    let isNegated = take(name: "not")
    let offset = current.offset
    let test = try name()
    guard JinjaTests.table[test] != nil else {
      throw source.unsupported(offset, "the test \"is \(test)\"")
    }
    var arguments = JinjaArgumentList()
    if isSymbol("(") {
      arguments = try self.arguments()
    } else if isName("is") {
      throw unexpected("tests cannot be chained: expected \"and\"")
    } else if startsTestArgument {
      arguments.positional = [try postfix(try primary())]
    }
    let result = JinjaExpression.test(operand, test, arguments, offset)
    return isNegated ? .not(result) : result
  }

  /// Whether an argument without brackets follows the name of a test: `is equalto 3`.
  private var startsTestArgument: Bool {
    switch current.kind {
    case .string, .integer, .float: true
    case .name: !["else", "or", "and", "is", "if", "in", "not"].contains(current.text)
    case .symbol: ["(", "[", "{"].contains(current.text)
    case .end: false
    }
  }
}
