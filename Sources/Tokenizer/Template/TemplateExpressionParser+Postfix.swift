import Formats

/// What follows an expression: attributes, elements, calls, filters and tests.
extension TemplateExpressionParser {
  mutating func postfix(_ base: TemplateExpression) throws -> TemplateExpression {
    var result = base
    while true {
      let offset = current.offset
      if take(symbol: ".") {
        if case .integer(let index) = current.kind {
          advance()
          result = .item(result, .constant(.int(index)), offset)
        } else {
          result = .attribute(result, try name(), offset)
        }
      } else if take(symbol: "[") {
        result = try subscripted(result, offset)
        try expect(symbol: "]")
      } else if isSymbol("(") {
        result = try call(result, offset)
      } else {
        return result
      }
    }
  }

  private mutating func subscripted(_ base: TemplateExpression, _ offset: Int) throws -> TemplateExpression {
    var bounds: [TemplateExpression?] = [nil]
    if !isSymbol(":") { bounds[0] = try expression() }
    if let index = bounds[0], !isSymbol(":") { return .item(base, index, offset) }
    while take(symbol: ":") {
      bounds.append(isSymbol(":") || isSymbol("]") ? nil : try expression())
    }
    guard bounds.count <= 3 else { throw unexpected("expected \"]\"") }
    return .slice(base, bounds, offset)
  }

  /// Calls are of functions by name and of methods: other values cannot be called.
  private mutating func call(_ callee: TemplateExpression, _ offset: Int) throws -> TemplateExpression {
    let arguments = try arguments()
    switch callee {
    case .name(let function, let offset):
      guard TemplateFunctions.names.contains(function) else {
        throw source.unsupported(offset, "the function \(function)()")
      }
      return .call(function: function, arguments, offset)
    case .attribute(let object, let method, let offset):
      guard TemplateMethods.names.contains(method) else {
        throw source.unsupported(offset, "the method .\(method)()")
      }
      return .method(object, method, arguments, offset)
    default: throw source.unsupported(offset, "a call of a computed value")
    }
  }

  private mutating func arguments() throws -> TemplateArguments {
    try expect(symbol: "(")
    var arguments = TemplateArguments()
    while !isSymbol(")") {
      if isSymbol("*") || isSymbol("**") { throw source.unsupported(current.offset, "an argument list with \"*\"") }
      if current.kind == .name, next + 1 < tokens.count, tokens[next + 1].kind == .symbol, tokens[next + 1].text == "="
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
  mutating func filters(_ base: TemplateExpression) throws -> TemplateExpression {
    var result = base
    while true {
      if take(symbol: "|") {
        let offset = current.offset
        let filter = try name()
        guard TemplateFilters.names.contains(filter) else {
          throw source.unsupported(offset, "the filter \"\(filter)\"")
        }
        result = .filter(result, filter, isSymbol("(") ? try arguments() : TemplateArguments(), offset)
      } else if take(name: "is") {
        result = try test(result)
      } else {
        return result
      }
    }
  }

  private mutating func test(_ operand: TemplateExpression) throws -> TemplateExpression {
    let isNegated = take(name: "not")
    let offset = current.offset
    let test = try name()
    guard TemplateTests.names.contains(test) else { throw source.unsupported(offset, "the test \"is \(test)\"") }
    var arguments = TemplateArguments()
    if isSymbol("(") {
      arguments = try self.arguments()
    } else if startsTestArgument {
      arguments.positional = [try postfix(try primary())]
    }
    let result = TemplateExpression.test(operand, test, arguments, offset)
    return isNegated ? .not(result) : result
  }

  /// Whether an argument without brackets follows the name of a test: `is equalto 3`.
  private var startsTestArgument: Bool {
    switch current.kind {
    case .string, .integer, .float: true
    case .name: !["else", "or", "and", "is", "if", "in", "not"].contains(current.text)
    case .symbol: current.text == "[" || current.text == "{"
    case .end: false
    }
  }
}
