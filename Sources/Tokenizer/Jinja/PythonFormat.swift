import Foundation

/// Python's two ways of putting values into a text.
enum PythonFormat {
  private static let maximumWidth = 100_000

  /// How one value is written: `[[fill]align][sign][0][width][,][.precision][type]`.
  struct Specification {
    var fill: Unicode.Scalar = " "
    /// `<`, `>`, `^`; nil where the kind of value decides.
    var align: Unicode.Scalar?
    var sign: Unicode.Scalar = "-"
    var width = 0
    var hasCommas = false
    var precision: Int?
    var type: Unicode.Scalar?
  }

  // MARK: "…" % values

  static func percent(_ format: String, _ value: JinjaValue, _ budget: inout JinjaBudget) throws
    -> String
  {
    var values = [value][...]
    if case .list(let list) = value, list.form == .tuple { values = list.elements[...] }
    var result = ""
    var rest = format.unicodeScalars[...]
    while let scalar = rest.popFirst() {
      guard scalar == "%" else {
        result.unicodeScalars.append(scalar)
        continue
      }
      if rest.first == "%" {
        rest.removeFirst()
        result += "%"
        continue
      }
      let specification = try percentSpecification(&rest)
      guard let value = values.popFirst() else {
        throw JinjaFault("the format has more places than there are values")
      }
      let text = try percent(value, specification)
      try budget.reserve(text.utf8.count)
      result += text
    }
    if !values.isEmpty, case .dictionary = value { return result }
    guard values.isEmpty else {
      throw JinjaFault("the format has fewer places than there are values")
    }
    return result
  }

  private static func percentSpecification(_ rest: inout Substring.UnicodeScalarView) throws
    -> Specification
  {
    var specification = Specification()
    while let flag = rest.first, "-+ 0#".unicodeScalars.contains(flag) {
      rest.removeFirst()
      switch flag {
      case "-": specification.align = "<"
      case "+", " ": specification.sign = flag
      case "0":
        if specification.align == nil { (specification.fill, specification.align) = ("0", "=") }
      default: throw JinjaFault.unsupported("\"#\" in a format")
      }
    }
    if specification.align == "<" { specification.fill = " " }
    specification.width = try number(&rest) ?? 0
    if rest.first == "." {
      rest.removeFirst()
      specification.precision = try number(&rest) ?? 0
    }
    guard let type = rest.popFirst(), "sradiufFeEgGxXoc".unicodeScalars.contains(type) else {
      throw JinjaFault.unsupported("this conversion in a format with %")
    }
    specification.type = type
    if specification.align == nil { specification.align = ">" }
    return specification
  }

  private static func percent(_ value: JinjaValue, _ specification: Specification) throws -> String {
    var specification = specification
    if case .undefined(let why) = value, specification.type != "s" {
      throw JinjaFault.undefined(why)
    }
    switch specification.type {
    case "s", "r", "a":
      let text = specification.type == "s" ? try value.text() : try value.representation()
      if specification.align == "=" { (specification.align, specification.fill) = (">", " ") }
      return padded(truncated(text, specification.precision), sign: "", specification)
    case "c":
      guard let text = value.string, text.unicodeScalars.count == 1 else {
        throw JinjaFault.unsupported("%c of \(value.kind)")
      }
      return padded(text, sign: "", specification)
    case "d", "i", "u":
      specification.type = "d"
      var value = value
      if case .double(let number) = value {
        guard let whole = Int(exactly: number.rounded(.towardZero)) else {
          throw JinjaFault("\(number) is no integer of 64 bits")
        }
        value = .int(whole)
      }
      return try numeric(value, specification)
    default: return try numeric(value, specification)
    }
  }

  // MARK: "…".format(values)

