import Formats

/// Arguments of a call, evaluated.
struct TemplateValues {
  var positional: [TemplateValue] = []
  var named: [(name: String, value: TemplateValue)] = []

  /// The argument at a place or of a name.
  func argument(_ index: Int, _ name: String) -> TemplateValue? {
    index < positional.count ? positional[index] : named.first { $0.name == name }?.value
  }

  /// Refuses more arguments than are known, so that none is silently left out.
  func allow(_ names: [String], of callee: String, _ place: TemplatePlace) throws {
    if positional.count > names.count { throw place.unsupported("an argument number \(positional.count) of \(callee)") }
    if let other = named.first(where: { !names.contains($0.name) }) {
      throw place.unsupported("the argument \"\(other.name)\" of \(callee)")
    }
  }

  /// An argument that must be a string when it is given.
  func string(_ index: Int, _ name: String, of callee: String, _ place: TemplatePlace) throws -> String? {
    switch argument(index, name) {
    case nil, .some(.none): return nil
    case .string(let text): return text
    case let value?: throw place.fault("expected a string as argument of \(callee), found \(value.kind)")
    }
  }

  /// An argument that must be an integer when it is given.
  func integer(_ index: Int, _ name: String, of callee: String, _ place: TemplatePlace) throws -> Int? {
    guard let value = argument(index, name) else { return nil }
    guard let number = value.integer else {
      throw place.fault("expected an integer as argument of \(callee), found \(value.kind)")
    }
    return number
  }
}

/// Functions that templates call by name.
enum TemplateFunctions {
  static let names: Set<String> = ["raise_exception", "namespace", "range"]

  /// Names that transformers or Jinja give a meaning; to take them for undefined would render something else.
  static let unsupported: Set<String> = ["strftime_now", "dict", "cycler", "joiner", "lipsum", "caller", "self"]

  private static let longestRange = 100_000

  static func call(_ name: String, _ values: TemplateValues, _ place: TemplatePlace) throws -> TemplateValue {
    switch name {
    case "raise_exception":
      let message = values.argument(0, "message")?.text ?? ""
      throw place.fault("the chat template refuses the messages: \(message)")
    default: return try range(values, place)
    }
  }

  private static func range(_ values: TemplateValues, _ place: TemplatePlace) throws -> TemplateValue {
    let numbers = values.positional.compactMap(\.integer)
    guard (1...3).contains(numbers.count), numbers.count == values.positional.count, values.named.isEmpty else {
      throw place.fault("expected one to three integers as arguments of range")
    }
    let (start, stop) = numbers.count == 1 ? (0, numbers[0]) : (numbers[0], numbers[1])
    let step = numbers.count == 3 ? numbers[2] : 1
    guard step != 0 else { throw place.fault("the step of range is 0") }
    let places = stride(from: start, to: stop, by: step).prefix(longestRange + 1).map { TemplateValue.int($0) }
    guard places.count <= longestRange else { throw place.fault("range has more than \(longestRange) elements") }
    return .list(places)
  }
}

/// `is …`
enum TemplateTests {
  static let names: Set<String> = [
    "defined", "undefined", "none", "true", "false", "boolean", "string", "number", "integer", "float", "mapping",
    "iterable", "sequence", "equalto", "eq", "ne", "in", "even", "odd", "divisibleby",
  ]

  static func holds(
    _ test: String, for value: TemplateValue, _ values: TemplateValues, _ place: TemplatePlace
  ) throws -> Bool {
    let takesArgument = ["equalto", "eq", "ne", "in", "divisibleby"].contains(test)
    guard values.positional.count == (takesArgument ? 1 : 0), values.named.isEmpty else {
      throw place.fault("expected \(takesArgument ? "one argument" : "no argument") of the test \"\(test)\"")
    }
    switch test {
    case "defined": return !value.isUndefined
    case "undefined": return value.isUndefined
    case "equalto", "eq": return value.equals(values.positional[0])
    case "ne": return !value.equals(values.positional[0])
    case "in": return try TemplateArithmetic.contains(values.positional[0], value, place)
    case "even", "odd", "divisibleby":
      let divisor = test == "divisibleby" ? values.positional[0] : .int(2)
      let remainder = try TemplateArithmetic.apply("%", value, divisor, place)
      return remainder.equals(.int(test == "odd" ? 1 : 0))
    default: return isKind(test, value)
    }
  }

  private static func isKind(_ test: String, _ value: TemplateValue) -> Bool {
    switch (test, value) {
    case ("none", .none), ("boolean", .bool), ("string", .string), ("integer", .int), ("float", .double): true
    case ("true", .bool(let value)): value
    case ("false", .bool(let value)): !value
    case ("number", .bool), ("number", .int), ("number", .double), ("mapping", .dictionary): true
    // An undefined value can be gone over (it is empty), and has a length.
    case ("iterable", .string), ("iterable", .list), ("iterable", .dictionary), ("iterable", .undefined): true
    case ("sequence", .string), ("sequence", .list), ("sequence", .dictionary), ("sequence", .undefined): true
    default: false
    }
  }
}
