/// Functions that templates call by name.
enum JinjaFunctions {
  typealias Function = @Sendable (JinjaArguments, JinjaInterpreter) throws -> JinjaValue

  static let table: [String: Function] = [
    "raise_exception": { arguments, interpreter in
      let message = try arguments.bound(to: ["message"], for: "raise_exception()")[0]
      throw JinjaFault(
        "the chat template refuses the messages: \(try message.map { try interpreter.text($0) } ?? "")",
        hint: "the template itself raises this")
    },
    "strftime_now": { arguments, interpreter in
      guard let format = try arguments.bound(to: ["format"], for: "strftime_now()")[0]?.string
      else {
        throw JinjaFault("strftime_now() expected a format")
      }
      try interpreter.budget.reserve(format.utf8.count, times: 16)
      return .string(try interpreter.readClock().formatted(format))
    },
    "range": range,
    "dict": dictionary,
    "namespace": namespace,
    "cycler": { arguments, _ in
      guard !arguments.positional.isEmpty, arguments.named.isEmpty else {
        throw JinjaFault("cycler() expected values")
      }
      return .callable(JinjaCallable(.cycler(arguments.positional)))
    },
    "joiner": { arguments, interpreter in
      let separator = try arguments.bound(to: ["sep"], for: "joiner()")[0]
      return .callable(
        JinjaCallable(.joiner(try separator.map { try interpreter.text($0) } ?? ", ")))
    },
  ]

  private static let range: Function = { arguments, interpreter in
    let numbers = arguments.positional.compactMap(\.integer)
    guard (1...3).contains(numbers.count), numbers.count == arguments.positional.count,
      arguments.named.isEmpty
    else {
      throw JinjaFault("range() expected one to three integers")
    }
    let (start, stop) = numbers.count == 1 ? (0, numbers[0]) : (numbers[0], numbers[1])
    let step = numbers.count == 3 ? numbers[2] : 1
    guard step != 0 else { throw JinjaFault("the step of range() is 0") }
    let values = stride(from: start, to: stop, by: step).prefix(JinjaBudget.maximumRange + 1).map {
      JinjaValue.int($0)
    }
    guard values.count <= JinjaBudget.maximumRange else {
      throw JinjaFault("range() has more than \(JinjaBudget.maximumRange) elements")
    }
    try interpreter.budget.touch(values.count * 16)
    return try .list(values, .range)
  }

  /// `dict(…)`: of a dictionary or of pairs, and of named arguments.
  private static let dictionary: Function = { arguments, interpreter in
    try .dictionary(JinjaDictionary(members(of: arguments, for: "dict()", interpreter)))
  }

  private static let namespace: Function = { arguments, interpreter in
    let namespace = JinjaNamespace()
    for member in try members(of: arguments, for: "namespace()", interpreter) {
      guard let name = member.key.string else {
        throw JinjaFault("namespace() expected names, found \(member.key.kind)")
      }
      try checkAttribute(name)
      namespace[name] = member.value
    }
    interpreter.keep(namespace)
    return .namespace(namespace)
  }

  /// transformers refuses attributes of a namespace that begin with an underscore.
  static func checkAttribute(_ name: String) throws {
    if name.hasPrefix("_") {
      throw JinjaFault("an attribute of a namespace must not begin with \"_\", as \"\(name)\" does")
    }
  }

  private static func members(
    of arguments: JinjaArguments, for callee: String, _ interpreter: JinjaInterpreter
  ) throws -> [(key: JinjaValue, value: JinjaValue)] {
    guard arguments.positional.count <= 1 else {
      throw JinjaFault(
        "\(callee) takes one argument besides named ones, found \(arguments.positional.count)")
    }
    var members: [(key: JinjaValue, value: JinjaValue)] = []
    switch arguments.positional.first {
    case nil: break
    case .dictionary(let dictionary)?:
      try interpreter.budget.touch(dictionary.count * 32)
      members = dictionary.members
    case let pairs?:
      members = try interpreter.elements(of: pairs).map { pair in
        let parts = try interpreter.elements(of: pair)
        guard parts.count == 2 else {
          throw JinjaFault("\(callee) expected pairs, found \(parts.count) values")
        }
        return (parts[0], parts[1])
      }
    }
    return members + arguments.named.map { (.string($0.name), $0.value) }
  }
}
