extension JinjaFilters {
  static let sequences = table(
    filter("first") { value, _, interpreter in
      try interpreter.elements(of: value, isWhole: false).first
        ?? .undefined(JinjaUndefined("No first item, sequence was empty."))
    },
    filter("last") { value, _, interpreter in
      if case .list(let list) = value, list.form == .iterator {
        throw JinjaFault("an iterator has no last element")
      }
      return try interpreter.elements(of: value).last
        ?? .undefined(JinjaUndefined("No last item, sequence was empty."))
    },
    filter("list") { value, _, interpreter in try .list(interpreter.elements(of: value)) },
    filter("items") { value, _, _ in
      switch value {
      case .undefined: return try .list([], .iterator)
      case .dictionary(let dictionary): return try .list(pairs(dictionary), .iterator)
      default: throw JinjaFault("the filter \"items\" expected a dictionary, found \(value.kind)")
      }
    },
    filter("join", ["d", "attribute"]) { value, arguments, interpreter in
      let separator = try arguments[0].map { try interpreter.text($0) } ?? ""
      let attribute = try arguments[1].flatMap { $0.isNone ? nil : try JinjaAttribute($0) }
      var texts: [String] = []
      var length = 0
      for element in try interpreter.elements(of: value) {
        let text = try interpreter.text(try attribute?.value(of: element, interpreter) ?? element)
        length = length.addingSaturating(text.utf8.count).addingSaturating(separator.utf8.count)
        texts.append(text)
      }
      try interpreter.budget.reserve(length)
      return .string(texts.joined(separator: separator))
    },
    filter("reverse") { value, _, interpreter in
      if let text = value.string {
        var reversed = String.UnicodeScalarView()
        reversed.append(contentsOf: text.unicodeScalars.reversed())
        return .string(String(reversed))
      }
      return try .list(interpreter.elements(of: value).reversed(), .iterator)
    },
    filter("batch", ["linecount", "fill_with"]) { value, arguments, interpreter in
      guard let size = arguments[0]?.integer, size > 0 else {
        throw JinjaFault("the filter \"batch\" expected a size")
      }
      let elements = try interpreter.elements(of: value)
      var batches = stride(from: 0, to: elements.count, by: size).map {
        Array(elements[$0..<min(elements.count, $0 + size)])
      }
      if let fill = arguments[1], !fill.isNone, let last = batches.last, last.count < size {
        try interpreter.budget.reserve(16, times: size)
        batches[batches.count - 1] += Array(repeating: fill, count: size - last.count)
      }
      return try .list(batches.map { try .list($0) }, .iterator)
    },
    filter("slice", ["slices", "fill_with"]) { value, arguments, interpreter in
      guard let count = arguments[0]?.integer, count > 0 else {
        throw JinjaFault("the filter \"slice\" expected a count")
      }
      let elements = try interpreter.elements(of: value)
      try interpreter.budget.reserve(32, times: count)
      let (size, extra) = elements.count.quotientAndRemainder(dividingBy: count)
      return try .list(
        (0..<count).map { index in
          let start = index * size + min(index, extra)
          var part = Array(elements[start..<start + size + (index < extra ? 1 : 0)])
          if let fill = arguments[1], !fill.isNone, index >= extra { part.append(fill) }
          return try .list(part)
        }, .iterator)
    }
  )

  /// The keys of a dictionary with their values.
  static func pairs(_ dictionary: JinjaDictionary) throws -> [JinjaValue] {
    try dictionary.members.map { try .list([$0.key, $0.value], .tuple) }
  }
}

/// What `attribute='a.b.0'` names: members of members.
struct JinjaAttribute {
  private let parts: [JinjaValue]

  init(_ value: JinjaValue) throws {
    if let number = value.integer {
      self.init([.int(number)])
    } else if let text = value.string {
      self.init(text)
    } else {
      throw JinjaFault.expected("a name", for: "an attribute", found: value)
    }
  }

  private init(_ parts: [JinjaValue]) { self.parts = parts }

  private init(_ text: String) {
    self.parts = text.split(separator: ".", omittingEmptySubsequences: false).map { part in
      part.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        ? Int(part).map { .int($0) } ?? .string(String(part)) : .string(String(part))
    }
  }

  /// `sort(attribute='a,b')`: by a, then by b.
  static func several(_ value: JinjaValue) throws -> [JinjaAttribute] {
    guard let text = value.string else { return [try JinjaAttribute(value)] }
    return text.split(separator: ",", omittingEmptySubsequences: false).map {
      JinjaAttribute(String($0))
    }
  }

  func value(of base: JinjaValue, _ interpreter: JinjaInterpreter) throws -> JinjaValue {
    try parts.reduce(base) { try interpreter.item($1, of: $0) }
  }
}
