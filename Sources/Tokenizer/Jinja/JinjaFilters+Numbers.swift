import Foundation

extension JinjaFilters {
  static let numbers = table(
    filter("abs") { value, _, _ in
      switch value {
      case .double(let number): return .double(abs(number))
      default:
        guard let number = value.integer else {
          throw JinjaFault.expected("a number", for: "the filter \"abs\"", found: value)
        }
        return number < 0 ? try JinjaArithmetic.signed("-", .int(number)) : .int(number)
      }
    },
    filter("int", ["default", "base"]) { value, arguments, _ in
      if case .undefined(let why) = value { throw JinjaFault.undefined(why) }
      let base = arguments[1]?.integer ?? 10
      return try integer(value, base: base) ?? arguments[0] ?? .int(0)
    },
    filter("float", ["default"]) { value, arguments, _ in
      if case .undefined(let why) = value { throw JinjaFault.undefined(why) }
      if let number = value.number { return .double(number) }
      return value.string.flatMap(double).map { .double($0) } ?? arguments[0] ?? .double(0)
    },
    filter("round", ["precision", "method"]) { value, arguments, _ in
      guard let number = value.number else {
        throw JinjaFault.expected("a number", for: "the filter \"round\"", found: value)
      }
      let precision = arguments[0]?.integer ?? 0, method = arguments[1]?.string ?? "common"
      if method == "common", let whole = value.integer {
        // An integer stays one.
        guard precision >= 0 else { throw JinjaFault.unsupported("rounding an integer to tens") }
        return .int(whole)
      }
      return .double(try rounded(number, precision, method))
    },
    filter("sum", ["attribute", "start"]) { value, arguments, interpreter in
      let attribute = try arguments[0].flatMap { $0.isNone ? nil : try JinjaAttribute($0) }
      let start = arguments[1] ?? .int(0)
      guard start.string == nil else {
        throw JinjaFault("the filter \"sum\" cannot add strings (use | join)")
      }
      return try interpreter.elements(of: value).reduce(start) { sum, element in
        try interpreter.budget.step()
        let term = try attribute?.value(of: element, interpreter) ?? element
        return try JinjaArithmetic.apply("+", sum, term, &interpreter.budget)
      }
    }
  )

  private static func integer(_ value: JinjaValue, base: Int) throws -> JinjaValue? {
    if let number = value.integer { return .int(number) }
    if case .double(let number) = value {
      guard number.isFinite else { return nil }
      guard let whole = Int(exactly: number.rounded(.towardZero)) else {
        throw JinjaFault("\(number) does not fit 64 bits")
      }
      return .int(whole)
    }
    guard let text = value.string else { return nil }
    var digits = PythonText.stripped(text, .both, characters: nil).replacingOccurrences(
      of: "_", with: ""
    ).lowercased()
    let prefixes = [16: "0x", 8: "0o", 2: "0b"]
    guard base == 10 || prefixes[base] != nil else {
      throw JinjaFault.unsupported("the base \(base)")
    }
    let sign = digits.hasPrefix("-") ? "-" : ""
    if digits.hasPrefix("-") || digits.hasPrefix("+") { digits.removeFirst() }
    if let prefix = prefixes[base], digits.hasPrefix(prefix) { digits.removeFirst(2) }
    if let number = Int(sign + digits, radix: base) { return .int(number) }
    // Jinja then tries the text as a float.
    guard base == 10, let number = double(text) else { return nil }
    return try integer(.double(number), base: base)
  }

  private static func double(_ text: String) -> Double? {
    let digits = PythonText.stripped(text, .both, characters: nil)
    let isPlain = digits.unicodeScalars.allSatisfy { "0123456789+-.eE".unicodeScalars.contains($0) }
    return isPlain ? Double(digits) : nil
  }

  private static func rounded(_ number: Double, _ precision: Int, _ method: String) throws -> Double {
    guard number.isFinite else { return number }
    let scale = pow(10, Double(max(-300, min(precision, 300))))
    switch method {
    case "ceil": return (number * scale).rounded(.up) / scale
    case "floor": return (number * scale).rounded(.down) / scale
    case "common":
      // Python rounds the exact decimal value half to even, which is how C prints it.
      if precision >= 0 {
        return Double(String(format: "%.\(min(precision, 320))f", number)) ?? number
      }
      return (number * scale).rounded(.toNearestOrEven) / scale
    default:
      throw JinjaFault(
        "the filter \"round\" expected \"common\", \"ceil\" or \"floor\", found \"\(method)\"")
    }
  }
}
