/// One check of a value against a schema. Its steps are bounded, so that neither a schema that refers to itself nor one
/// whose branches multiply can stop a run: what is not decided by then is not accepted.
struct JSONSchemaCheck {
  let schema: JSONSchema
  private(set) var steps = 0

  /// Schemas applied and values compared.
  static let stepLimit = 2_000_000
  /// Of schemas in schemas and values in values together.
  static let depthLimit = 400

  init(schema: JSONSchema) { self.schema = schema }

  mutating func holds(_ rules: Fact, _ value: Fact, depth: Int) -> Bool {
    steps += 1
    guard depth < Self.depthLimit, steps <= Self.stepLimit else {
      steps = Self.stepLimit + 1
      return false
    }
    guard case .object(let members) = rules else { return rules.bool ?? false }
    for (keyword, rule) in members {
      let holds =
        switch value {
        case .number(let number): Self.holds(keyword, rule, number)
        case .text(let text): self.holds(keyword, rule, text)
        case .list(let list): self.holds(keyword, rule, list, rules, depth)
        case .object(let object): self.holds(keyword, rule, object, value, rules, depth)
        case .null, .bool: true
        }
      guard holds, general(keyword, rule, value, rules, depth) else { return false }
    }
    return true
  }

  /// The keywords that apply to values of every type.
  private mutating func general(_ keyword: String, _ rule: Fact, _ value: Fact, _ rules: Fact, _ depth: Int) -> Bool {
    switch keyword {
    case "type": return (rule.list ?? [rule]).contains { Self.isOf(type: $0.text ?? "", value) }
    case "const": return equal(rule, value)
    case "enum":
      for choice in rule.list ?? [] where equal(choice, value) { return true }
      return false
    case "$ref": return holds(schema.targets[rule.text ?? ""] ?? .bool(false), value, depth: depth + 1)
    case "not":
      let inner = holds(rule, value, depth: depth + 1)
      return !inner
    case "allOf", "anyOf", "oneOf":
      var count = 0
      let branches = rule.list ?? []
      for branch in branches where holds(branch, value, depth: depth + 1) { count += 1 }
      return keyword == "allOf" ? count == branches.count : (keyword == "anyOf" ? count > 0 : count == 1)
    case "if":
      let branch = holds(rule, value, depth: depth + 1) ? rules["then"] : rules["else"]
      guard let branch else { return true }
      return holds(branch, value, depth: depth + 1)
    default: return true
    }
  }

  private static func isOf(type: String, _ value: Fact) -> Bool {
    switch value {
    case .null: type == "null"
    case .bool: type == "boolean"
    case .number(let number): type == "number" || (type == "integer" && number == number.rounded() && number.isFinite)
    case .text: type == "string"
    case .list: type == "array"
    case .object: type == "object"
    }
  }

  private static func holds(_ keyword: String, _ rule: Fact, _ value: Double) -> Bool {
    guard let bound = rule.number else { return true }
    switch keyword {
    case "minimum": return value >= bound
    case "maximum": return value <= bound
    case "exclusiveMinimum": return value > bound
    case "exclusiveMaximum": return value < bound
    case "multipleOf":
      let quotient = value / bound
      return quotient.isFinite && (quotient - quotient.rounded()).magnitude <= 1e-9 * max(1, quotient.magnitude)
    default: return true
    }
  }

  private func holds(_ keyword: String, _ rule: Fact, _ value: String) -> Bool {
    switch keyword {
    case "minLength": return Double(value.unicodeScalars.count) >= rule.number ?? 0
    case "maxLength": return Double(value.unicodeScalars.count) <= rule.number ?? 0
    case "pattern": return schema.patterns[rule.text ?? ""]?.firstMatch(in: Array(value.utf8)) != nil
    default: return true
    }
  }

  private mutating func holds(_ keyword: String, _ rule: Fact, _ list: [Fact], _ rules: Fact, _ depth: Int) -> Bool {
    switch keyword {
    case "minItems": return Double(list.count) >= rule.number ?? 0
    case "maxItems": return Double(list.count) <= rule.number ?? 0
    case "uniqueItems": return rule.bool != true || areDistinct(list)
    case "prefixItems":
      for (inner, item) in zip(rule.list ?? [], list) where !holds(inner, item, depth: depth + 1) { return false }
      return true
    case "items":
      for item in list.dropFirst(rules["prefixItems"]?.list?.count ?? 0) where !holds(rule, item, depth: depth + 1) {
        return false
      }
      return true
    case "contains":
      var count = 0.0
      for item in list where holds(rule, item, depth: depth + 1) { count += 1 }
      return count >= rules["minContains"]?.number ?? 1 && count <= rules["maxContains"]?.number ?? .infinity
    default: return true
    }
  }

  private mutating func holds(
    _ keyword: String, _ rule: Fact, _ members: [(key: String, value: Fact)], _ value: Fact, _ rules: Fact, _ depth: Int
  ) -> Bool {
    switch keyword {
    case "minProperties": return Double(members.count) >= rule.number ?? 0
    case "maxProperties": return Double(members.count) <= rule.number ?? 0
    case "required": return (rule.list ?? []).allSatisfy { value[$0.text ?? ""] != nil }
    case "propertyNames":
      for member in members where !holds(rule, .text(member.key), depth: depth + 1) { return false }
      return true
    case "properties":
      for member in members {
        if let inner = rule[member.key], !holds(inner, member.value, depth: depth + 1) { return false }
      }
      return true
    case "patternProperties":
      guard case .object(let table) = rule else { return true }
      for member in members {
        for (pattern, inner) in table where matches(pattern, member.key) {
          guard holds(inner, member.value, depth: depth + 1) else { return false }
        }
      }
      return true
    case "additionalProperties":
      var patterns: [String] = []
      if case .object(let table) = rules["patternProperties"] ?? .null { patterns = table.map(\.key) }
      for member in members where rules["properties"]?[member.key] == nil {
        if patterns.contains(where: { matches($0, member.key) }) { continue }
        guard holds(rule, member.value, depth: depth + 1) else { return false }
      }
      return true
    default: return true
    }
  }

  private func matches(_ pattern: String, _ key: String) -> Bool {
    schema.patterns[pattern]?.firstMatch(in: Array(key.utf8)) != nil
  }

  /// Pairs are compared: lists of thousands of values run into the limit of steps.
  private mutating func areDistinct(_ list: [Fact]) -> Bool {
    for (index, item) in list.enumerated() {
      for other in list[..<index] where equal(item, other) || steps > Self.stepLimit { return false }
    }
    return true
  }

  /// Equal as JSON: the order of members does not count.
  private mutating func equal(_ a: Fact, _ b: Fact) -> Bool {
    steps += 1
    guard steps <= Self.stepLimit else { return false }
    switch (a, b) {
    case (.list(let left), .list(let right)):
      guard left.count == right.count else { return false }
      for (x, y) in zip(left, right) where !equal(x, y) { return false }
      return true
    case (.object(let left), .object(let right)):
      guard left.count == right.count else { return false }
      for member in left {
        steps += right.count
        guard steps <= Self.stepLimit, let other = b[member.key], equal(member.value, other) else { return false }
      }
      return true
    default: return a == b
    }
  }
}