  static func braces(_ format: String, _ arguments: JinjaArguments, _ interpreter: JinjaInterpreter)
    throws -> String
  {
    var result = ""
    var automatic = 0
    var rest = format.unicodeScalars[...]
    while let scalar = rest.popFirst() {
      if scalar == "{" || scalar == "}", rest.first == scalar {
        rest.removeFirst()
        result.unicodeScalars.append(scalar)
      } else if scalar == "}" {
        throw JinjaFault("the format has a \"}\" without \"{\"")
      } else if scalar == "{" {
        guard let end = rest.firstIndex(of: "}") else {
          throw JinjaFault("the format has a \"{\" without \"}\"")
        }
        let field = String(rest[..<end])
        rest = rest[rest.index(after: end)...]
        let text = try replacement(field, arguments, &automatic)
        try interpreter.budget.reserve(text.utf8.count)
        result += text
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// The value of `name!conversion:specification`.
  private static func replacement(
    _ field: String, _ arguments: JinjaArguments, _ automatic: inout Int
  ) throws -> String {
    let parts = field.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let head = parts[0].split(separator: "!", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(head[0])
    guard !field.contains("{"), !name.contains("."), !name.contains("[") else {
      throw JinjaFault.unsupported("the field {\(field)} of .format()")
    }
    let found: JinjaValue?
    if name.isEmpty || Int(name) != nil {
      let index = Int(name) ?? automatic
      if name.isEmpty { automatic += 1 }
      found = arguments.positional.indices.contains(index) ? arguments.positional[index] : nil
    } else {
      found = arguments.named.first { $0.name == name }?.value
    }
    guard var value = found else { throw JinjaFault(".format() has no value for {\(field)}") }
    switch head.count > 1 ? String(head[1]) : "" {
    case "": break
    case "s": value = .string(try value.text())
    case "r": value = .string(try value.representation())
    default: throw JinjaFault.unsupported("the conversion of {\(field)}")
    }
    guard parts.count > 1, !parts[1].isEmpty else { return try value.text() }
    return try formatted(value, specification(String(parts[1])))
  }

  private static func specification(_ text: String) throws -> Specification {
    var rest = text.unicodeScalars[...]
    var specification = Specification()
    let aligns = "<>^=".unicodeScalars
    if rest.count > 1, aligns.contains(rest[rest.index(after: rest.startIndex)]) {
      specification.fill = rest.removeFirst()
      specification.align = rest.removeFirst()
    } else if let align = rest.first, aligns.contains(align) {
      specification.align = rest.removeFirst()
    }
    if let sign = rest.first, "+- ".unicodeScalars.contains(sign) {
      specification.sign = rest.removeFirst()
    }
    if rest.first == "0", specification.align == nil {
      rest.removeFirst()
      (specification.fill, specification.align) = ("0", "=")
    }
    specification.width = try number(&rest) ?? 0
    if rest.first == "," {
      rest.removeFirst()
      specification.hasCommas = true
    }
    if rest.first == "." {
      rest.removeFirst()
      specification.precision = try number(&rest)
    }
    specification.type = rest.popFirst()
    guard rest.isEmpty,
      specification.type.map({ "sdfFeEgGxXob%".unicodeScalars.contains($0) }) ?? true
    else {
      throw JinjaFault.unsupported("the specification \"\(text)\" of .format()")
    }
    return specification
  }

  private static func formatted(_ value: JinjaValue, _ specification: Specification) throws
    -> String
  {
    var specification = specification
    if value.number != nil, value.string == nil, specification.type != "s" {
      if specification.align == nil { specification.align = ">" }
      if case .bool = value, specification.type == nil {
        return padded(try value.text(), sign: "", specification)
      }
      return try numeric(value, specification)
    }
    guard specification.type == nil || specification.type == "s", specification.align != "=",
      value.string != nil || value.isNone
    else { throw JinjaFault("\(value.kind) does not fit its format") }
    return padded(truncated(try value.text(), specification.precision), sign: "", specification)
  }

  // MARK: Parts

  private static func number(_ rest: inout Substring.UnicodeScalarView) throws -> Int? {
    let digits = rest.prefix { ("0"..."9").contains($0) }
    guard !digits.isEmpty else { return nil }
    rest = rest[digits.endIndex...]
    guard let number = Int(String(digits)), number <= maximumWidth else {
      throw JinjaFault("a format takes widths up to \(maximumWidth)")
    }
    return number
  }

  private static func numeric(_ value: JinjaValue, _ specification: Specification) throws -> String {
    guard let number = value.number else {
      throw JinjaFault.expected("a number", for: "a format", found: value)
    }
    let isNegative = value.integer.map { $0 < 0 } ?? (number.sign == .minus)
    var digits: String
    switch (specification.type, value.integer) {
    case (nil, let integer?), ("d", let integer?): digits = String(integer.magnitude)
    case ("x", let integer?): digits = String(integer.magnitude, radix: 16)
    case ("X", let integer?): digits = String(integer.magnitude, radix: 16).uppercased()
    case ("o", let integer?): digits = String(integer.magnitude, radix: 8)
    case ("b", let integer?): digits = String(integer.magnitude, radix: 2)
    case (nil, nil) where specification.precision == nil: digits = PythonText.number(abs(number))
    case ("%", _):
      digits = String(format: "%.\(specification.precision ?? 6)f", abs(number) * 100) + "%"
    case (let type?, _) where "fFeEgG".unicodeScalars.contains(type):
      digits = String(format: "%.\(specification.precision ?? 6)\(type)", abs(number))
    default: throw JinjaFault("\(value.kind) does not fit its format")
    }
    if specification.hasCommas {
      let whole = digits.prefix { $0.isNumber }
      var grouped = ""
      for (index, digit) in whole.enumerated() {
        if index > 0, (whole.count - index).isMultiple(of: 3) { grouped += "," }
        grouped.append(digit)
      }
      digits = grouped + digits.dropFirst(whole.count)
    }
    let sign = isNegative ? "-" : specification.sign == "-" ? "" : String(specification.sign)
    return padded(digits, sign: sign, specification)
  }

  private static func truncated(_ text: String, _ precision: Int?) -> String {
    precision.map { String(text.unicodeScalars.prefix($0)) } ?? text
  }

  private static func padded(_ text: String, sign: String, _ specification: Specification) -> String {
    let missing = max(
      0, specification.width - text.unicodeScalars.count - sign.unicodeScalars.count)
    let fill = String(specification.fill)
    switch specification.align {
    case ">": return String(repeating: fill, count: missing) + sign + text
    case "=": return sign + String(repeating: fill, count: missing) + text
    case "^":
      return String(repeating: fill, count: missing / 2) + sign + text
        + String(repeating: fill, count: missing - missing / 2)
    default: return sign + text + String(repeating: fill, count: missing)
    }
  }

  /// `str.center`
  static func centered(_ text: String, _ width: Int, _ fill: String) -> String {
    let missing = max(0, width - text.unicodeScalars.count)
    let left = missing / 2 + (missing & width & 1)
    return String(repeating: fill, count: left) + text
      + String(repeating: fill, count: missing - left)
  }
}
