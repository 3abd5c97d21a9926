import Foundation

/// Python's operators on numbers, strings and lists.
enum JinjaArithmetic {
  static func apply(
    _ operation: String, _ left: JinjaValue, _ right: JinjaValue, _ budget: inout JinjaBudget
  ) throws -> JinjaValue {
    for case .undefined(let why) in [left, right] { throw JinjaFault.undefined(why) }
    switch (operation, left, right) {
    case ("+", .markup, _) where right.string != nil, ("+", _, .markup) where left.string != nil:
      throw JinjaFault.unsupported("+ of a text marked safe (leave \"| safe\" away, or use ~)")
    case ("+", .string(let a), .string(let b)):
      try budget.reserve(a.utf8.count.addingSaturating(b.utf8.count))
      return .string(a + b)
    case ("+", .list(let a), .list(let b))
    where a.form == b.form && (a.form == .list || a.form == .tuple):
      try budget.reserve((a.elements.count + b.elements.count) * 16)
      return try .list(a.elements + b.elements, a.form)
    case ("*", _, _):
      if let repeated = try repeated(left, right, &budget) ?? repeated(right, left, &budget) {
        return repeated
      }
    case ("%", .string(let format), _):
      return .string(try PythonFormat.percent(format, right, &budget))
    default: break
    }
    if operation != "/", let a = left.integer, let b = right.integer, !(operation == "**" && b < 0) {
      return .int(try integer(operation, a, b))
    }
    guard let a = left.number, let b = right.number else {
      throw JinjaFault("cannot compute \(left.kind) \(operation) \(right.kind)")
    }
    return .double(try double(operation, a, b))
  }

  static func signed(_ sign: String, _ value: JinjaValue) throws -> JinjaValue {
    switch value {
    case .undefined(let why): throw JinjaFault.undefined(why)
    case .double(let number): return .double(sign == "-" ? -number : number)
    default:
      guard let number = value.integer else {
        throw JinjaFault("cannot compute \(sign) of \(value.kind)")
      }
      return .int(sign == "-" ? try integer("-", 0, number) : number)
    }
  }

  private static func repeated(
    _ value: JinjaValue, _ count: JinjaValue, _ budget: inout JinjaBudget
  ) throws -> JinjaValue? {
    guard let count = count.integer else { return nil }
    switch value {
    case .string(let text):
      if text.isEmpty { return value }
      try budget.reserve(text.utf8.count, times: count)
      return .string(String(repeating: text, count: max(count, 0)))
    case .list(let list) where list.form == .list || list.form == .tuple:
      if list.elements.isEmpty { return value }
      try budget.reserve(list.elements.count * 16, times: count)
      return try .list(Array((0..<max(count, 0)).map { _ in list.elements }.joined()), list.form)
    default: return nil
    }
  }

  private static func integer(_ operation: String, _ a: Int, _ b: Int) throws -> Int {
    let result: (partialValue: Int, overflow: Bool)
    switch operation {
    case "+": result = a.addingReportingOverflow(b)
    case "-": result = a.subtractingReportingOverflow(b)
    case "*": result = a.multipliedReportingOverflow(by: b)
    case "//", "%":
      guard b != 0 else { throw JinjaFault("division by zero") }
      let quotient = a.dividedReportingOverflow(by: b)
      let remainder = quotient.overflow ? 0 : a % b
      // Python rounds down: the remainder has the sign of the divisor.
      let isDown = remainder != 0 && (remainder < 0) != (b < 0)
      if operation == "%" { return isDown ? remainder + b : remainder }
      result = (quotient.partialValue - (isDown ? 1 : 0), quotient.overflow)
    default: result = power(a, b)
    }
    guard !result.overflow else { throw JinjaFault("\(a) \(operation) \(b) does not fit 64 bits") }
    return result.partialValue
  }

  private static func power(_ base: Int, _ exponent: Int) -> (partialValue: Int, overflow: Bool) {
    if exponent == 0 { return (1, false) }
    if base == 0 || base == 1 { return (base, false) }
    if base == -1 { return (exponent.isMultiple(of: 2) ? 1 : -1, false) }
    var result = (partialValue: 1, overflow: false)
    var left = exponent
    while left > 0, !result.overflow {
      result = result.partialValue.multipliedReportingOverflow(by: base)
      left -= 1
    }
    return result
  }

  private static func double(_ operation: String, _ a: Double, _ b: Double) throws -> Double {
    switch operation {
    case "+": return a + b
    case "-": return a - b
    case "*": return a * b
    case "**":
      let result = pow(a, b)
      guard !result.isNaN || a.isNaN || b.isNaN else {
        throw JinjaFault("\(a) ** \(b) is no real number")
      }
      return result
    default:
      guard b != 0 else { throw JinjaFault("division by zero") }
      if operation == "/" { return a / b }
      let remainder = a.truncatingRemainder(dividingBy: b)
      let floored = remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder
      return operation == "%" ? floored : ((a - floored) / b).rounded()
    }
  }
}
