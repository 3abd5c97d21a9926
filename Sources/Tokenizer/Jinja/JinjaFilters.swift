/// `| …`: the table of all filters, and those that take any value.
enum JinjaFilters {
  typealias Filter = @Sendable (JinjaValue, JinjaArguments, JinjaInterpreter) throws -> JinjaValue

  static let table: [String: Filter] = {
    var table = general
    for further in [texts, sequences, selections, orders, numbers] { table.merge(further) { $1 } }
    for (alias, name) in [("count", "length"), ("d", "default"), ("e", "escape")] {
      table[alias] = table[name]
    }
    return table
  }()

  /// A filter that binds its arguments to names.
  static func filter(
    _ name: String, _ parameters: [String] = [],
    _ body: @escaping @Sendable (JinjaValue, [JinjaValue?], JinjaInterpreter) throws -> JinjaValue
  ) -> (String, Filter) {
    (
      name,
      { value, arguments, interpreter in
        try body(
          value, try arguments.bound(to: parameters, for: "the filter \"\(name)\""), interpreter)
      }
    )
  }

  static func table(_ filters: (String, Filter)...) -> [String: Filter] {
    Dictionary(uniqueKeysWithValues: filters)
  }

  private static let general = table(
    filter("default", ["default_value", "boolean"]) { value, arguments, _ in
      let isReplaced = value.isUndefined || (arguments[1]?.isTrue ?? false) && !value.isTrue
      return isReplaced ? arguments[0] ?? .string("") : value
    },
    filter("string") { value, _, interpreter in
      if case .markup = value { return value }
      return .string(try interpreter.text(value))
    },
    filter("safe") { value, _, interpreter in .markup(try interpreter.text(value)) },
    filter("tojson", ["ensure_ascii", "indent", "separators", "sort_keys"], toJSON),
    filter("attr", ["name"]) { value, arguments, interpreter in
      guard let name = arguments[0]?.string else {
        throw JinjaFault("the filter \"attr\" expected a name")
      }
      switch value {
      case .undefined, .string, .dictionary, .namespace, .loop: break
      default: throw JinjaFault.unsupported("the filter \"attr\" of \(value.kind)")
      }
      // Unlike `value.name`, this does not look into dictionaries.
      if case .dictionary(let dictionary) = value, dictionary[name] != nil {
        throw JinjaFault.unsupported("the filter \"attr\" of a dictionary's key")
      }
      return try interpreter.attribute(name, of: value)
    },
    filter("length") { value, _, _ in
      switch value {
      case .undefined: return .int(0)
      case .string(let text), .markup(let text): return .int(text.unicodeScalars.count)
      case .list(let list) where list.form != .iterator: return .int(list.elements.count)
      case .dictionary(let dictionary): return .int(dictionary.count)
      case .loop(let loop): return .int(loop.items.count)
      default: throw JinjaFault("expected something with a length, found \(value.kind)")
      }
    }
  )

  /// `json.dumps`, as transformers calls it.
  private static func toJSON(
    _ value: JinjaValue, _ arguments: [JinjaValue?], _ interpreter: JinjaInterpreter
  ) throws -> JinjaValue {
    var writer = JinjaJSON()
    writer.escapesUnicode = arguments[0]?.isTrue ?? false
    writer.sortsKeys = arguments[3]?.isTrue ?? false
    switch arguments[1] {
    case nil, .some(.none): break
    case .string(let text)?, .markup(let text)?: writer.indent = text
    case let other?:
      guard let width = other.integer, width <= 100 else {
        throw JinjaFault("tojson expected an indent up to 100")
      }
      writer.indent = String(repeating: " ", count: max(width, 0))
    }
    if writer.indent != nil { writer.itemSeparator = "," }
    switch arguments[2] {
    case nil, .some(.none): break
    case .list(let list)?:
      let texts = list.elements.compactMap(\.string)
      guard texts.count == 2, list.elements.count == 2 else {
        throw JinjaFault("tojson expected two separators")
      }
      (writer.itemSeparator, writer.keySeparator) = (texts[0], texts[1])
    case let other?: throw JinjaFault.expected("two separators", for: "tojson", found: other)
    }
    let widest = max(writer.itemSeparator.utf8.count, writer.keySeparator.utf8.count, 16)
    let perLevel = (writer.indent?.utf8.count ?? 0).addingSaturating(1)
    let (indents, overflow) = perLevel.multipliedReportingOverflow(by: value.depth + 1)
    try interpreter.budget.reserve(
      value.weight, times: overflow ? .max : max(1, (widest.addingSaturating(indents)) / 16))
    try writer.write(value, level: 0)
    return .string(writer.text)
  }
}

