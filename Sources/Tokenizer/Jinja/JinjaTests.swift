/// `is …`
enum JinjaTests {
  typealias Test = @Sendable (JinjaValue, JinjaArguments, JinjaInterpreter) throws -> Bool

  static let table: [String: Test] = kinds.merging(comparisons) { $1 }.merging(numbers) { $1 }

  private static func kind(_ holds: @escaping @Sendable (JinjaValue) throws -> Bool) -> Test {
    { value, arguments, _ in
      guard arguments.positional.isEmpty, arguments.named.isEmpty else {
        throw JinjaFault("the test takes no argument")
      }
      return try holds(value)
    }
  }

  private static let kinds: [String: Test] = [
    "defined": kind { !$0.isUndefined },
    "undefined": kind(\.isUndefined),
    "none": kind(\.isNone),
    "boolean": kind { if case .bool = $0 { true } else { false } },
    "true": kind { if case .bool(true) = $0 { true } else { false } },
    "false": kind { if case .bool(false) = $0 { true } else { false } },
    "integer": kind { if case .int = $0 { true } else { false } },
    "float": kind { if case .double = $0 { true } else { false } },
    "number": kind { $0.number != nil },
    "string": kind { $0.string != nil },
    "escaped": kind { if case .markup = $0 { true } else { false } },
    "lower": kind { value in
      let text = try value.text()
      return PythonText.lowercased(text) == text && PythonText.hasCase(text)
    },
    "upper": kind { value in
      let text = try value.text()
      return PythonText.uppercased(text) == text && PythonText.hasCase(text)
    },
    "filter": kind { $0.string.map { JinjaFilters.table[$0] != nil } ?? false },
    "test": kind { $0.string.map { name in JinjaTests.table[name] != nil } ?? false },
    "mapping": kind { if case .dictionary = $0 { true } else { false } },
    "callable": kind { value in
      switch value {
      case .callable, .loop: true
      default: false
      }
    },
    // An undefined value can be gone over (it is empty) and has a length.
    "iterable": kind { value in
      switch value {
      case .string, .markup, .list, .dictionary, .undefined, .loop: true
      default: false
      }
    },
    "sequence": kind { value in
      switch value {
      case .string, .markup, .dictionary, .undefined: true
      case .list(let list): list.form.isIndexed
      default: false
      }
    },
  ]

  private static func binary(
    _ holds: @escaping @Sendable (JinjaValue, JinjaValue, JinjaInterpreter) throws -> Bool
  ) -> Test {
    { value, arguments, interpreter in
      guard arguments.positional.count == 1, arguments.named.isEmpty else {
        throw JinjaFault("the test takes one argument, found \(arguments.positional.count)")
      }
      return try holds(value, arguments.positional[0], interpreter)
    }
  }

  private static func comparison(_ operation: String) -> Test {
    binary { try $2.compare(operation, $0, $1) }
  }

  private static let comparisons: [String: Test] = [
    "equalto": comparison("=="), "eq": comparison("=="), "==": comparison("=="),
    "ne": comparison("!="), "!=": comparison("!="),
    "lt": comparison("<"), "lessthan": comparison("<"), "<": comparison("<"),
    "le": comparison("<="), "<=": comparison("<="),
    "gt": comparison(">"), "greaterthan": comparison(">"), ">": comparison(">"),
    "ge": comparison(">="), ">=": comparison(">="),
    "in": binary { try $2.contains($1, $0) },
    // Python compares addresses: of small values the same as being equal and of one kind, of others not to be told.
    "sameas": binary { value, other, _ in
      switch (value, other) {
      case (.none, .none): true
      case (.bool(let a), .bool(let b)): a == b
      case (.list(let a), .list(let b)): a === b
      case (.dictionary(let a), .dictionary(let b)): a === b
      case (.namespace(let a), .namespace(let b)): a === b
      case (.int, .int), (.double, .double), (.string, .string):
        throw JinjaFault.unsupported("\"is sameas\" of \(value.kind)")
      default: false
      }
    },
  ]

  private static func remainder(_ value: JinjaValue, _ divisor: JinjaValue) throws -> JinjaValue {
    guard value.string == nil else { throw JinjaFault("cannot divide a string") }
    var budget = JinjaBudget()
    return try JinjaArithmetic.apply("%", value, divisor, &budget)
  }

  private static let numbers: [String: Test] = [
    "even": kind { try remainder($0, .int(2)).equals(.int(0)) },
    "odd": kind { try remainder($0, .int(2)).equals(.int(1)) },
    "divisibleby": binary { value, divisor, _ in try remainder(value, divisor).equals(.int(0)) },
  ]
}
