import Formats

/// `| …`
enum TemplateFilters {
  static let names: Set<String> = [
    "trim", "upper", "lower", "length", "count", "default", "d", "first", "last", "join", "list", "string", "items",
    "replace", "tojson",
  ]

  static func apply(
    _ filter: String, to value: TemplateValue, _ values: TemplateValues, _ place: TemplatePlace
  ) throws -> TemplateValue {
    let callee = "the filter \"\(filter)\""
    try values.allow(arguments[filter] ?? [], of: callee, place)
    switch filter {
    case "trim":
      let characters = try values.string(0, "chars", of: callee, place)
      return .string(TemplateText.stripped(value.text, .both, characters: characters))
    case "upper": return .string(value.text.uppercased())
    case "lower": return .string(value.text.lowercased())
    case "length", "count": return .int(try length(value, place))
    case "default", "d":
      let isBroad = values.argument(1, "boolean")?.isTrue ?? false
      let isReplaced = value.isUndefined || (isBroad && !value.isTrue)
      return isReplaced ? values.argument(0, "default_value") ?? .string("") : value
    case "join": return .string(try joined(value, values, place))
    case "string": return .string(value.text)
    case "replace": return .string(try replaced(value.text, values, callee, place))
    case "tojson": return .string(try TemplateJSON.text(value, place))
    default: return try sequence(filter, value, place)
    }
  }

  private static let arguments: [String: [String]] = [
    "trim": ["chars"], "default": ["default_value", "boolean"], "d": ["default_value", "boolean"], "join": ["d"],
    "replace": ["old", "new"],
  ]

  static func length(_ value: TemplateValue, _ place: TemplatePlace) throws -> Int {
    switch value {
    case .undefined: return 0
    case .string(let text): return text.unicodeScalars.count
    case .list(let values): return values.count
    case .dictionary(let members): return members.count
    case .none, .bool, .int, .double, .namespace:
      throw place.fault("expected something with a length, found \(value.kind)")
    }
  }

  private static func replaced(
    _ text: String, _ values: TemplateValues, _ callee: String, _ place: TemplatePlace
  ) throws -> String {
    guard let old = try values.string(0, "old", of: callee, place), !old.utf8.isEmpty,
      let new = try values.string(1, "new", of: callee, place)
    else { throw place.fault("expected a text that is not empty and its replacement as arguments of \(callee)") }
    return TemplateText.replaced(text, old, by: new, limit: nil)
  }

  private static func joined(_ value: TemplateValue, _ values: TemplateValues, _ place: TemplatePlace) throws -> String
  {
    guard case .list(let elements) = try sequence("list", value, place) else { return "" }
    return elements.map(\.text).joined(separator: values.argument(0, "d")?.text ?? "")
  }

  /// Filters of things that can be gone over.
  private static func sequence(_ filter: String, _ value: TemplateValue, _ place: TemplatePlace) throws -> TemplateValue
  {
    if filter == "items" { return try TemplateMethods.items(value, place) }
    let elements: [TemplateValue]
    switch value {
    case .undefined: elements = []
    case .list(let values): elements = values
    case .string(let text): elements = text.unicodeScalars.map { .string(String($0)) }
    case .dictionary(let members): elements = members.map { .string($0.key) }
    case .none, .bool, .int, .double, .namespace: throw place.fault("expected a list, found \(value.kind)")
    }
    switch filter {
    case "first": return elements.first ?? .undefined("the first element of an empty list")
    case "last": return elements.last ?? .undefined("the last element of an empty list")
    default: return .list(elements)
    }
  }
}

/// `tojson` as transformers has it: Python's `json.dumps` with `ensure_ascii=False`.
enum TemplateJSON {
  static func text(_ value: TemplateValue, _ place: TemplatePlace) throws -> String {
    guard let json = value.json else { throw place.fault("\(value.kind) cannot be written as JSON") }
    return try spaced(json)
  }

  private static func spaced(_ json: JSON) throws -> String {
    switch json {
    case .array(let values): return "[" + (try values.map(spaced)).joined(separator: ", ") + "]"
    case .object(let object):
      let members = try object.members.map { "\(try JSON.string($0.key).serialized()): \(try spaced($0.value))" }
      return "{" + members.joined(separator: ", ") + "}"
    default: return try json.serialized()
    }
  }
}
