/// Filters that compare elements. Strings are compared without regard to case unless `case_sensitive` says so.
extension JinjaFilters {
  static let orders = table(
    filter("sort", ["reverse", "case_sensitive", "attribute"]) { value, arguments, interpreter in
      let attributes =
        try arguments[2].flatMap { $0.isNone ? nil : try JinjaAttribute.several($0) } ?? []
      let folds = !(arguments[1]?.isTrue ?? false)
      let keyed = try interpreter.elements(of: value).map { element in
        let keys = try attributes.map { folded(try $0.value(of: element, interpreter), folds) }
        return (key: attributes.isEmpty ? folded(element, folds) : try .list(keys), value: element)
      }
      return try .list(try sorted(keyed, isReversed: arguments[0]?.isTrue ?? false, interpreter))
    },
    filter("dictsort", ["case_sensitive", "by", "reverse"]) { value, arguments, interpreter in
      guard case .dictionary(let dictionary) = value else {
        throw JinjaFault.expected("a dictionary", for: "the filter \"dictsort\"", found: value)
      }
      let by = arguments[1]?.string ?? "key"
      guard by == "key" || by == "value" else {
        throw JinjaFault("dictsort sorts by \"key\" or \"value\", not by \"\(by)\"")
      }
      let folds = !(arguments[0]?.isTrue ?? false)
      let keyed = try dictionary.members.map { member in
        (
          key: folded(by == "key" ? member.key : member.value, folds),
          value: try JinjaValue.list([member.key, member.value], .tuple)
        )
      }
      return try .list(try sorted(keyed, isReversed: arguments[2]?.isTrue ?? false, interpreter))
    },
    filter("min", ["case_sensitive", "attribute"]) { try extreme($0, $1, $2, takesLargest: false) },
    filter("max", ["case_sensitive", "attribute"]) { try extreme($0, $1, $2, takesLargest: true) },
    filter("unique", ["case_sensitive", "attribute"]) { value, arguments, interpreter in
      let attribute = try arguments[1].flatMap { $0.isNone ? nil : try JinjaAttribute($0) }
      let folds = !(arguments[0]?.isTrue ?? false)
      var seen: Set<JinjaKey> = []
      return try .list(
        try interpreter.elements(of: value).filter { element in
          let key = folded(try attribute?.value(of: element, interpreter) ?? element, folds)
          try interpreter.budget.touch(key.weight)
          return seen.insert(try JinjaKey(key)).inserted
        }, .iterator)
    },
    filter("groupby", ["attribute", "default", "case_sensitive"]) { value, arguments, interpreter in
      guard let attribute = try arguments[0].map({ try JinjaAttribute($0) }) else {
        throw JinjaFault("the filter \"groupby\" expected an attribute")
      }
      let folds = !(arguments[2]?.isTrue ?? false)
      let keyed = try interpreter.elements(of: value).map {
        element -> (key: JinjaValue, value: JinjaValue) in
        let found = try attribute.value(of: element, interpreter)
        let key = found.isUndefined ? arguments[1] ?? found : found
        return (folded(key, folds), try .list([key, element]))
      }
      return try .list(try groups(try sortedPairs(keyed, interpreter)))
    }
  )

  /// Neighbours with equal keys as pairs of the first one's key and a list.
  private static func groups(_ pairs: [(key: JinjaValue, value: JinjaValue)]) throws -> [JinjaValue] {
    var groups: [(key: JinjaValue, name: JinjaValue, elements: [JinjaValue])] = []
    for pair in pairs {
      guard case .list(let named) = pair.value else { continue }
      if let last = groups.last, last.key.equals(pair.key) {
        groups[groups.count - 1].elements.append(named.elements[1])
      } else {
        groups.append((pair.key, named.elements[0], [named.elements[1]]))
      }
    }
    return try groups.map { try .list([$0.name, try .list($0.elements)], .group) }
  }

  private static func folded(_ value: JinjaValue, _ folds: Bool) -> JinjaValue {
    guard folds, let text = value.string else { return value }
    return .string(PythonText.lowercased(text))
  }

  private static func sorted(
    _ keyed: [(key: JinjaValue, value: JinjaValue)], isReversed: Bool,
    _ interpreter: JinjaInterpreter
  ) throws -> [JinjaValue] {
    // Python's sort is stable also in reverse: equal elements keep their order.
    guard isReversed else { return try sortedPairs(keyed, interpreter).map(\.value) }
    return try sortedPairs(keyed.reversed(), interpreter).reversed().map(\.value)
  }

  private static func sortedPairs(
    _ keyed: [(key: JinjaValue, value: JinjaValue)], _ interpreter: JinjaInterpreter
  ) throws -> [(key: JinjaValue, value: JinjaValue)] {
    try keyed.enumerated().sorted { a, b in
      if try interpreter.compare("<", a.element.key, b.element.key) { return true }
      return a.offset < b.offset
        ? try !interpreter.compare("<", b.element.key, a.element.key) : false
    }.map(\.element)
  }

  private static func extreme(
    _ value: JinjaValue, _ arguments: [JinjaValue?], _ interpreter: JinjaInterpreter,
    takesLargest: Bool
  ) throws -> JinjaValue {
    let attribute = try arguments[1].flatMap { $0.isNone ? nil : try JinjaAttribute($0) }
    let folds = !(arguments[0]?.isTrue ?? false)
    var best: (key: JinjaValue, value: JinjaValue)?
    for element in try interpreter.elements(of: value) {
      let key = folded(try attribute?.value(of: element, interpreter) ?? element, folds)
      if let best, try !interpreter.compare(takesLargest ? ">" : "<", key, best.key) { continue }
      best = (key, element)
    }
    return best?.value ?? .undefined(JinjaUndefined("No aggregated item, sequence was empty."))
  }
}
