import Formats

/// Recursive descent over the tokens of one tag, with Jinja's precedences.
struct JinjaExpressionParser {
  let tokens: [JinjaToken]
  let source: JinjaSource
  var next = 0
  private var depth = 0

  init(_ tokens: [JinjaToken], _ source: JinjaSource) {
    self.tokens = tokens
    self.source = source
  }

  // MARK: Tokens

  /// The last token is always the end of the tag.
  var current: JinjaToken { tokens[next] }

  mutating func advance() { if next + 1 < tokens.count { next += 1 } }

  func isSymbol(_ text: String) -> Bool { current.kind == .symbol && current.text == text }

  func isName(_ text: String) -> Bool { current.kind == .name && current.text == text }

  mutating func take(symbol: String) -> Bool {
    guard isSymbol(symbol) else { return false }
    advance()
    return true
  }

  mutating func take(name: String) -> Bool {
    guard isName(name) else { return false }
    advance()
    return true
  }

  mutating func expect(symbol: String) throws {
    guard take(symbol: symbol) else { throw unexpected("expected \"\(symbol)\"") }
  }

  mutating func expectEnd() throws {
    guard current.kind == .end else { throw unexpected("expected the end of the tag") }
  }

  mutating func name() throws -> String {
    guard current.kind == .name else { throw unexpected("expected a name") }
    defer { advance() }
    return current.text
  }

  func unexpected(_ expectation: String) -> RollbookError {
    let found = current.kind == .end ? "the end of the tag" : "\"\(current.text)\""
    return source.fault(current.offset, "\(expectation), found \(found)")
  }

  /// What a `for` or a `set` gives values to: a name, `namespace.name`, or several in a tuple.
  mutating func target(withAttribute: Bool = false) throws -> JinjaTarget {
    let offset = current.offset
    var targets: [JinjaTarget] = []
    var isTuple = false
    while true {
      targets.append(try oneTarget(withAttribute: withAttribute))
      guard take(symbol: ",") else { break }
      isTuple = true
      if current.kind == .end || isName("in") || isSymbol("=") || isSymbol(")") { break }
    }
    return isTuple ? .tuple(targets, offset) : targets[0]
  }

  private mutating func oneTarget(withAttribute: Bool) throws -> JinjaTarget {
    depth += 1
    defer { depth -= 1 }
    guard depth <= JinjaParser.maximumDepth else {
      throw source.fault(current.offset, "names nested too deeply")
    }
    let offset = current.offset
    if take(symbol: "(") {
      let inner = try target()
      try expect(symbol: ")")
      return inner
    }
    let name = try self.name()
    guard !["true", "false", "none", "True", "False", "None"].contains(name) else {
      throw source.fault(offset, "\"\(name)\" cannot be given a value")
    }
    if withAttribute, take(symbol: ".") { return .attribute(name, try self.name(), offset) }
    return .name(name)
  }

  // MARK: Expressions

  /// One expression, or several with commas between, which make a tuple.
  mutating func tuple(withConditional: Bool = true) throws -> JinjaExpression {
    let offset = current.offset
    let first = try withConditional ? expression() : disjunction()
    guard isSymbol(",") else { return first }
    var elements = [first]
    while take(symbol: ",") {
      if current.kind == .end || isSymbol(")") || isName("if") || isName("recursive") { break }
      elements.append(try withConditional ? expression() : disjunction())
    }
    return .tuple(elements, offset)
  }

  mutating func expression() throws -> JinjaExpression {
    depth += 1
    defer { depth -= 1 }
    guard depth <= JinjaParser.maximumDepth else {
      throw source.fault(current.offset, "expression nested too deeply")
    }
    var result = try disjunction()
    while take(name: "if") {
      let condition = try disjunction()
      result = .conditional(
        result, condition: condition, otherwise: take(name: "else") ? try expression() : nil)
    }
    return result
  }

  private mutating func disjunction() throws -> JinjaExpression {
    var left = try conjunction()
    while take(name: "or") { left = .or(left, try conjunction()) }
    return left
  }

  private mutating func conjunction() throws -> JinjaExpression {
    var left = try negation()
    while take(name: "and") { left = .and(left, try negation()) }
    return left
  }

