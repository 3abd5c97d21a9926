extension JinjaFilters {
  /// A filter of the text of any value, without arguments.
  private static func mapping(_ name: String, _ body: @escaping @Sendable (String) -> String) -> (
    String, Filter
  ) {
    filter(name) { value, _, interpreter in .string(body(try interpreter.text(value))) }
  }

  static let texts = table(
    mapping("upper", PythonText.uppercased),
    mapping("lower", PythonText.lowercased),
    mapping("capitalize", PythonText.capitalized),
    mapping("title", PythonText.filterTitlecased),
    filter("trim", ["chars"]) { value, arguments, interpreter in
      let characters = try arguments[0].flatMap { $0.isNone ? nil : try interpreter.text($0) }
      return .string(
        PythonText.stripped(try interpreter.text(value), .both, characters: characters))
    },
    filter("replace", ["old", "new", "count"]) { value, arguments, interpreter in
      guard let old = arguments[0], let new = arguments[1] else {
        throw JinjaFault("the filter \"replace\" expected a text and its replacement")
      }
      return .string(
        try interpreter.replaced(
          try interpreter.text(value), try interpreter.text(old), try interpreter.text(new),
          count: arguments[2]))
    },
    filter("escape") { value, _, interpreter in
      if case .markup = value { return value }
      let text = try interpreter.text(value)
      try interpreter.budget.reserve(text.utf8.count, times: 5)
      return .markup(
        ["&": "&amp;", "<": "&lt;", ">": "&gt;", "'": "&#39;", "\"": "&#34;"].sorted {
          $0.key == "&" && $1.key != "&"
        }
        .reduce(text) { PythonText.replaced($0, $1.key, by: $1.value, limit: nil) })
    },
    filter("wordcount") { value, _, interpreter in
      let isWord = { (scalar: Unicode.Scalar) in
        scalar == "_" || scalar.properties.isAlphabetic || scalar.properties.numericType != nil
      }
      let scalars = try interpreter.text(value).unicodeScalars
      return .int(scalars.split(whereSeparator: { !isWord($0) }).count)
    },
    filter("center", ["width"]) { value, arguments, interpreter in
      let width = try interpreter.width(arguments[0], otherwise: 80)
      return .string(PythonFormat.centered(try interpreter.text(value), width, " "))
    },
    filter("indent", ["width", "first", "blank"]) { value, arguments, interpreter in
      .string(try indented(try interpreter.text(value), arguments, interpreter))
    },
    filter("truncate", ["length", "killwords", "end", "leeway"]) { value, arguments, interpreter in
      let length = try interpreter.width(arguments[0], otherwise: 255)
      let end = try arguments[2].map { try interpreter.text($0) } ?? "..."
      let leeway = try interpreter.width(
        arguments[3].flatMap { $0.isNone ? nil : $0 }, otherwise: 5)
      let text = try interpreter.text(value)
      guard length >= end.unicodeScalars.count else {
        throw JinjaFault("truncate expected a length of at least the end's")
      }
      if text.unicodeScalars.count <= length + leeway { return .string(text) }
      let kept = String(text.unicodeScalars.prefix(length - end.unicodeScalars.count))
      if arguments[1]?.isTrue ?? false { return .string(kept + end) }
      let parts = PythonText.splitFromEnd(kept, by: " ", limit: 1)
      return .string(parts[0] + end)
    },
    (
      "format",
      { value, arguments, interpreter in
        let format = try interpreter.text(value)
        if !arguments.named.isEmpty {
          throw JinjaFault.unsupported("named arguments of the filter \"format\"")
        }
        return .string(
          try PythonFormat.percent(format, .list(arguments.positional, .tuple), &interpreter.budget)
        )
      }
    )
  )

  private static func indented(
    _ text: String, _ arguments: [JinjaValue?], _ interpreter: JinjaInterpreter
  ) throws -> String {
    var indent = arguments[0]?.string
    if indent == nil {
      indent = String(repeating: " ", count: try interpreter.width(arguments[0], otherwise: 4))
    }
    guard let indent else { return text }
    let isFirst = arguments[1]?.isTrue ?? false
    let isBlank = arguments[2]?.isTrue ?? false
    // Jinja adds a line end first, which ends what would else be a last line without one.
    var lines = PythonText.lines(text + "\n", keepingEnds: false)
    try interpreter.budget.reserve(indent.utf8.count + 1, times: lines.count + text.utf8.count)
    for index in lines.indices.dropFirst(isFirst ? 0 : 1)
    where isBlank || index == 0 || !lines[index].isEmpty {
      lines[index] = indent + lines[index]
    }
    return lines.joined(separator: "\n")
  }
}

extension JinjaInterpreter {
  /// `replace`, whose result is measured before it is made.
  func replaced(_ text: String, _ old: String, _ new: String, count: JinjaValue?) throws -> String {
    var limit: Int?
    if let count, !count.isNone {
      guard let number = count.integer else {
        throw JinjaFault.expected("a count", for: "replace", found: count)
      }
      limit = number < 0 ? nil : number
    }
    try budget.touch(text.utf8.count)
    let (growth, overflow) = new.utf8.count.multipliedReportingOverflow(
      by: PythonText.count(old, in: text))
    try budget.reserve(overflow ? .max : text.utf8.count.addingSaturating(growth))
    return PythonText.replaced(text, old, by: new, limit: limit)
  }

  /// A width that a text is brought to.
  func width(_ value: JinjaValue?, otherwise: Int) throws -> Int {
    guard let value else { return otherwise }
    guard let width = value.integer else {
      throw JinjaFault("expected a width, found \(value.kind)")
    }
    try budget.reserve(max(0, width))
    return max(0, width)
  }
}
