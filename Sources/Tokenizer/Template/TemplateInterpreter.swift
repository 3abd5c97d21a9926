import Formats

/// Runs a parsed template. One value for one rendering.
struct TemplateInterpreter {
  /// Text and lists longer than this are refused: a template that wants more is broken or hostile.
  static let maximumLength = 1 << 26
  /// Passes through loop bodies before a rendering is given up.
  private static let maximumIterations = 10_000_000

  let source: TemplateSource
  var namespaces: [[(key: String, value: TemplateValue)]] = []
  private var output = ""
  /// Names by scope, the innermost last. What a loop sets stays in its scope.
  private var scopes: [[String: TemplateValue]]
  private var iterations = 0

  /// What a statement asks its loop to do.
  private enum Flow {
    case next
    case breakLoop
    case continueLoop
  }

  static func render(
    _ nodes: [TemplateNode], _ source: TemplateSource, variables: [String: TemplateValue]
  ) throws -> String {
    var interpreter = TemplateInterpreter(source: source, scopes: [variables])
    _ = try interpreter.run(nodes)
    return interpreter.output
  }

  private init(source: TemplateSource, scopes: [[String: TemplateValue]]) {
    self.source = source
    self.scopes = scopes
  }

  func value(of name: String) -> TemplateValue {
    for scope in scopes.reversed() {
      if let value = scope[name] { return value }
    }
    return .undefined("'\(name)'")
  }

  private mutating func run(_ nodes: [TemplateNode]) throws -> Flow {
    for node in nodes {
      let flow = try run(node)
      if flow != .next { return flow }
    }
    return .next
  }

  private mutating func run(_ node: TemplateNode) throws -> Flow {
    switch node {
    case .text(let text): output += text
    case .output(let expression):
      output += try evaluate(expression).text
      guard output.utf8.count <= Self.maximumLength else { throw source.fault(0, "the rendered text is too long") }
    case .conditional(let branches, let otherwise):
      for branch in branches where try evaluate(branch.condition).isTrue { return try run(branch.body) }
      return try run(otherwise)
    case .loop(let loop): try run(loop)
    case .assignment(let targets, let expression, let offset):
      try bind(targets, try evaluate(expression), offset)
    case .attributeAssignment(let name, let attribute, let expression, let offset):
      guard case .namespace(let number) = value(of: name) else {
        throw source.fault(offset, "only attributes of a namespace can be set, \"\(name)\" is \(value(of: name).kind)")
      }
      set(attribute, try evaluate(expression), in: number)
    case .breakLoop: return .breakLoop
    case .continueLoop: return .continueLoop
    }
    return .next
  }

  private mutating func set(_ attribute: String, _ value: TemplateValue, in number: Int) {
    if let place = namespaces[number].firstIndex(where: { TemplateValue.same($0.key, attribute) }) {
      namespaces[number][place].value = value
    } else {
      namespaces[number].append((attribute, value))
    }
  }

  private mutating func bind(_ targets: [String], _ value: TemplateValue, _ offset: Int) throws {
    if targets.count == 1 {
      scopes[scopes.count - 1][targets[0]] = value
      return
    }
    let elements = try elements(of: value, offset)
    guard elements.count == targets.count else {
      throw source.fault(offset, "expected \(targets.count) values for \(targets.count) names, found \(elements.count)")
    }
    for (target, element) in zip(targets, elements) { scopes[scopes.count - 1][target] = element }
  }

  private mutating func run(_ loop: TemplateLoop) throws {
    var items = try elements(of: try evaluate(loop.items), loop.offset)
    if let condition = loop.condition {
      items = try items.filter { item in
        scopes.append([:])
        defer { scopes.removeLast() }
        try bind(loop.targets, item, loop.offset)
        return try evaluate(condition).isTrue
      }
    }
    if items.isEmpty {
      _ = try run(loop.otherwise)
      return
    }
    for index in items.indices {
      iterations += 1
      guard iterations <= Self.maximumIterations else { throw source.fault(loop.offset, "the loops take too long") }
      scopes.append(["loop": Self.loopValue(items, index)])
      defer { scopes.removeLast() }
      try bind(loop.targets, items[index], loop.offset)
      if try run(loop.body) == .breakLoop { break }
    }
  }

  /// `loop` inside of a loop's body.
  private static func loopValue(_ items: [TemplateValue], _ index: Int) -> TemplateValue {
    let count = items.count
    var members: [(key: String, value: TemplateValue)] = [
      ("index", .int(index + 1)), ("index0", .int(index)), ("revindex", .int(count - index)),
      ("revindex0", .int(count - index - 1)), ("first", .bool(index == 0)), ("last", .bool(index == count - 1)),
      ("length", .int(count)),
    ]
    if index > 0 { members.append(("previtem", items[index - 1])) }
    if index + 1 < count { members.append(("nextitem", items[index + 1])) }
    return .dictionary(members)
  }

  /// What a loop goes over: elements, keys, or characters. Undefined is empty.
  func elements(of value: TemplateValue, _ offset: Int) throws -> [TemplateValue] {
    switch value {
    case .list(let values): return values
    case .dictionary(let members): return members.map { .string($0.key) }
    case .string(let text): return text.unicodeScalars.map { .string(String($0)) }
    case .undefined: return []
    case .none, .bool, .int, .double, .namespace:
      throw source.fault(offset, "expected something to go over, found \(value.kind)")
    }
  }
}
