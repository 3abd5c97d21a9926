/// A JSON Schema (draft 2020-12), as far as it is supported. What is not known is refused by name, never ignored,
/// annotations aside (`title`, `description`, `default`, `format`, `x-…`, …: they assert nothing here).
///
/// Numbers compare as doubles; `multipleOf` allows a relative error of 1e-9. `pattern` is a ``Pattern``. `$ref` leads
/// to places of the same schema (`#`, `#/$defs/…`).
struct JSONSchema: Sendable {
  /// What the value of a keyword must be.
  enum Kind {
    case anything, flag, count, number, text, texts, values, typeNames, pattern
    case schema, schemas, schemaTable, patternTable, reference, annotation
  }

  static let keywords: [String: Kind] = [
    "type": .typeNames, "enum": .values, "const": .anything, "properties": .schemaTable, "required": .texts,
    "additionalProperties": .schema, "patternProperties": .patternTable, "propertyNames": .schema, "items": .schema,
    "prefixItems": .schemas, "contains": .schema, "minContains": .count, "maxContains": .count, "minItems": .count,
    "maxItems": .count, "uniqueItems": .flag, "minProperties": .count, "maxProperties": .count, "minLength": .count,
    "maxLength": .count, "pattern": .pattern, "minimum": .number, "maximum": .number, "exclusiveMinimum": .number,
    "exclusiveMaximum": .number, "multipleOf": .number, "allOf": .schemas, "anyOf": .schemas, "oneOf": .schemas,
    "not": .schema, "if": .schema, "then": .schema, "else": .schema, "$ref": .reference, "$defs": .schemaTable,
    "definitions": .schemaTable, "$schema": .annotation, "$id": .annotation, "$comment": .annotation,
    "title": .annotation, "description": .annotation, "default": .annotation, "examples": .annotation,
    "deprecated": .annotation, "readOnly": .annotation, "writeOnly": .annotation, "format": .annotation,
    "contentMediaType": .annotation, "contentEncoding": .annotation,
  ]
  static let types: Set<String> = ["null", "boolean", "object", "array", "number", "integer", "string"]
  static let depthLimit = 64

  let root: Fact
  private(set) var patterns: [String: Pattern] = [:]
  private(set) var targets: [String: Fact] = [:]

  /// - Throws: ``RewardError`` that names the keyword and the place of what cannot be used.
  init(_ root: Fact) throws(RewardError) {
    self.root = root
    var pending = ["#"]
    while let reference = pending.popLast() {
      guard targets[reference] == nil else { continue }
      guard let target = Self.target(of: reference, in: root) else {
        throw RewardError("$ref '\(reference)': there is no such place in this schema")
      }
      targets[reference] = target
      try check(target, at: reference, &pending, depth: 0)
    }
  }

  /// The place that `#/a/b` names.
  private static func target(of reference: String, in root: Fact) -> Fact? {
    guard reference.hasPrefix("#") else { return nil }
    var place = root
    for step in reference.dropFirst().split(separator: "/") {
      let name = step.split(separator: "~1", omittingEmptySubsequences: false).map {
        $0.split(separator: "~0", omittingEmptySubsequences: false).joined(separator: "~")
      }.joined(separator: "/")
      if let next = place[name] {
        place = next
      } else if let list = place.list, let index = Int(name), list.indices.contains(index) {
        place = list[index]
      } else {
        return nil
      }
    }
    return place
  }

  private mutating func check(
    _ schema: Fact, at place: String, _ pending: inout [String], depth: Int
  ) throws(RewardError) {
    guard depth < Self.depthLimit else { throw RewardError("\(place): nested deeper than \(Self.depthLimit)") }
    if schema.bool != nil { return }
    guard case .object(let members) = schema else { throw RewardError("\(place): expected an object, true or false") }
    for (keyword, rule) in members where !keyword.hasPrefix("x-") {
      guard let kind = Self.keywords[keyword] else {
        throw RewardError("\(place): '\(keyword)' is not supported")
      }
      let inner = "\(place)/\(keyword)"
      switch kind {
      case .schema: try check(rule, at: inner, &pending, depth: depth + 1)
      case .schemas:
        guard let list = rule.list, !list.isEmpty else { throw RewardError("\(inner): expected a list of schemas") }
        for (index, item) in list.enumerated() { try check(item, at: "\(inner)/\(index)", &pending, depth: depth + 1) }
      case .schemaTable, .patternTable:
        guard case .object(let table) = rule else { throw RewardError("\(inner): expected an object of schemas") }
        for (key, item) in table {
          if case .patternTable = kind { try add(pattern: key, at: inner) }
          try check(item, at: "\(inner)/\(key)", &pending, depth: depth + 1)
        }
      case .reference:
        guard let text = rule.text else { throw RewardError("\(inner): expected text") }
        pending.append(text)
      case .pattern:
        guard let text = rule.text else { throw RewardError("\(inner): expected text") }
        try add(pattern: text, at: inner)
      default:
        if let expected = Self.fault(rule, kind) { throw RewardError("\(inner): expected \(expected)") }
      }
    }
  }

  private mutating func add(pattern text: String, at place: String) throws(RewardError) {
    do throws(RewardError) {
      patterns[text] = try Pattern(text)
    } catch {
      throw RewardError("\(place): \(error)")
    }
  }

  /// What a keyword's value should have been, where it is not.
  private static func fault(_ rule: Fact, _ kind: Kind) -> String? {
    switch kind {
    case .flag: return rule.bool == nil ? "true or false" : nil
    case .count:
      let isCount = rule.number.map { $0 >= 0 && $0 == $0.rounded() } ?? false
      return isCount ? nil : "a whole number, 0 or more"
    case .number: return rule.number == nil ? "a number" : nil
    case .text: return rule.text == nil ? "text" : nil
    case .texts: return rule.list?.allSatisfy { $0.text != nil } == true ? nil : "a list of names"
    case .values: return rule.list == nil ? "a list of values" : nil
    case .typeNames:
      let names = rule.list ?? [rule]
      let known = !names.isEmpty && names.allSatisfy { $0.text.map(types.contains) ?? false }
      return known ? nil : "one or a list of \(types.sorted().joined(separator: ", "))"
    default: return nil
    }
  }

  /// Whether the schema accepts a value; not beyond ``JSONSchemaCheck/stepLimit`` steps.
  func accepts(_ value: Fact) -> Bool {
    var check = JSONSchemaCheck(schema: self)
    return check.holds(root, value, depth: 0) && check.steps <= JSONSchemaCheck.stepLimit
  }
}
