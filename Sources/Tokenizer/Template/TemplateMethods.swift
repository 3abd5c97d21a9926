import Formats

/// Methods of strings and dictionaries, as Python's have them.
enum TemplateMethods {
  static let stringNames: Set<String> = [
    "strip", "lstrip", "rstrip", "startswith", "endswith", "split", "upper", "lower", "replace",
  ]
  static let dictionaryNames: Set<String> = ["get", "keys", "values", "items"]
  static let names = stringNames.union(dictionaryNames)

  static func call(
    _ method: String, on value: TemplateValue, _ values: TemplateValues, _ place: TemplatePlace
  ) throws -> TemplateValue {
    let callee = "the method .\(method)()"
    guard values.named.isEmpty else { throw place.unsupported("a named argument of \(callee)") }
    switch value {
    case .string(let text) where stringNames.contains(method):
      return try call(method, on: text, values, callee, place)
    case .dictionary where dictionaryNames.contains(method):
      return try callOnDictionary(method, value, values, callee, place)
    default: throw place.fault("\(value.kind) has no method .\(method)()")
    }
  }

  private static func call(
    _ method: String, on text: String, _ values: TemplateValues, _ callee: String, _ place: TemplatePlace
  ) throws -> TemplateValue {
    switch method {
    case "strip", "lstrip", "rstrip":
      try values.allow(["chars"], of: callee, place)
      let characters = try values.string(0, "chars", of: callee, place)
      let side: TemplateText.Side = method == "strip" ? .both : method == "lstrip" ? .left : .right
      return .string(TemplateText.stripped(text, side, characters: characters))
    case "startswith", "endswith":
      try values.allow(["affix"], of: callee, place)
      return .bool(try hasAffix(text, atStart: method == "startswith", values, callee, place))
    case "split": return try split(text, values, callee, place)
    case "replace":
      try values.allow(["old", "new", "count"], of: callee, place)
      guard let old = try values.string(0, "old", of: callee, place), !old.utf8.isEmpty,
        let new = try values.string(1, "new", of: callee, place)
      else { throw place.fault("expected a text that is not empty and its replacement as arguments of \(callee)") }
      let limit = try values.integer(2, "count", of: callee, place)
      return .string(TemplateText.replaced(text, old, by: new, limit: limit.flatMap { $0 < 0 ? nil : $0 }))
    default:
      try values.allow([], of: callee, place)
      return .string(method == "upper" ? text.uppercased() : text.lowercased())
    }
  }

  /// One affix, or several in a tuple, any of which will do.
  private static func hasAffix(
    _ text: String, atStart: Bool, _ values: TemplateValues, _ callee: String, _ place: TemplatePlace
  ) throws -> Bool {
    let affixes: [TemplateValue]
    switch values.argument(0, "affix") {
    case .list(let several)?: affixes = several
    case let one?: affixes = [one]
    case nil: affixes = []
    }
    guard !affixes.isEmpty else { throw place.fault("expected an argument of \(callee)") }
    return try affixes.contains { affix in
      guard case .string(let affix) = affix else { throw place.fault("expected a string as argument of \(callee)") }
      return atStart
        ? text.utf8.starts(with: affix.utf8) : text.utf8.reversed().starts(with: affix.utf8.reversed())
    }
  }

  private static func split(
    _ text: String, _ values: TemplateValues, _ callee: String, _ place: TemplatePlace
  ) throws -> TemplateValue {
    try values.allow(["sep", "maxsplit"], of: callee, place)
    let limit = try values.integer(1, "maxsplit", of: callee, place).flatMap { $0 < 0 ? nil : $0 }
    guard let separator = try values.string(0, "sep", of: callee, place) else {
      guard limit == nil else { throw place.unsupported("a limit for .split() at white space") }
      return .list(TemplateText.words(text).map { .string($0) })
    }
    guard !separator.utf8.isEmpty else { throw place.fault("the separator of .split() is empty") }
    return .list(TemplateText.split(text, by: separator, limit: limit).map { .string($0) })
  }

  private static func callOnDictionary(
    _ method: String, _ value: TemplateValue, _ values: TemplateValues, _ callee: String, _ place: TemplatePlace
  ) throws -> TemplateValue {
    guard case .dictionary(let members) = value else { return .none }
    if method == "get" {
      try values.allow(["key", "default"], of: callee, place)
      guard case .string(let key)? = values.argument(0, "key") else {
        throw place.fault("expected a key for \(callee)")
      }
      return value.member(key) ?? values.argument(1, "default") ?? .none
    }
    try values.allow([], of: callee, place)
    switch method {
    case "keys": return .list(members.map { .string($0.key) })
    case "values": return .list(members.map(\.value))
    default: return try items(value, place)
    }
  }

  /// The pairs of key and value; none of an undefined value.
  static func items(_ value: TemplateValue, _ place: TemplatePlace) throws -> TemplateValue {
    switch value {
    case .undefined: return .list([])
    case .dictionary(let members): return .list(members.map { .list([.string($0.key), $0.value]) })
    default: throw place.fault("expected a dictionary, found \(value.kind)")
    }
  }
}
