enum JinjaStringMethods {
  typealias Method = @Sendable (String, JinjaArguments, JinjaInterpreter) throws -> JinjaValue

  static let table: [String: Method] = {
    var table: [String: Method] = [:]
    for group in [
      mappings, predicates, strips, affixes, splits, finds, removals, partitions, paddings, others,
    ] {
      for (name, method) in group { table[name] = method }
    }
    return table
  }()

  private static func method(
    _ name: String, _ parameters: [String] = [],
    _ body: @escaping @Sendable (String, [JinjaValue?], JinjaInterpreter) throws -> JinjaValue
  ) -> (String, Method) {
    (
      name,
      { text, arguments, interpreter in
        try body(text, try arguments.bound(to: parameters, for: ".\(name)()"), interpreter)
      }
    )
  }

  private static func mapping(_ name: String, _ body: @escaping @Sendable (String) -> String) -> (
    String, Method
  ) {
    method(name) { text, _, _ in .string(body(text)) }
  }

  private static let mappings: [(String, Method)] = [
    mapping("upper", PythonText.uppercased), mapping("lower", PythonText.lowercased),
    mapping("title", PythonText.titlecased), mapping("capitalize", PythonText.capitalized),
  ]

  private static func predicate(
    _ name: String, _ holds: @escaping @Sendable (Unicode.Scalar) -> Bool
  ) -> (String, Method) {
    method(name) { text, _, _ in .bool(!text.isEmpty && text.unicodeScalars.allSatisfy(holds)) }
  }

  private static let predicates: [(String, Method)] = [
    predicate("isspace", JinjaSource.isSpace),
    predicate("isdigit") {
      $0.properties.numericType == .decimal || $0.properties.numericType == .digit
    },
    predicate("isalpha", isLetter),
    predicate("isalnum") { isLetter($0) || $0.properties.numericType != nil },
    method("isupper") { text, _, _ in
      .bool(PythonText.hasCase(text) && PythonText.uppercased(text) == text)
    },
    method("islower") { text, _, _ in
      .bool(PythonText.hasCase(text) && PythonText.lowercased(text) == text)
    },
  ]

