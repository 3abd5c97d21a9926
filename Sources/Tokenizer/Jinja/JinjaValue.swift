/// A value in a template: what Python has under the same names.
///
/// Lists and dictionaries never change (transformers runs templates in a sandbox that forbids it), so they are shared.
enum JinjaValue {
  /// A name, key or attribute that is not there. It prints as nothing; most uses of it are errors.
  case undefined(JinjaUndefined)
  case none
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  /// A string marked with `| safe`. No text is escaped here, but Python escapes what is added to one.
  case markup(String)
  case list(JinjaList)
  case dictionary(JinjaDictionary)
  case namespace(JinjaNamespace)
  case loop(JinjaLoop)
  case callable(JinjaCallable)
}

/// Why a value is not there, in Jinja's words.
struct JinjaUndefined {
  let message: String

  init(_ message: String) { self.message = message }

  init(name: String) { message = "'\(name)' is undefined" }

  /// A key or attribute that `base` does not have.
  init(_ key: JinjaValue, of base: JinjaValue) {
    if case .string(let name) = key {
      message = "'\(base.typeName)' has no attribute \(PythonText.quoted(name))"
    } else {
      message = "\(base.typeName) has no element \((try? key.representation()) ?? "")"
    }
  }
}

/// What goes wrong in an operation; the interpreter adds where.
struct JinjaFault: Error {
  let message: String
  var hint: String?

  init(_ message: String, hint: String? = nil) {
    self.message = message
    self.hint = hint
  }

  static func undefined(_ value: JinjaUndefined) -> JinjaFault {
    JinjaFault(
      value.message, hint: "the template uses something that the messages or variables lack")
  }

  /// What Jinja has and this does not.
  static func unsupported(_ construct: String) -> JinjaFault {
    JinjaFault("\(construct) is not supported in chat templates", hint: JinjaSource.simplify)
  }

  static func expected(_ what: String, for callee: String, found value: JinjaValue) -> JinjaFault {
    if case .undefined(let why) = value { return undefined(why) }
    return JinjaFault("\(callee) expected \(what), found \(value.kind)")
  }
}

extension JinjaValue {
  /// Python's truth.
  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .bool(let value): value
    case .int(let value): value != 0
    case .double(let value): value != 0
    case .string(let value), .markup(let value): !value.utf8.isEmpty
    case .list(let list): list.form == .iterator || !list.elements.isEmpty
    case .dictionary(let dictionary): dictionary.count > 0
    case .namespace, .loop, .callable: true
    }
  }

  var isUndefined: Bool { if case .undefined = self { true } else { false } }

  var isNone: Bool { if case .none = self { true } else { false } }

  /// The kind in words, for errors.
  var kind: String {
    switch self {
    case .undefined(let undefined): undefined.message
    case .none: "none"
    case .bool: "a boolean"
    case .int: "an integer"
    case .double: "a number"
    case .string, .markup: "a string"
    case .list(let list): list.form.kind
    case .dictionary: "a dictionary"
    case .namespace: "a namespace"
    case .loop: "a loop"
    case .callable: "a function"
    }
  }

  /// The kind as Jinja's messages have it.
  var typeName: String {
    switch self {
    case .undefined: "Undefined"
    case .none: "None"
    case .bool: "bool object"
    case .int: "int object"
    case .double: "float object"
    case .string: "str object"
    case .markup: "markupsafe.Markup object"
    case .list(let list): list.form.typeName
    case .dictionary: "dict object"
    case .namespace: "namespace object"
    case .loop: "jinja2.runtime.LoopContext object"
    case .callable: "function object"
    }
  }

  var string: String? {
    switch self {
    case .string(let text), .markup(let text): text
    default: nil
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

  /// Levels of lists and dictionaries below and including this one.
  var depth: Int {
    switch self {
    case .list(let list): list.depth
    case .dictionary(let dictionary): dictionary.depth
    default: 0
    }
  }

  /// About the bytes that going through all of the value touches.
  var weight: Int {
    switch self {
    case .string(let text), .markup(let text): text.utf8.count + 16
    case .list(let list): list.weight
    case .dictionary(let dictionary): dictionary.weight
    default: 16
    }
  }

  static func list(_ elements: [JinjaValue], _ form: JinjaList.Form = .list) throws -> JinjaValue {
    .list(try JinjaList(elements, form))
  }

  static func characters(of text: String) throws -> JinjaValue {
    try .list(text.unicodeScalars.map { .string(String($0)) })
  }
}
