import Formats

extension JinjaValue {
  /// Python's `str`, which is what `{{ … }}` prints.
  ///
  /// - Throws: `JinjaFault` for what prints with an address of memory in Python, such as a function.
  func text() throws -> String {
    switch self {
    case .undefined: ""
    case .string(let value), .markup(let value): value
    default: try representation()
    }
  }

  /// Python's `repr`. Its cost is in proportion to `weight`.
  func representation() throws -> String {
    var result = ""
    try write(to: &result)
    return result
  }

  private func write(to result: inout String) throws {
    switch self {
    case .undefined: result += "Undefined"
    case .none: result += "None"
    case .bool(let value): result += value ? "True" : "False"
    case .int(let value): result += String(value)
    case .double(let value): result += PythonText.number(value)
    case .string(let value): result += PythonText.quoted(value)
    case .markup(let value): result += "Markup(\(PythonText.quoted(value)))"
    case .list(let list): try Self.write(list, to: &result)
    case .dictionary(let dictionary):
      result += "{"
      for (index, member) in dictionary.members.enumerated() {
        if index > 0 { result += ", " }
        try member.key.write(to: &result)
        result += ": "
        try member.value.write(to: &result)
      }
      result += "}"
    case .namespace, .loop, .callable: throw JinjaFault.unsupported("printing \(kind)")
    }
  }

  private static func write(_ list: JinjaList, to result: inout String) throws {
    func elements() throws {
      for (index, element) in list.elements.enumerated() {
        if index > 0 { result += ", " }
        try element.write(to: &result)
      }
    }
    switch list.form {
    case .list:
      result += "["
      try elements()
      result += "]"
    case .tuple, .group:
      result += "("
      try elements()
      result += list.elements.count == 1 ? ",)" : ")"
    case .view(let name):
      result += "\(name)(["
      try elements()
      result += "])"
    case .range, .iterator: throw JinjaFault.unsupported("printing \(list.form.kind) (add | list)")
    }
  }
}

extension PythonText {
  /// Python's `repr` of a float: the shortest digits that read back as the same number, with an exponent from 1e16 and
  /// below 1e-4.
  static func number(_ value: Double) -> String {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    if value == 0 { return value.sign == .minus ? "-0.0" : "0.0" }
    let (digits, exponent) = shortestDigits(abs(value))
    let sign = value < 0 ? "-" : ""
    if exponent < -4 || exponent >= 16 {
      let fraction = digits.count > 1 ? "." + digits.dropFirst() : ""
      let magnitude = abs(exponent) < 10 ? "0\(abs(exponent))" : "\(abs(exponent))"
      return "\(sign)\(digits.prefix(1))\(fraction)e\(exponent < 0 ? "-" : "+")\(magnitude)"
    }
    if exponent < 0 { return "\(sign)0.\(String(repeating: "0", count: -exponent - 1))\(digits)" }
    let padded = digits + String(repeating: "0", count: max(0, exponent + 1 - digits.count))
    let fraction = padded.dropFirst(exponent + 1)
    return "\(sign)\(padded.prefix(exponent + 1)).\(fraction.isEmpty ? "0" : fraction)"
  }

  /// The significant digits of a positive number, and the power of ten of the first one.
  private static func shortestDigits(_ value: Double) -> (digits: String, exponent: Int) {
    let parts = value.description.split(separator: "e")
    let mantissa = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    let whole = String(mantissa[0])
    let fraction = mantissa.count > 1 ? String(mantissa[1]) : ""
    let all = whole + fraction
    let leading = all.prefix { $0 == "0" }.count
    let significant = all.dropFirst(leading)
    let trailing = significant.reversed().prefix { $0 == "0" }.count
    let exponent = (parts.count > 1 ? Int(parts[1]) ?? 0 : 0) + whole.count - 1 - leading
    return (String(significant.dropLast(trailing)), exponent)
  }

  /// Python's `repr` of a string.
  static func quoted(_ text: String) -> String {
    let quote: Unicode.Scalar =
      text.utf8.contains(UInt8(ascii: "'")) && !text.utf8.contains(UInt8(ascii: "\"")) ? "\"" : "'"
    var result = String.UnicodeScalarView([quote])
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\", quote: result += ["\\", scalar]
      case "\n": result += ["\\", "n"]
      case "\r": result += ["\\", "r"]
      case "\t": result += ["\\", "t"]
      case _ where isPrintable(scalar): result.append(scalar)
      default: result += escape(scalar).unicodeScalars
      }
    }
    result.append(quote)
    return String(result)
  }

  private static func escape(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16)
    let (letter, width) =
      scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
    return "\\" + letter + String(repeating: "0", count: width - digits.utf8.count) + digits
  }

  private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
      .paragraphSeparator:
      false
    case .spaceSeparator: scalar == " "
    default: true
    }
  }
}