  private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
    default: false
    }
  }

  private static let strips: [(String, Method)] = [
    ("strip", PythonText.Side.both), ("lstrip", .left), ("rstrip", .right),
  ]
  .map { (name: String, side: PythonText.Side) in
    method(name, ["chars"]) { text, arguments, _ in
      .string(PythonText.stripped(text, side, characters: try optional(arguments[0], ".\(name)()")))
    }
  }

  private static let affixes: [(String, Method)] = [("startswith", true), ("endswith", false)]
    .map { (name: String, atStart: Bool) in
      method(name, ["affix", "start"]) { text, arguments, _ in
        .bool(try hasAffix(text, arguments, atStart: atStart, ".\(name)()"))
      }
    }

  private static let splits: [(String, Method)] = [("split", false), ("rsplit", true)]
    .map { (name: String, fromEnd: Bool) in
      method(name, ["sep", "maxsplit"]) { text, arguments, interpreter in
        let parts = try split(text, arguments, fromEnd: fromEnd, ".\(name)()")
        try interpreter.budget.touch(parts.count * 16)
        return try .list(parts.map { .string($0) })
      }
    }

  private static let finds: [(String, Method)] = [
    ("find", false), ("rfind", true), ("index", false), ("rindex", true),
  ]
  .map { (name: String, fromEnd: Bool) in
    method(name, ["sub"]) { text, arguments, _ in
      let place = find(try needed(arguments[0], ".\(name)()"), in: text, fromEnd: fromEnd)
      guard place >= 0 || name.hasSuffix("find") else {
        throw JinjaFault(".\(name)() did not find the text")
      }
      return .int(place)
    }
  }

  private static let removals: [(String, Method)] = [
    ("removeprefix", true), ("removesuffix", false),
  ]
  .map { (name: String, atStart: Bool) in
    method(name, ["affix"]) { text, arguments, _ in
      let affix = try needed(arguments[0], ".\(name)()")
      guard atStart ? starts(text, affix) : ends(text, affix) else { return .string(text) }
      let count = affix.unicodeScalars.count
      return .string(
        String(atStart ? text.unicodeScalars.dropFirst(count) : text.unicodeScalars.dropLast(count))
      )
    }
  }

  private static let partitions: [(String, Method)] = [("partition", false), ("rpartition", true)]
    .map { (name: String, fromEnd: Bool) in
      method(name, ["sep"]) { text, arguments, _ in
        let separator = try needed(arguments[0], ".\(name)()")
        guard !separator.isEmpty else { throw JinjaFault("the separator of .\(name)() is empty") }
        let parts =
          fromEnd
          ? PythonText.splitFromEnd(text, by: separator, limit: 1)
          : PythonText.split(text, by: separator, limit: 1)
        let all =
          parts.count == 2
          ? [parts[0], separator, parts[1]] : fromEnd ? ["", "", text] : [text, "", ""]
        return try .list(all.map { .string($0) }, .tuple)
      }
    }

  private static let paddings: [(String, Method)] = [("ljust", 0), ("rjust", 1), ("center", 2)]
    .map { (name: String, side: Int) in
      method(name, ["width", "fillchar"]) { text, arguments, interpreter in
        let width = try interpreter.width(arguments[0], otherwise: 0)
        let fill = try optional(arguments[1], ".\(name)()") ?? " "
        guard fill.unicodeScalars.count == 1 else {
          throw JinjaFault(".\(name)() expected one character to fill with")
        }
        try interpreter.budget.reserve(4, times: width)
        let padding = String(repeating: fill, count: max(0, width - text.unicodeScalars.count))
        return .string(
          side == 0
            ? text + padding : side == 1 ? padding + text : PythonFormat.centered(text, width, fill)
        )
      }
    }

  private static let others: [(String, Method)] = [
    method("replace", ["old", "new", "count"]) { text, arguments, interpreter in
      let (old, new) = (
        try needed(arguments[0], ".replace()"), try needed(arguments[1], ".replace()")
      )
      return .string(try interpreter.replaced(text, old, new, count: arguments[2]))
    },
    method("count", ["sub"]) { text, arguments, _ in
      .int(PythonText.count(try needed(arguments[0], ".count()"), in: text))
    },
    method("splitlines", ["keepends"]) { text, arguments, _ in
      try .list(
        PythonText.lines(text, keepingEnds: arguments[0]?.isTrue ?? false).map { .string($0) })
    },
    method("zfill", ["width"]) { text, arguments, interpreter in
      let width = try interpreter.width(arguments[0], otherwise: 0)
      let zeros = String(repeating: "0", count: max(0, width - text.unicodeScalars.count))
      guard let sign = text.unicodeScalars.first, sign == "-" || sign == "+" else {
        return .string(zeros + text)
      }
      return .string(String(sign) + zeros + String(text.unicodeScalars.dropFirst()))
    },
    method("join", ["iterable"]) { text, arguments, interpreter in
      guard let list = arguments[0] else { throw JinjaFault(".join() expected a list") }
      let parts = try interpreter.elements(of: list).map { try needed($0, ".join()") }
      try interpreter.budget.reserve(
        parts.reduce(0) { $0.addingSaturating($1.utf8.count).addingSaturating(text.utf8.count) })
      return .string(parts.joined(separator: text))
    },
    (
      "format",
      { text, arguments, interpreter in
        .string(try PythonFormat.braces(text, arguments, interpreter))
      }
    ),
  ]

  // MARK: Arguments

  private static func needed(_ value: JinjaValue?, _ callee: String) throws -> String {
    guard let value else { throw JinjaFault("\(callee) expected a string, found no argument") }
    guard let text = value.string else {
      throw JinjaFault.expected("a string", for: callee, found: value)
    }
    return text
  }

  private static func optional(_ value: JinjaValue?, _ callee: String) throws -> String? {
    guard let value, !value.isNone else { return nil }
    return try needed(value, callee)
  }

  private static func starts(_ text: String, _ affix: String) -> Bool {
    text.utf8.starts(with: affix.utf8)
  }

  private static func ends(_ text: String, _ affix: String) -> Bool {
    text.utf8.count >= affix.utf8.count
      && text.utf8.suffix(affix.utf8.count).elementsEqual(affix.utf8)
  }

  /// One affix, or several in a tuple, any of which will do.
  private static func hasAffix(
    _ text: String, _ arguments: [JinjaValue?], atStart: Bool, _ callee: String
  ) throws -> Bool {
    var text = text
    if let start = arguments[1] {
      guard atStart, let skipped = start.integer, skipped >= 0 else {
        throw JinjaFault.unsupported("the place given to \(callee)")
      }
      text = String(text.unicodeScalars.dropFirst(skipped))
    }
    if case .list(let several)? = arguments[0], several.form == .tuple {
      return try several.elements.contains {
        try atStart ? starts(text, needed($0, callee)) : ends(text, needed($0, callee))
      }
    }
    let affix = try needed(arguments[0], callee)
    return atStart ? starts(text, affix) : ends(text, affix)
  }

  private static func split(
    _ text: String, _ arguments: [JinjaValue?], fromEnd: Bool, _ callee: String
  ) throws -> [String] {
    var limit: Int?
    if let value = arguments[1] {
      guard let number = value.integer else {
        throw JinjaFault.expected("a number", for: callee, found: value)
      }
      limit = number < 0 ? nil : number
    }
    guard let separator = try optional(arguments[0], callee) else {
      if fromEnd, limit != nil {
        throw JinjaFault.unsupported("a limit of .rsplit() at white space")
      }
      return PythonText.words(text, limit: limit)
    }
    guard !separator.isEmpty else { throw JinjaFault("the separator of \(callee) is empty") }
    return fromEnd
      ? PythonText.splitFromEnd(text, by: separator, limit: limit)
      : PythonText.split(text, by: separator, limit: limit)
  }

  /// The place of a part in scalars, or -1.
  private static func find(_ part: String, in text: String, fromEnd: Bool) -> Int {
    let bytes = fromEnd ? Array(text.utf8.reversed()) : Array(text.utf8)
    let sought = fromEnd ? Array(part.utf8.reversed()) : Array(part.utf8)
    guard let range = PythonText.firstRange(of: sought, in: bytes, from: 0) else { return -1 }
    let start = fromEnd ? bytes.count - range.upperBound : range.lowerBound
    return text.utf8.prefix(start).reduce(0) { $0 + ($1 & 0xC0 != 0x80 ? 1 : 0) }
  }
}
