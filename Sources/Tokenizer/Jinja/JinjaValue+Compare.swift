extension JinjaValue {
  /// Python's `==`. Its cost is in proportion to the lesser `weight`.
  func equals(_ other: JinjaValue) -> Bool {
    switch (self, other) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.list(let a), .list(let b)):
      if a === b { return true }
      switch a.form {
      case .iterator: return false
      case .view(let name) where name == "dict_values": return false
      default: break
      }
      return a.form == b.form && a.elements.count == b.elements.count
        && zip(a.elements, b.elements).allSatisfy { $0.equals($1) }
    case (.dictionary(let a), .dictionary(let b)):
      if a === b { return true }
      return a.count == b.count
        && a.members.allSatisfy { member in
          ((try? b.value(member.key)) ?? nil)?.equals(member.value) ?? false
        }
    case (.namespace(let a), .namespace(let b)): return a === b
    case (.loop(let a), .loop(let b)): return a === b
    case (.callable(let a), .callable(let b)): return a === b
    default:
      if let a = string, let b = other.string { return PythonText.same(a, b) }
      if let a = integer, let b = other.integer { return a == b }
      if let a = number, let b = other.number { return a == b }
      return false
    }
  }

  /// Python's `<` where it is defined (numbers, strings by scalars, lists and tuples of such), else nil.
  func precedes(_ other: JinjaValue) -> Bool? {
    switch (self, other) {
    case (.list(let a), .list(let b)):
      guard a.form == b.form, a.form.isIndexed, a.form.typeName != "range object" else {
        return nil
      }
      for (left, right) in zip(a.elements, b.elements) where !left.equals(right) {
        return left.precedes(right)
      }
      return a.elements.count < b.elements.count
    default:
      if let a = string, let b = other.string {
        return a.unicodeScalars.lexicographicallyPrecedes(b.unicodeScalars)
      }
      if let a = integer, let b = other.integer { return a < b }
      guard let a = number, let b = other.number else { return nil }
      return a < b
    }
  }

  /// `== != < <= > >=`
  static func compare(_ operation: String, _ left: JinjaValue, _ right: JinjaValue) throws -> Bool {
    if operation == "==" { return left.equals(right) }
    if operation == "!=" { return !left.equals(right) }
    let swaps = operation.hasPrefix(">")
    guard let less = swaps ? right.precedes(left) : left.precedes(right) else {
      for case .undefined(let why) in [left, right] { throw JinjaFault.undefined(why) }
      throw JinjaFault("cannot compare \(left.kind) \(operation) \(right.kind)")
    }
    return less || (operation.hasSuffix("=") && left.equals(right))
  }

  /// Python's `element in self`: a part of a string, an element of a list, a key of a dictionary.
  func contains(_ element: JinjaValue) throws -> Bool {
    switch self {
    case .undefined: return false
    case .list(let list): return list.elements.contains { $0.equals(element) }
    case .dictionary(let dictionary): return try dictionary.value(element) != nil
    case .string(let text), .markup(let text):
      guard let part = element.string else {
        throw JinjaFault.expected("a string", for: "\"in\" of a string", found: element)
      }
      return PythonText.contains(text, part)
    case .none, .bool, .int, .double, .namespace, .loop, .callable:
      throw JinjaFault("cannot look into \(kind)")
    }
  }
}