  private mutating func negation() throws -> JinjaExpression {
    var count = 0
    while take(name: "not") { count += 1 }
    let operand = try comparison()
    return count == 0 ? operand : count.isMultiple(of: 2) ? .not(.not(operand)) : .not(operand)
  }

  private mutating func comparison() throws -> JinjaExpression {
    let offset = current.offset
    let first = try sum()
    var rest: [(operation: String, operand: JinjaExpression)] = []
    while true {
      if current.kind == .symbol, ["==", "!=", "<", "<=", ">", ">="].contains(current.text) {
        let operation = current.text
        advance()
        rest.append((operation, try sum()))
      } else if take(name: "in") {
        rest.append(("in", try sum()))
      } else if isName("not"), next + 1 < tokens.count, tokens[next + 1].text == "in" {
        advance()
        advance()
        rest.append(("not in", try sum()))
      } else {
        return rest.isEmpty ? first : .comparison(first, rest, offset)
      }
    }
  }

  private mutating func sum() throws -> JinjaExpression {
    var left = try concatenation()
    while current.kind == .symbol, ["+", "-"].contains(current.text) {
      let token = current
      advance()
      left = .arithmetic(token.text, left, try concatenation(), token.offset)
    }
    return left
  }

  private mutating func concatenation() throws -> JinjaExpression {
    let offset = current.offset
    var parts = [try product()]
    while take(symbol: "~") { parts.append(try product()) }
    return parts.count == 1 ? parts[0] : .concatenation(parts, offset)
  }

  private mutating func product() throws -> JinjaExpression {
    var left = try power()
    while current.kind == .symbol, ["*", "/", "//", "%"].contains(current.text) {
      let token = current
      advance()
      left = .arithmetic(token.text, left, try power(), token.offset)
    }
    return left
  }

  private mutating func power() throws -> JinjaExpression {
    var left = try unary(withFilters: true)
    while isSymbol("**") {
      let offset = current.offset
      advance()
      left = .arithmetic("**", left, try unary(withFilters: true), offset)
    }
    return left
  }

  private mutating func unary(withFilters: Bool) throws -> JinjaExpression {
    depth += 1
    defer { depth -= 1 }
    guard depth <= JinjaParser.maximumDepth else {
      throw source.fault(current.offset, "expression nested too deeply")
    }
    var result: JinjaExpression
    let token = current
    if token.kind == .symbol, ["-", "+"].contains(token.text) {
      advance()
      result = .sign(token.text, try unary(withFilters: false), token.offset)
    } else {
      result = try primary()
    }
    result = try postfix(result)
    return withFilters ? try filters(result) : result
  }

  mutating func primary() throws -> JinjaExpression {
    let token = current
    switch token.kind {
    case .name:
      advance()
      switch token.text {
      case "true", "True": return .bool(true)
      case "false", "False": return .bool(false)
      case "none", "None": return .none
      case "self", "super", "lipsum", "_", "gettext", "ngettext":
        throw source.unsupported(token.offset, "\"\(token.text)\"")
      default: return .name(token.text, token.offset)
      }
    case .string:
      var text = ""
      while current.kind == .string {
        text += current.text
        advance()
      }
      return .string(text)
    case .integer(let value):
      advance()
      return .int(value)
    case .float(let value):
      advance()
      return .double(value)
    case .symbol where token.text == "(":
      advance()
      if take(symbol: ")") { return .tuple([], token.offset) }
      let inner = try tuple()
      try expect(symbol: ")")
      return inner
    case .symbol where token.text == "[": return try list()
    case .symbol where token.text == "{": return try dictionary()
    case .symbol, .end: throw unexpected("expected an expression")
    }
  }

  private mutating func list() throws -> JinjaExpression {
    let offset = current.offset
    try expect(symbol: "[")
    var elements: [JinjaExpression] = []
    while !isSymbol("]") {
      elements.append(try expression())
      if !take(symbol: ",") { break }
    }
    try expect(symbol: "]")
    return .list(elements, offset)
  }

  private mutating func dictionary() throws -> JinjaExpression {
    let offset = current.offset
    try expect(symbol: "{")
    var members: [(key: JinjaExpression, value: JinjaExpression)] = []
    while !isSymbol("}") {
      let key = try expression()
      try expect(symbol: ":")
      members.append((key, try expression()))
      if !take(symbol: ",") { break }
    }
    try expect(symbol: "}")
    return .dictionary(members, offset)
  }
}
