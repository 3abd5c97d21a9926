import Formats
import Foundation

/// Where in which template something is evaluated.
struct TemplatePlace {
  let source: TemplateSource
  let offset: Int

  func fault(_ message: String) -> RollbookError { source.fault(offset, message) }

  func unsupported(_ construct: String) -> RollbookError { source.unsupported(offset, construct) }
}

/// Python's operators on template values.
enum TemplateArithmetic {
  static func apply(
    _ operation: String, _ left: TemplateValue, _ right: TemplateValue, _ place: TemplatePlace
  ) throws -> TemplateValue {
    switch (operation, left, right) {
    case ("+", .string(let a), .string(let b)): return .string(a + b)
    case ("+", .list(let a), .list(let b)): return .list(a + b)
    case ("*", .string(let text), _): return .string(try repeated(text, right, place))
    case ("*", _, .string(let text)): return .string(try repeated(text, left, place))
    case ("%", .string, _): throw place.unsupported("formatting with %")
    default: break
    }
    if operation != "/", let a = left.integer, let b = right.integer, !(operation == "**" && b < 0) {
      return .int(try integer(operation, a, b, place))
    }
    guard let a = left.number, let b = right.number else {
      throw place.fault("cannot compute \(left.kind) \(operation) \(right.kind)")
    }
    return .double(try double(operation, a, b, place))
  }

  private static func repeated(_ text: String, _ count: TemplateValue, _ place: TemplatePlace) throws -> String {
    guard let count = count.integer else { throw place.fault("expected how often to repeat, found \(count.kind)") }
    let (length, overflow) = text.utf8.count.multipliedReportingOverflow(by: max(count, 0))
    guard !overflow, length <= TemplateInterpreter.maximumLength else { throw place.fault("the string is too long") }
    return String(repeating: text, count: max(count, 0))
  }

  private static func integer(_ operation: String, _ a: Int, _ b: Int, _ place: TemplatePlace) throws -> Int {
    let result: (partialValue: Int, overflow: Bool)
    switch operation {
    case "+": result = a.addingReportingOverflow(b)
    case "-": result = a.subtractingReportingOverflow(b)
    case "*": result = a.multipliedReportingOverflow(by: b)
    case "//", "%":
      guard b != 0 else { throw place.fault("division by zero") }
      let quotient = a.dividedReportingOverflow(by: b)
      let remainder = quotient.overflow ? 0 : a % b
      // Python rounds down: the remainder has the sign of the divisor.
      let isDown = remainder != 0 && (remainder < 0) != (b < 0)
      if operation == "%" { return isDown ? remainder + b : remainder }
      result = (quotient.partialValue - (isDown ? 1 : 0), quotient.overflow)
    default: result = power(a, b)
    }
    guard !result.overflow else { throw place.fault("\(a) \(operation) \(b) does not fit 64 bits") }
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

  private static func double(_ operation: String, _ a: Double, _ b: Double, _ place: TemplatePlace) throws -> Double {
    switch operation {
    case "+": return a + b
    case "-": return a - b
    case "*": return a * b
    case "**": return pow(a, b)
    default:
      guard b != 0 else { throw place.fault("division by zero") }
      if operation == "/" { return a / b }
      let remainder = a.truncatingRemainder(dividingBy: b)
      let floored = remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder
      return operation == "%" ? floored : ((a - floored) / b).rounded()
    }
  }

  /// `== != < <= > >= in not in`
  static func compare(
    _ operation: String, _ left: TemplateValue, _ right: TemplateValue, _ place: TemplatePlace
  ) throws -> Bool {
    switch operation {
    case "==": return left.equals(right)
    case "!=": return !left.equals(right)
    case "in": return try contains(right, left, place)
    case "not in": return try !contains(right, left, place)
    default: break
    }
    let swaps = operation.hasPrefix(">")
    guard let less = swaps ? right.precedes(left) : left.precedes(right) else {
      throw place.fault("cannot compare \(left.kind) \(operation) \(right.kind)")
    }
    return less || (operation.hasSuffix("=") && left.equals(right))
  }

  /// Python's `in`: a part of a string, an element of a list, a key of a dictionary.
  static func contains(_ container: TemplateValue, _ element: TemplateValue, _ place: TemplatePlace) throws -> Bool {
    switch container {
    case .undefined: return false
    case .list(let values): return values.contains { $0.equals(element) }
    case .dictionary:
      guard case .string(let key) = element else { return false }
      return container.member(key) != nil
    case .string(let text):
      guard case .string(let part) = element else {
        throw place.fault("expected a string to look for, found \(element.kind)")
      }
      return TemplateText.firstRange(of: Array(part.utf8), in: Array(text.utf8), from: 0) != nil
    case .none, .bool, .int, .double, .namespace: throw place.fault("cannot look into \(container.kind)")
    }
  }
}
