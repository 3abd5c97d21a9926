import Formats

/// Runs a parsed template. One object for one rendering, on one thread.
final class JinjaInterpreter {
  let source: JinjaSource
  let now: LocalTime?
  var scope: JinjaScope
  var budget: JinjaBudget
  /// What the innermost capture or, without one, the template has written.
  private(set) var output = ""
  /// The outputs that captures (macros, `set` blocks) put aside, the template's own first.
  private var waiting: [String] = []
  private var generations: [(start: Int, scalars: Int)] = []
  private(set) var usesClock = false
  /// What may refer to itself: emptied at the end, so that its memory is given back.
  private var namespaces: [JinjaNamespace] = []
  private var macroScopes: [JinjaScope] = []
  /// Iterators that were gone through: they are empty from then on, as in Python.
  private var spent: [ObjectIdentifier: (list: JinjaList, isWhole: Bool)] = [:]
  private var depth = 0

  /// What a statement asks its loop to do.
  enum Flow {
    case next
    case breakLoop
    case continueLoop
  }

  init(_ source: JinjaSource, variables: [String: JinjaValue], now: LocalTime?) {
    (self.source, self.now) = (source, now)
    budget = JinjaBudget(weight: variables.values.reduce(0) { $0.addingSaturating($1.weight) })
    let globals = JinjaFunctions.table.keys.map {
      ($0, JinjaValue.callable(JinjaCallable(.function($0))))
    }
    scope = JinjaScope(
      parent: JinjaScope(parent: nil, names: Dictionary(uniqueKeysWithValues: globals)))
    scope.names = variables
  }

  /// The text, and the spans that `{% generation %}` blocks wrote, in Unicode scalars.
  func render(_ nodes: [JinjaNode]) throws -> (text: String, spans: [Range<Int>]) {
    defer {
      for namespace in namespaces { namespace.clear() }
      for scope in macroScopes { scope.names = [:] }
    }
    _ = try run(nodes)
    return (output, spans())
  }

  private func spans() -> [Range<Int>] {
    var bytes = 0
    var scalars = 0
    var rest = output.utf8[...]
    return generations.map { generation in
      scalars += rest.prefix(generation.start - bytes).reduce(0) {
        $0 + ($1 & 0xC0 != 0x80 ? 1 : 0)
      }
      rest = rest.dropFirst(generation.start - bytes)
      bytes = generation.start
      return scalars..<scalars + generation.scalars
    }
  }

  // MARK: Bounds

  /// Counts one step and one level of nesting for as long as `body` runs.
  func nested<Result>(_ offset: Int, _ body: () throws -> Result) throws -> Result {
    depth += 1
    defer { depth -= 1 }
    return try located(offset) {
      try budget.step()
      guard depth <= JinjaBudget.maximumDepth else {
        throw JinjaFault("the template nests too deeply here")
      }
      return try body()
    }
  }

  /// Gives a fault its place in the template.
  func located<Result>(_ offset: Int, _ body: () throws -> Result) throws -> Result {
    do { return try body() } catch let fault as JinjaFault {
      throw source.fault(offset, fault.message, hint: fault.hint)
    }
  }

  func write(_ text: String) throws {
    try budget.touch(text.utf8.count)
    output += text
    guard output.utf8.count <= JinjaBudget.maximumLength else {
      throw JinjaFault("the rendered text is too long")
    }
  }

  /// What a body writes, as a value instead.
  func captured(_ body: () throws -> Void) throws -> String {
    waiting.append(output)
    output = ""
    defer { output = waiting.removeLast() }
    try body()
    return output
  }

  /// Runs with another scope, then returns to the present one.
  func within<Result>(_ inner: JinjaScope, _ body: () throws -> Result) rethrows -> Result {
    let outer = scope
    scope = inner
    defer { scope = outer }
    return try body()
  }

  /// `str`, with its cost.
  func text(_ value: JinjaValue) throws -> String {
    if case .string(let text) = value { return text }
    try budget.touch(value.weight)
    return try value.text()
  }

  func keep(_ namespace: JinjaNamespace) { namespaces.append(namespace) }

  func readClock() throws -> LocalTime {
    usesClock = true
    guard let now else {
      throw JinjaFault("the template asks for the date, and none was given", hint: "give one with --date YYYY-MM-DD")
    }
    return now
  }

