import Formats

extension TemplateInterpreter {
  mutating func evaluate(_ expression: TemplateExpression) throws -> TemplateValue {
    switch expression {
    case .constant(let value): return value
    case .name(let name, _): return value(of: name)
    case .list(let elements): return .list(try elements.map { try evaluate($0) })
    case .dictionary(let members, let offset): return try dictionary(members, offset)
    case .attribute(let base, let name, let offset): return try attribute(name, of: try evaluate(base), offset)
    case .item(let base, let index, let offset):
      return try item(try evaluate(index), of: try evaluate(base), offset)
    case .slice(let base, let bounds, let offset):
      return try slice(try evaluate(base), try bounds.map { try $0.map { try evaluate($0) } }, offset)
    case .call(let function, let arguments, let offset):
      return try call(function, try evaluate(arguments), offset)
    case .method(let object, let name, let arguments, let offset):
      return try TemplateMethods.call(
        name, on: try evaluate(object), try evaluate(arguments), TemplatePlace(source: source, offset: offset))
    case .filter(let base, let name, let arguments, let offset):
      return try TemplateFilters.apply(
        name, to: try evaluate(base), try evaluate(arguments), TemplatePlace(source: source, offset: offset))
    case .test(let base, let name, let arguments, let offset):
      return .bool(
        try TemplateTests.holds(
          name, for: try evaluate(base), try evaluate(arguments), TemplatePlace(source: source, offset: offset)))
    case .not(let operand): return .bool(!(try evaluate(operand).isTrue))
    case .and(let left, let right):
      let value = try evaluate(left)
      return value.isTrue ? try evaluate(right) : value
    case .or(let left, let right):
      let value = try evaluate(left)
      return value.isTrue ? value : try evaluate(right)
    case .comparison(let first, let rest, let offset): return .bool(try compare(first, rest, offset))
    case .arithmetic(let operation, let left, let right, let offset):
      let place = TemplatePlace(source: source, offset: offset)
      return try TemplateArithmetic.apply(operation, try evaluate(left), try evaluate(right), place)
    case .sign(let sign, let operand, let offset):
      let place = TemplatePlace(source: source, offset: offset)
      return try TemplateArithmetic.apply(sign, .int(0), try evaluate(operand), place)
    case .concatenation(let parts): return .string(try parts.map { try evaluate($0).text }.joined())
    case .conditional(let value, let condition, let otherwise):
      if try evaluate(condition).isTrue { return try evaluate(value) }
      return try otherwise.map { try evaluate($0) } ?? .undefined("the value of an inline if without else")
    }
  }

  private mutating func evaluate(_ arguments: TemplateArguments) throws -> TemplateValues {
    TemplateValues(
      positional: try arguments.positional.map { try evaluate($0) },
      named: try arguments.named.map { ($0.name, try evaluate($0.value)) })
  }

  private mutating func dictionary(
    _ members: [(key: TemplateExpression, value: TemplateExpression)], _ offset: Int
  ) throws -> TemplateValue {
    var result: [(key: String, value: TemplateValue)] = []
    for member in members {
      guard case .string(let key) = try evaluate(member.key) else {
        throw source.unsupported(offset, "a dictionary whose keys are not strings")
      }
      let value = try evaluate(member.value)
      if let place = result.firstIndex(where: { TemplateValue.same($0.key, key) }) {
        result[place].value = value
      } else {
        result.append((key, value))
      }
    }
    return .dictionary(result)
  }

  private func attribute(_ name: String, of base: TemplateValue, _ offset: Int) throws -> TemplateValue {
    switch base {
    case .undefined: throw source.fault(offset, "cannot read .\(name) of \(base.kind)")
    case .namespace(let number):
      return namespaces[number].first { TemplateValue.same($0.key, name) }?.value ?? .undefined("'\(name)'")
    case .dictionary where TemplateMethods.dictionaryNames.contains(name):
      throw source.unsupported(offset, "the method .\(name) without a call")
    default: return base.member(name) ?? .undefined("'\(name)'")
    }
  }

