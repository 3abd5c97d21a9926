/// Methods of strings, lists and dictionaries, as Python's have them.
enum JinjaMethods {
  struct Names {
    let known: Set<String>
    /// Those that would change the value: the sandbox forbids them.
    var changing: Set<String> = []
    /// What Python has besides.
    var others: Set<String> = []
  }

  private static let strings = Names(
    known: Set(JinjaStringMethods.table.keys),
    others: [
      "casefold", "encode", "expandtabs", "format_map", "isascii", "isdecimal", "isidentifier",
      "isnumeric",
      "isprintable", "istitle", "maketrans", "swapcase", "translate",
    ])
  private static let dictionaries = Names(
    known: ["get", "keys", "values", "items", "copy"],
    changing: ["clear", "pop", "popitem", "setdefault", "update"], others: ["fromkeys"])
  private static let lists = Names(
    known: ["index", "count", "copy"],
    changing: ["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"])
  private static let tuples = Names(known: ["index", "count"])

  static func names(of value: JinjaValue) -> Names? {
    switch value {
    case .string, .markup: strings
    case .dictionary: dictionaries
    case .list(let list): list.form == .list ? lists : list.form.isIndexed ? tuples : nil
    case .callable(let callable):
      if case .cycler = callable.kind { Names(known: ["next", "reset"]) } else { nil }
    default: nil
    }
  }

  static func call(
    _ name: String, on value: JinjaValue, _ arguments: JinjaArguments,
    _ interpreter: JinjaInterpreter
  ) throws -> JinjaValue {
    try interpreter.budget.touch(value.shallowWeight)
    switch value {
    case .string(let text):
      return try JinjaStringMethods.table[name]?(text, arguments, interpreter) ?? .none
    case .markup(let text):
      let result = try JinjaStringMethods.table[name]?(text, arguments, interpreter) ?? .none
      if case .string(let text) = result { return .markup(text) }
      return result
    case .dictionary(let dictionary): return try call(name, on: dictionary, arguments)
    case .list(let list): return try call(name, on: list, arguments, interpreter)
    case .loop(let loop): return try loop.call(name, arguments)
    case .callable(let callable):
      guard case .cycler = callable.kind else { return .none }
      if name == "next" { return try interpreter.call(value, arguments) }
      callable.calls = 0
      return .none
    default: throw JinjaFault("\(value.kind) has no method .\(name)()")
    }
  }

  private static func call(
    _ name: String, on dictionary: JinjaDictionary, _ arguments: JinjaArguments
  ) throws -> JinjaValue {
    if name == "get" {
      let bound = try arguments.bound(to: ["key", "default"], for: ".get()")
      guard let key = bound[0] else { throw JinjaFault(".get() expected a key") }
      return try dictionary.value(key) ?? bound[1] ?? .none
    }
    _ = try arguments.bound(to: [], for: ".\(name)()")
    switch name {
    case "keys": return try .list(dictionary.members.map(\.key), .view("dict_keys"))
    case "values": return try .list(dictionary.members.map(\.value), .view("dict_values"))
    case "items": return try .list(JinjaFilters.pairs(dictionary), .view("dict_items"))
    default: return .dictionary(dictionary)
    }
  }

  private static func call(
    _ name: String, on list: JinjaList, _ arguments: JinjaArguments, _ interpreter: JinjaInterpreter
  ) throws -> JinjaValue {
    if name == "copy" { return .list(list) }
    guard let element = try arguments.bound(to: ["value"], for: ".\(name)()")[0] else {
      throw JinjaFault(".\(name)() expected a value")
    }
    try interpreter.budget.touch(list.weight)
    if name == "count" { return .int(list.elements.count { $0.equals(element) }) }
    guard let place = list.elements.firstIndex(where: { $0.equals(element) }) else {
      throw JinjaFault(".index() did not find the value in the list")
    }
    return .int(place)
  }
}