  /// What a loop goes over: elements, keys, or characters. Undefined is empty.
  ///
  /// - Parameter isWhole: Whether all of it is taken; what is left of an iterator after a part was taken is not kept.
  func elements(of value: JinjaValue, isWhole: Bool = true) throws -> [JinjaValue] {
    try budget.touch(value.shallowWeight)
    switch value {
    case .list(let list):
      guard list.form == .iterator else { return list.elements }
      if let before = spent[ObjectIdentifier(list)] {
        if before.isWhole { return [] }
        throw JinjaFault.unsupported("going on with an iterator that was read in part (add | list)")
      }
      spent[ObjectIdentifier(list)] = (list, isWhole)
      return list.elements
    case .dictionary(let dictionary): return dictionary.members.map(\.key)
    case .string(let text), .markup(let text):
      return text.unicodeScalars.map { .string(String($0)) }
    case .undefined: return []
    case .none, .bool, .int, .double, .namespace, .loop, .callable:
      throw JinjaFault("expected something to go over, found \(value.kind)")
    }
  }

  // MARK: Statements

  func run(_ nodes: [JinjaNode]) throws -> Flow {
    for node in nodes {
      let flow = try run(node)
      if flow != .next { return flow }
    }
    return .next
  }

  private func run(_ node: JinjaNode) throws -> Flow {
    switch node {
    case .text(let text):
      try located(0) { try write(text) }
      return .next
    case .output(let expression, let offset):
      try nested(offset) { try write(try text(try evaluate(expression))) }
      return .next
    case .conditional(let branches, let otherwise):
      return try nested(0) { try choose(branches, otherwise) }
    case .breakLoop: return .breakLoop
    case .continueLoop: return .continueLoop
    case .with(let members, let body, let offset):
      return try nested(offset) {
        let inner = JinjaScope(parent: scope)
        for member in members { try bind(member.target, try evaluate(member.value), in: inner) }
        return try within(inner) { try run(body) }
      }
    default:
      try runBlock(node)
      return .next
    }
  }

  private func choose(
    _ branches: [(condition: JinjaExpression, body: [JinjaNode])], _ otherwise: [JinjaNode]
  ) throws -> Flow {
    for branch in branches where try evaluate(branch.condition).isTrue {
      return try run(branch.body)
    }
    return try run(otherwise)
  }

  /// Statements that no loop control passes through.
  private func runBlock(_ node: JinjaNode) throws {
    switch node {
    case .loop(let loop):
      try nested(loop.offset) { try run(loop, over: try evaluate(loop.items), in: scope, depth: 0) }
    case .assignment(let target, let expression, let offset):
      try nested(offset) { try bind(target, try evaluate(expression), in: scope) }
    case .blockAssignment(let target, let filters, let body, let offset):
      try nested(offset) { try bind(target, try filtered(try block(body), filters), in: scope) }
    case .filtered(let filters, let body):
      try nested(filters[0].offset) { try write(try text(try filtered(try block(body), filters))) }
    case .macro(let macro):
      macroScopes.append(scope)
      scope.names[macro.name] = .callable(JinjaCallable(.macro(macro, scope)))
    case .callBlock(let callee, let macro, let offset):
      try nested(offset) {
        macroScopes.append(scope)
        let caller = JinjaValue.callable(JinjaCallable(.macro(macro, scope)))
        try write(try text(try call(callee, adding: [("caller", caller)])))
      }
    case .generation(let body, let offset): try nested(offset) { try generate(body) }
    default: throw RollbookError.bug("a statement that nothing runs")
    }
  }

  private func block(_ body: [JinjaNode]) throws -> JinjaValue {
    .string(try captured { _ = try within(JinjaScope(parent: scope)) { try run(body) } })
  }

  private func filtered(_ value: JinjaValue, _ filters: [JinjaBlockFilter]) throws -> JinjaValue {
    try filters.reduce(value) { value, filter in
      try located(filter.offset) {
        try apply(filter.name, to: value, try evaluate(filter.arguments))
      }
    }
  }

  private func generate(_ body: [JinjaNode]) throws {
    guard case .string(let text) = try block(body) else { return }
    generations.append(((waiting.first ?? output).utf8.count, text.unicodeScalars.count))
    try write(text)
  }

  func bind(_ target: JinjaTarget, _ value: JinjaValue, in scope: JinjaScope) throws {
    switch target {
    case .name(let name): scope.names[name] = value
    case .attribute(let name, let attribute, let offset):
      try located(offset) {
        guard case .namespace(let namespace)? = self.scope.value(of: name) else {
          throw JinjaFault("only attributes of a namespace can be set, and \"\(name)\" is none")
        }
        try JinjaFunctions.checkAttribute(attribute)
        namespace[attribute] = value
      }
    case .tuple(let targets, let offset):
      try located(offset) {
        let elements = try elements(of: value)
        guard elements.count == targets.count else {
          throw JinjaFault(
            "expected \(targets.count) values for \(targets.count) names, found \(elements.count)")
        }
        for (target, element) in zip(targets, elements) { try bind(target, element, in: scope) }
      }
    }
  }
}
