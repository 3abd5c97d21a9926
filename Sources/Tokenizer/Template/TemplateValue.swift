import Formats

/// A value in a template: what Python has under the same names.
indirect enum TemplateValue: Sendable {
  /// A name, key or attribute that is not there; the text says which. It prints as nothing.
  case undefined(String)
  case none
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  /// Lists and tuples.
  case list([TemplateValue])
  /// A dictionary, in the order its keys were put in. Keys are strings, as in JSON.
  case dictionary([(key: String, value: TemplateValue)])
  /// `namespace(…)`: the one value that can be changed; it is held by the interpreter under a number.
  case namespace(Int)

  init(_ json: JSON) {
    switch json {
    case .null: self = .none
    case .bool(let value): self = .bool(value)
    case .int(let value): self = .int(value)
    case .double(let value): self = .double(value)
    case .string(let value): self = .string(value)
    case .array(let values): self = .list(values.map(TemplateValue.init))
    case .object(let object): self = .dictionary(object.members.map { ($0.key, TemplateValue($0.value)) })
    }
  }

  /// Python's truth.
  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .bool(let value): value
    case .int(let value): value != 0
    case .double(let value): value != 0
    case .string(let value): !value.utf8.isEmpty
    case .list(let values): !values.isEmpty
    case .dictionary(let members): !members.isEmpty
    case .namespace: true
    }
  }

  var isUndefined: Bool { if case .undefined = self { true } else { false } }

  /// The kind in words, for errors.
  var kind: String {
    switch self {
    case .undefined(let what): "\(what), which is undefined"
    case .none: "none"
    case .bool: "a boolean"
    case .int: "an integer"
    case .double: "a number"
    case .string: "a string"
    case .list: "a list"
    case .dictionary: "a dictionary"
    case .namespace: "a namespace"
    }
  }

  /// Booleans count as 0 and 1, as in Python.
  var integer: Int? {
    switch self {
    case .bool(let value): value ? 1 : 0
    case .int(let value): value
    default: nil
    }
  }

  var number: Double? {
    if case .double(let value) = self { value } else { integer.map(Double.init) }
  }

  /// The member of a dictionary.
  func member(_ key: String) -> TemplateValue? {
    guard case .dictionary(let members) = self else { return nil }
    return members.first { Self.same($0.key, key) }?.value
  }

  /// Strings are equal when their bytes are; Swift's `==` takes canonically equivalent ones for equal.
  static func same(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }

  /// Python's `==`.
  func equals(_ other: TemplateValue) -> Bool {
    switch (self, other) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.string(let a), .string(let b)): return Self.same(a, b)
    case (.list(let a), .list(let b)): return a.count == b.count && zip(a, b).allSatisfy { $0.equals($1) }
    case (.dictionary(let a), .dictionary(let b)):
      return a.count == b.count && a.allSatisfy { other.member($0.key)?.equals($0.value) ?? false }
    case (.namespace(let a), .namespace(let b)): return a == b
    default:
      if let a = integer, let b = other.integer { return a == b }
      if let a = number, let b = other.number { return a == b }
      return false
    }
  }

  /// Python's `<` where it is defined: numbers, strings (by scalars), lists of such.
  func precedes(_ other: TemplateValue) -> Bool? {
    switch (self, other) {
    case (.string(let a), .string(let b)): return a.unicodeScalars.lexicographicallyPrecedes(b.unicodeScalars)
    case (.list(let a), .list(let b)):
      for (left, right) in zip(a, b) where !left.equals(right) { return left.precedes(right) }
      return a.count < b.count
    default:
      if let a = integer, let b = other.integer { return a < b }
      guard let a = number, let b = other.number else { return nil }
      return a < b
    }
  }
}

// MARK: Text

extension TemplateValue {
  /// Python's `str`, which is what `{{ … }}` prints.
  var text: String {
    switch self {
    case .undefined: ""
    case .string(let value): value
    default: representation
    }
  }

  /// Python's `repr`.
  var representation: String {
    switch self {
    case .undefined: return "Undefined"
    case .none: return "None"
    case .bool(let value): return value ? "True" : "False"
    case .int(let value): return String(value)
    case .double(let value): return Self.representation(value)
    case .string(let value): return Self.quoted(value)
    case .list(let values): return "[" + values.map(\.representation).joined(separator: ", ") + "]"
    case .dictionary(let members):
      return "{" + members.map { "\(Self.quoted($0.key)): \($0.value.representation)" }.joined(separator: ", ") + "}"
    case .namespace: return "<Namespace>"
    }
  }

  private static func representation(_ value: Double) -> String {
    if value.isNaN { return "nan" }
    return value.isInfinite ? (value < 0 ? "-inf" : "inf") : value.description
  }

  private static func quoted(_ text: String) -> String {
    let quote = text.utf8.contains(UInt8(ascii: "'")) && !text.utf8.contains(UInt8(ascii: "\"")) ? "\"" : "'"
    var result = quote
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case _ where String(scalar) == quote: result += "\\" + quote
      case _ where isPrintable(scalar): result.unicodeScalars.append(scalar)
      default: result += escape(scalar)
      }
    }
    return result + quote
  }

  private static func escape(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16)
    let (letter, width) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
    return "\\" + letter + String(repeating: "0", count: width - digits.utf8.count) + digits
  }

  private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
    case .spaceSeparator: scalar == " "
    default: true
    }
  }

  /// The value as JSON, for `tojson`; nil for what JSON has no word for.
  var json: JSON? {
    switch self {
    case .undefined, .namespace: return nil
    case .none: return .null
    case .bool(let value): return .bool(value)
    case .int(let value): return .int(value)
    case .double(let value): return .double(value)
    case .string(let value): return .string(value)
    case .list(let values):
      let elements = values.compactMap(\.json)
      return elements.count == values.count ? .array(elements) : nil
    case .dictionary(let members):
      let pairs = members.compactMap { member in member.value.json.map { (member.key, $0) } }
      return pairs.count == members.count ? .object(JSONObject(pairs)) : nil
    }
  }
}
