/// Statements that name things or take a block of text: set, with, filter, macro, call.
extension JinjaParser {
  mutating func assignment(_ expressions: inout JinjaExpressionParser, _ offset: Int) throws
    -> JinjaNode
  {
    let target = try expressions.target(withAttribute: true)
    if expressions.take(symbol: "=") {
      let value = try expressions.tuple()
      try expressions.expectEnd()
      return .assignment(target, value, offset)
    }
    let filters = try blockFilters(&expressions)
    try expressions.expectEnd()
    return .blockAssignment(target, filters, try body(until: "endset", openedAt: offset), offset)
  }

  /// `| name(…)`, any number of times.
  private func blockFilters(_ expressions: inout JinjaExpressionParser) throws -> [JinjaBlockFilter] {
    var filters: [JinjaBlockFilter] = []
    while expressions.take(symbol: "|") { filters.append(try expressions.namedFilter()) }
    return filters
  }

  mutating func filter(_ expressions: inout JinjaExpressionParser, _ offset: Int) throws
    -> JinjaNode
  {
    let filters = [try expressions.namedFilter()] + (try blockFilters(&expressions))
    try expressions.expectEnd()
    return .filtered(filters, try body(until: "endfilter", openedAt: offset))
  }

  mutating func with(_ expressions: inout JinjaExpressionParser, _ offset: Int) throws -> JinjaNode {
    var members: [(target: JinjaTarget, value: JinjaExpression)] = []
    while expressions.current.kind != .end {
      if !members.isEmpty { try expressions.expect(symbol: ",") }
      let target = JinjaTarget.name(try expressions.name())
      try expressions.expect(symbol: "=")
      members.append((target, try expressions.expression()))
    }
    return .with(members, try body(until: "endwith", openedAt: offset), offset)
  }

  mutating func macro(_ expressions: inout JinjaExpressionParser, _ offset: Int) throws -> JinjaNode {
    let name = try expressions.name()
    let parameters = try self.parameters(&expressions)
    try expressions.expectEnd()
    return .macro(try macro(name, parameters, until: "endmacro", offset))
  }

  mutating func call(_ expressions: inout JinjaExpressionParser, _ offset: Int) throws -> JinjaNode {
    let parameters = expressions.isSymbol("(") ? try self.parameters(&expressions) : []
    let callee = try expressions.expression()
    guard case .call = callee else {
      throw source.fault(offset, "expected a call after {% call %}")
    }
    try expressions.expectEnd()
    return .callBlock(callee, try macro("caller", parameters, until: "endcall", offset), offset)
  }

  private mutating func macro(
    _ name: String, _ parameters: [(name: String, fallback: JinjaExpression?)], until word: String,
    _ offset: Int
  ) throws -> JinjaMacroNode {
    let start = nextSegment
    let body = try separateBody(until: word, openedAt: offset)
    return JinjaMacroNode(name: name, parameters: parameters, body: body, uses: names(from: start))
  }

  private func parameters(
    _ expressions: inout JinjaExpressionParser
  ) throws -> [(name: String, fallback: JinjaExpression?)] {
    try expressions.expect(symbol: "(")
    var parameters: [(name: String, fallback: JinjaExpression?)] = []
    while !expressions.isSymbol(")") {
      let offset = expressions.current.offset
      let name = try expressions.name()
      guard !parameters.contains(where: { $0.name == name }) else {
        throw source.fault(offset, "the parameter \"\(name)\" is there twice")
      }
      let fallback = expressions.take(symbol: "=") ? try expressions.expression() : nil
      if fallback == nil, parameters.last?.fallback != nil {
        throw source.fault(offset, "a parameter without default follows one with a default")
      }
      parameters.append((name, fallback))
      if !expressions.take(symbol: ",") { break }
    }
    try expressions.expect(symbol: ")")
    return parameters
  }
}