/// Python's `json.dumps`.
struct JinjaJSON {
  var escapesUnicode = false
  var sortsKeys = false
  var indent: String?
  var itemSeparator = ", "
  var keySeparator = ": "
  private(set) var text = ""

  mutating func write(_ value: JinjaValue, level: Int) throws {
    switch value {
    case .none: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .int(let value): text += String(value)
    case .double(let value): text += Self.number(value)
    case .string(let value), .markup(let value): write(value)
    case .list(let list) where list.form == .list || list.form == .tuple:
      try write(list.elements, "[", "]", level) { writer, element in
        try writer.write(element, level: level + 1)
      }
    case .dictionary(let dictionary): try write(dictionary, level)
    case .undefined(let why):
      throw JinjaFault(
        "tojson expected a value, but \(why.message)", hint: "an undefined value is no JSON")
    case .list, .namespace, .loop, .callable:
      throw JinjaFault("\(value.kind) cannot be written as JSON")
    }
  }

  private mutating func write(_ dictionary: JinjaDictionary, _ level: Int) throws {
    var members = dictionary.members
    if sortsKeys {
      var isComparable = true
      members.sort { a, b in
        guard let isLess = a.key.precedes(b.key) else {
          isComparable = false
          return false
        }
        return isLess
      }
      guard isComparable else { throw JinjaFault("tojson cannot sort keys of different kinds") }
    }
    try write(members, "{", "}", level) { writer, member in
      writer.write(try Self.key(member.key))
      writer.text += writer.keySeparator
      try writer.write(member.value, level: level + 1)
    }
  }

  /// Keys are strings in JSON: Python writes numbers and constants into them.
  private static func key(_ key: JinjaValue) throws -> String {
    switch key {
    case .string(let text), .markup(let text): return text
    case .none: return "null"
    case .bool(let value): return value ? "true" : "false"
    case .int(let value): return String(value)
    case .double(let value): return number(value)
    default: throw JinjaFault("\(key.kind) cannot be a key in JSON")
    }
  }

  private static func number(_ value: Double) -> String {
    value.isNaN
      ? "NaN" : value.isInfinite ? (value < 0 ? "-Infinity" : "Infinity") : PythonText.number(value)
  }

  private mutating func write<Element>(
    _ elements: [Element], _ open: String, _ close: String, _ level: Int,
    _ body: (inout JinjaJSON, Element) throws -> Void
  ) throws {
    text += open
    for (index, element) in elements.enumerated() {
      if index > 0 { text += itemSeparator }
      startLine(level + 1)
      try body(&self, element)
    }
    if !elements.isEmpty { startLine(level) }
    text += close
  }

  private mutating func startLine(_ level: Int) {
    guard let indent else { return }
    text += "\n"
    for _ in 0..<level { text += indent }
  }

  private mutating func write(_ string: String) {
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\u{8}": text += "\\b"
      case "\u{C}": text += "\\f"
      case "\u{0}"..."\u{1F}": escape(UInt16(scalar.value))
      case _ where escapesUnicode && scalar.value > 0x7E:
        for unit in String(scalar).utf16 { escape(unit) }
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }

  private mutating func escape(_ unit: UInt16) {
    let digits = String(unit, radix: 16)
    text += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
  }
}
