/// Something that can be called.
final class JinjaCallable {
  enum Kind {
    case function(String)
    case method(JinjaValue, String)
    /// With the scope that it was made in.
    case macro(JinjaMacroNode, JinjaScope)
    /// `cycler(…)` and where it is.
    case cycler([JinjaValue])
    case joiner(String)
  }

  let kind: Kind
  /// How often it was called, for cyclers and joiners.
  var calls = 0

  init(_ kind: Kind) { self.kind = kind }
}

/// Arguments of a call, evaluated.
struct JinjaArguments {
  var positional: [JinjaValue] = []
  var named: [(name: String, value: JinjaValue)] = []

  /// The arguments in the order of the parameters' names.
  func bound(to names: [String], for callee: String) throws -> [JinjaValue?] {
    guard positional.count <= names.count else {
      throw JinjaFault(
        "\(callee) takes at most \(names.count) arguments, found \(positional.count)")
    }
    var values: [JinjaValue?] =
      positional + Array(repeating: nil, count: names.count - positional.count)
    for (name, value) in named {
      guard let place = names.firstIndex(of: name), values[place] == nil else {
        throw JinjaFault("\(callee) has no argument \"\(name)\", or has it twice")
      }
      values[place] = value
    }
    return values
  }
}

extension JinjaInterpreter {
  /// - Parameter further: Named arguments besides those of the call.
  func call(_ expression: JinjaExpression, adding further: [(name: String, value: JinjaValue)])
    throws -> JinjaValue
  {
    guard case .call(let callee, let list, let offset) = expression else { return .none }
    let function = try evaluate(callee)
    var arguments = try evaluate(list)
    arguments.named += further
    return try located(offset) { try call(function, arguments) }
  }

  func call(_ function: JinjaValue, _ arguments: JinjaArguments) throws -> JinjaValue {
    switch function {
    case .undefined(let why): throw JinjaFault.undefined(why)
    case .loop(let loop): return try recurse(loop, arguments)
    case .callable(let callable):
      switch callable.kind {
      case .function(let name):
        guard let function = JinjaFunctions.table[name] else {
          throw JinjaFault("there is no function \"\(name)\"")
        }
        return try function(arguments, self)
      case .method(let base, let name):
        return try JinjaMethods.call(name, on: base, arguments, self)
      case .macro(let macro, let scope): return try call(macro, scope, arguments)
      case .cycler(let values):
        defer { callable.calls += 1 }
        return values[callable.calls % values.count]
      case .joiner(let separator):
        defer { callable.calls += 1 }
        return .string(callable.calls == 0 ? "" : separator)
      }
    default: throw JinjaFault("\(function.kind) cannot be called")
    }
  }

  private func call(_ macro: JinjaMacroNode, _ outer: JinjaScope, _ given: JinjaArguments) throws
    -> JinjaValue
  {
    let inner = JinjaScope(parent: outer)
    let count = macro.parameters.count
    if given.positional.count > count, !macro.uses.contains("varargs") {
      throw JinjaFault(
        "the macro \"\(macro.name)\" takes at most \(count) arguments, found \(given.positional.count)"
      )
    }
    if macro.uses.contains("varargs") {
      inner.names["varargs"] = try .list(Array(given.positional.dropFirst(count)), .tuple)
    }
    var named = given.named
    var missing: [(name: String, fallback: JinjaExpression?)] = []
    for (index, parameter) in macro.parameters.enumerated() {
      if index < given.positional.count {
        inner.names[parameter.name] = given.positional[index]
      } else if let place = named.firstIndex(where: { $0.name == parameter.name }) {
        inner.names[parameter.name] = named.remove(at: place).value
      } else {
        missing.append(parameter)
      }
    }
    try takeCaller(macro, &named, inner)
    return .string(
      try captured {
        try within(inner) {
          // Defaults see the arguments before them.
          for (name, fallback) in missing {
            scope.names[name] =
              try fallback.map { try evaluate($0) }
              ?? .undefined(JinjaUndefined("parameter '\(name)' was not provided"))
          }
          _ = try run(macro.body)
        }
      })
  }

  /// The named arguments that are no parameters: `caller`, and all others in `kwargs`.
  private func takeCaller(
    _ macro: JinjaMacroNode, _ named: inout [(name: String, value: JinjaValue)], _ inner: JinjaScope
  ) throws {
    if macro.uses.contains("caller") {
      let place = named.firstIndex { $0.name == "caller" }
      inner.names["caller"] =
        place.map { named.remove(at: $0).value } ?? .undefined(JinjaUndefined("No caller defined"))
    }
    if macro.uses.contains("kwargs") {
      inner.names["kwargs"] = .dictionary(
        try JinjaDictionary(named.map { (.string($0.name), $0.value) }))
    } else if let other = named.first {
      throw JinjaFault("the macro \"\(macro.name)\" takes no argument \"\(other.name)\"")
    }
  }
}
