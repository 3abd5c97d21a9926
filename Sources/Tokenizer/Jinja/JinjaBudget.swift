/// What a rendering may cost. A template that wants more is broken or hostile.
struct JinjaBudget {
  /// Expressions and statements within one another, macros that call macros included.
  static let maximumDepth = 400
  /// Bytes of one text, and of the whole rendering.
  static let maximumLength = 1 << 26
  /// Elements of a `range`, as in Jinja's sandbox.
  static let maximumRange = 100_000

  private var steps: Int
  /// Bytes that may be read and written, all operations together.
  private var bytes: Int

  /// - Parameter weight: Of what the template is given: some templates go through messages character by character.
  init(weight: Int = 0) {
    let weight = min(weight, 1 << 40)
    (steps, bytes) = (4_000_000 + 16 * weight, (1 << 29) + 64 * weight)
  }

  /// Counts the evaluation of one node.
  mutating func step() throws {
    steps -= 1
    guard steps >= 0 else { throw JinjaFault("the template takes too many steps") }
  }

  /// Counts what an operation goes through or makes; called before it does.
  mutating func touch(_ count: Int) throws {
    guard count <= bytes else { throw JinjaFault("the template works through too much text") }
    bytes -= max(count, 0)
  }

  /// Refuses a text before it is made; a product that overflows is too long as well.
  mutating func reserve(_ length: Int, times count: Int = 1) throws {
    let (total, overflow) = length.multipliedReportingOverflow(by: max(count, 0))
    guard !overflow, total <= Self.maximumLength else {
      throw JinjaFault("the text or list would be too long")
    }
    try touch(total)
  }
}

/// Names and their values; what is not here is looked for in the scope around it.
final class JinjaScope {
  var names: [String: JinjaValue]
  private let parent: JinjaScope?

  init(parent: JinjaScope?, names: [String: JinjaValue] = [:]) {
    (self.parent, self.names) = (parent, names)
  }

  func value(of name: String) -> JinjaValue? {
    var scope: JinjaScope? = self
    while let current = scope {
      if let value = current.names[name] { return value }
      scope = current.parent
    }
    return nil
  }
}

extension JinjaValue {
  /// About the bytes that copying the value's outermost level touches.
  var shallowWeight: Int {
    switch self {
    case .list(let list): list.elements.count * 16
    case .dictionary(let dictionary): dictionary.count * 32
    default: weight
    }
  }
}