  private func item(_ index: TemplateValue, of base: TemplateValue, _ offset: Int) throws -> TemplateValue {
    switch (base, index) {
    case (.undefined, _): throw source.fault(offset, "cannot take an element of \(base.kind)")
    case (.list(let values), _):
      guard let place = index.integer.map({ $0 < 0 ? $0 + values.count : $0 }), values.indices.contains(place) else {
        return .undefined("element \(index.representation)")
      }
      return values[place]
    case (.string(let text), _):
      let scalars = Array(text.unicodeScalars)
      guard let place = index.integer.map({ $0 < 0 ? $0 + scalars.count : $0 }), scalars.indices.contains(place) else {
        return .undefined("character \(index.representation)")
      }
      return .string(String(scalars[place]))
    case (.dictionary, .string(let key)): return base.member(key) ?? .undefined("'\(key)'")
    case (.namespace, .string(let key)): return try attribute(key, of: base, offset)
    default: return .undefined("element \(index.representation)")
    }
  }

  /// Python's slices, of lists and of strings by scalars.
  private func slice(_ base: TemplateValue, _ bounds: [TemplateValue?], _ offset: Int) throws -> TemplateValue {
    let numbers = try bounds.map { bound -> Int? in
      guard let bound, case let value = bound, value.integer != nil || !isNone(value) else { return nil }
      guard let number = value.integer else {
        throw source.fault(offset, "expected integers in a slice, found \(value.kind)")
      }
      return number
    }
    let step = numbers.count > 2 ? numbers[2] ?? 1 : 1
    guard step != 0 else { throw source.fault(offset, "the step of a slice is 0") }
    func chosen<Element>(_ elements: [Element]) -> [Element] {
      Self.places(count: elements.count, numbers[0], numbers.count > 1 ? numbers[1] : nil, step: step).map {
        elements[$0]
      }
    }
    switch base {
    case .list(let values): return .list(chosen(values))
    case .string(let text):
      var result = ""
      result.unicodeScalars.append(contentsOf: chosen(Array(text.unicodeScalars)))
      return .string(result)
    default: throw source.fault(offset, "expected a list or a string to slice, found \(base.kind)")
    }
  }

  private func isNone(_ value: TemplateValue) -> Bool { if case .none = value { true } else { false } }

  private static func places(count: Int, _ start: Int?, _ stop: Int?, step: Int) -> [Int] {
    let lowest = step > 0 ? 0 : -1
    let highest = step > 0 ? count : count - 1
    func bound(_ number: Int?, _ fallback: Int) -> Int {
      guard let number else { return fallback }
      return number < 0 ? max(number + count, lowest) : min(number, highest)
    }
    let first = bound(start, step > 0 ? 0 : highest)
    let last = bound(stop, step > 0 ? count : -1)
    return Array(stride(from: first, to: last, by: step))
  }

  private mutating func compare(
    _ first: TemplateExpression, _ rest: [(operation: String, operand: TemplateExpression)], _ offset: Int
  ) throws -> Bool {
    var left = try evaluate(first)
    for (operation, operand) in rest {
      let right = try evaluate(operand)
      let place = TemplatePlace(source: source, offset: offset)
      guard try TemplateArithmetic.compare(operation, left, right, place) else { return false }
      left = right
    }
    return true
  }

  private mutating func call(_ function: String, _ values: TemplateValues, _ offset: Int) throws -> TemplateValue {
    let place = TemplatePlace(source: source, offset: offset)
    if function == "namespace" {
      guard values.positional.isEmpty else { throw source.unsupported(offset, "namespace() of a dictionary") }
      namespaces.append(values.named.map { ($0.name, $0.value) })
      return .namespace(namespaces.count - 1)
    }
    return try TemplateFunctions.call(function, values, place)
  }
}
