import Formats

extension JinjaInterpreter {
  func evaluate(_ expression: JinjaExpression) throws -> JinjaValue {
    switch expression {
    case .none: .none
    case .bool(let value): .bool(value)
    case .int(let value): .int(value)
    case .double(let value): .double(value)
    case .string(let value): .string(value)
    case .name(let name, let offset):
      try nested(offset) { scope.value(of: name) ?? .undefined(JinjaUndefined(name: name)) }
    case .not(let operand): .bool(!(try nested(0) { try evaluate(operand).isTrue }))
    case .and(let left, let right):
      try nested(0) {
        let value = try evaluate(left)
        return value.isTrue ? try evaluate(right) : value
      }
    case .or(let left, let right):
      try nested(0) {
        let value = try evaluate(left)
        return value.isTrue ? value : try evaluate(right)
      }
    case .conditional(let value, let condition, let otherwise):
      try nested(0) {
        if try evaluate(condition).isTrue { return try evaluate(value) }
        return try otherwise.map { try evaluate($0) }
          ?? .undefined(JinjaUndefined("the inline if was false and has no else"))
      }
    default: try evaluateOperation(expression)
    }
  }

  private func evaluateOperation(_ expression: JinjaExpression) throws -> JinjaValue {
    switch expression {
    case .list(let elements, let offset):
      try nested(offset) { try .list(try elements.map { try evaluate($0) }) }
    case .tuple(let elements, let offset):
      try nested(offset) { try .list(try elements.map { try evaluate($0) }, .tuple) }
    case .dictionary(let members, let offset):
      try nested(offset) {
        .dictionary(
          try JinjaDictionary(try members.map { (try evaluate($0.key), try evaluate($0.value)) }))
      }
    case .attribute(let base, let name, let offset):
      try nested(offset) { try attribute(name, of: try evaluate(base)) }
    case .item(let base, let index, let offset):
      try nested(offset) { try item(try evaluate(index), of: try evaluate(base)) }
    case .slice(let base, let bounds, let offset):
      try nested(offset) {
        try slice(try evaluate(base), try bounds.map { try $0.map { try evaluate($0) } })
      }
    case .call(_, _, let offset): try nested(offset) { try call(expression, adding: []) }
    case .filter(let base, let name, let arguments, let offset):
      try nested(offset) { try apply(name, to: try evaluate(base), try evaluate(arguments)) }
    case .test(let base, let name, let arguments, let offset):
      try nested(offset) { .bool(try holds(name, try evaluate(base), try evaluate(arguments))) }
    case .comparison(let first, let rest, let offset):
      try nested(offset) { .bool(try compare(first, rest)) }
    case .arithmetic(let operation, let left, let right, let offset):
      try nested(offset) {
        try JinjaArithmetic.apply(operation, try evaluate(left), try evaluate(right), &budget)
      }
    case .sign(let sign, let operand, let offset):
      try nested(offset) { try JinjaArithmetic.signed(sign, try evaluate(operand)) }
    case .concatenation(let parts, let offset):
      try nested(offset) {
        let texts = try parts.map { try text(try evaluate($0)) }
        try budget.reserve(texts.reduce(0) { $0.addingSaturating($1.utf8.count) })
        return .string(texts.joined())
      }
    default: throw RollbookError.bug("an expression that nothing evaluates")
    }
  }

  func evaluate(_ arguments: JinjaArgumentList) throws -> JinjaArguments {
    JinjaArguments(
      positional: try arguments.positional.map { try evaluate($0) },
      named: try arguments.named.map { ($0.name, try evaluate($0.value)) })
  }

  func apply(_ filter: String, to value: JinjaValue, _ arguments: JinjaArguments) throws
    -> JinjaValue
  {
    guard let function = JinjaFilters.table[filter] else {
      throw JinjaFault("there is no filter \"\(filter)\"")
    }
    try budget.touch(value.shallowWeight)
    return try function(value, arguments, self)
  }

  func holds(_ test: String, _ value: JinjaValue, _ arguments: JinjaArguments) throws -> Bool {
    guard let function = JinjaTests.table[test] else {
      throw JinjaFault("there is no test \"\(test)\"")
    }
    return try function(value, arguments, self)
  }

  private func compare(
    _ first: JinjaExpression, _ rest: [(operation: String, operand: JinjaExpression)]
  ) throws -> Bool {
    var left = try evaluate(first)
    for (operation, operand) in rest {
      let right = try evaluate(operand)
      let isTrue =
        switch operation {
        case "in": try contains(right, left)
        case "not in": !(try contains(right, left))
        default: try compare(operation, left, right)
        }
      if !isTrue { return false }
      left = right
    }
    return true
  }

  func compare(_ operation: String, _ left: JinjaValue, _ right: JinjaValue) throws -> Bool {
    try budget.touch(min(left.weight, right.weight))
    return try JinjaValue.compare(operation, left, right)
  }

  func contains(_ container: JinjaValue, _ element: JinjaValue) throws -> Bool {
    try budget.touch(container.shallowWeight)
    if case .list(let list) = container {
      let (most, overflow) = list.elements.count.multipliedReportingOverflow(by: element.weight)
      try budget.touch(overflow ? list.weight : min(list.weight, most))
      if list.form == .iterator {
        return try elements(of: container, isWhole: false).contains { $0.equals(element) }
      }
    }
    return try container.contains(element)
  }
}
