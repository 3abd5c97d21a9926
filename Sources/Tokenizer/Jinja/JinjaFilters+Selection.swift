/// Filters that apply another filter or a test to each element.
extension JinjaFilters {
  static let selections: [String: Filter] = [
    "map": map,
    "select": { try select($0, $1, $2, keeps: true) },
    "reject": { try select($0, $1, $2, keeps: false) },
    "selectattr": { try selectAttribute($0, $1, $2, keeps: true) },
    "rejectattr": { try selectAttribute($0, $1, $2, keeps: false) },
  ]

  private static let map: Filter = { value, arguments, interpreter in
    let elements = try interpreter.elements(of: value)
    if arguments.positional.isEmpty {
      let names = ["attribute", "default"]
      let bound = try JinjaArguments(positional: [], named: arguments.named).bound(
        to: names, for: "the filter \"map\"")
      guard let attribute = try bound[0].map({ try JinjaAttribute($0) }) else {
        throw JinjaFault("the filter \"map\" expected a filter or an attribute")
      }
      return try .list(
        elements.map { element in
          try interpreter.budget.step()
          let found = try attribute.value(of: element, interpreter)
          return found.isUndefined ? bound[1] ?? found : found
        }, .iterator)
    }
    guard let name = arguments.positional[0].string else {
      throw JinjaFault("the filter \"map\" expected a filter's name")
    }
    let rest = JinjaArguments(
      positional: Array(arguments.positional.dropFirst()), named: arguments.named)
    return try .list(
      elements.map { element in
        try interpreter.budget.step()
        return try interpreter.apply(name, to: element, rest)
      }, .iterator)
  }

  private static func select(
    _ value: JinjaValue, _ arguments: JinjaArguments, _ interpreter: JinjaInterpreter, keeps: Bool
  ) throws -> JinjaValue {
    let holds = try test(arguments, interpreter)
    return try .list(
      try interpreter.elements(of: value).filter { try holds($0) == keeps }, .iterator)
  }

  private static func selectAttribute(
    _ value: JinjaValue, _ arguments: JinjaArguments, _ interpreter: JinjaInterpreter, keeps: Bool
  ) throws -> JinjaValue {
    guard let first = arguments.positional.first else {
      throw JinjaFault("expected the name of an attribute")
    }
    let attribute = try JinjaAttribute(first)
    let rest = JinjaArguments(
      positional: Array(arguments.positional.dropFirst()), named: arguments.named)
    let holds = try test(rest, interpreter)
    return try .list(
      try interpreter.elements(of: value).filter {
        try holds(try attribute.value(of: $0, interpreter)) == keeps
      },
      .iterator)
  }

  /// The test that the arguments name, with those that are left; without any, truth.
  private static func test(
    _ arguments: JinjaArguments, _ interpreter: JinjaInterpreter
  ) throws -> (JinjaValue) throws -> Bool {
    guard let first = arguments.positional.first else {
      return { value in
        try interpreter.budget.step()
        return value.isTrue
      }
    }
    guard let name = first.string, JinjaTests.table[name] != nil else {
      throw JinjaFault("there is no test \((try? first.representation()) ?? "")")
    }
    let rest = JinjaArguments(
      positional: Array(arguments.positional.dropFirst()), named: arguments.named)
    return { value in
      try interpreter.budget.step()
      return try interpreter.holds(name, value, rest)
    }
  }
}
