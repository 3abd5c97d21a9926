import Formats

/// Parses the statements of a template: output, `if`, `for`, `set`, `break` and `continue`. What Jinja has beyond them
/// (macros, blocks, inclusion, …) is an error that names the place.
struct TemplateParser {
  /// Nesting that is accepted in statements and in expressions; deeper text is an error, not a stack overflow.
  static let maximumDepth = 100

  let source: TemplateSource
  private let segments: [TemplateSegment]
  private var next = 0
  private var loops = 0
  private var depth = 0

  static func parse(_ source: TemplateSource) throws -> [TemplateNode] {
    var lexer = TemplateLexer(source)
    var parser = TemplateParser(source: source, segments: try lexer.segmentsOfTemplate())
    let (nodes, end) = try parser.body(until: [], openedAt: 0)
    if let end { throw source.fault(end.offset, "unexpected {% \(end.word) %}") }
    return nodes
  }

  private init(source: TemplateSource, segments: [TemplateSegment]) {
    self.source = source
    self.segments = segments
  }

  /// The statement that ended a body, and the rest of its tag.
  private struct BodyEnd {
    let word: String
    let offset: Int
    var expressions: TemplateExpressionParser
  }

  /// Reads up to one of the words (which ends the body) or to the end of the template.
  private mutating func body(until words: Set<String>, openedAt: Int) throws -> ([TemplateNode], BodyEnd?) {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.maximumDepth else { throw source.fault(openedAt, "statements nested too deeply") }
    var nodes: [TemplateNode] = []
    while next < segments.count {
      let segment = segments[next]
      next += 1
      switch segment {
      case .text(let text): nodes.append(.text(text))
      case .output(let tokens):
        var expressions = TemplateExpressionParser(tokens, source)
        nodes.append(.output(try expressions.tuple()))
        try expressions.expectEnd()
      case .statement(let tokens):
        var expressions = TemplateExpressionParser(tokens, source)
        let word = expressions.current
        guard case .name = word.kind else { throw source.fault(word.offset, "expected the name of a statement") }
        expressions.advance()
        if words.contains(word.text) {
          return (nodes, BodyEnd(word: word.text, offset: word.offset, expressions: expressions))
        }
        nodes.append(try statement(word, &expressions))
      }
    }
    if let word = words.sorted().first(where: { $0.hasPrefix("end") }) {
      throw source.fault(openedAt, "expected {% \(word) %} after this statement, found the end of the template")
    }
    return (nodes, nil)
  }

  private mutating func statement(
    _ word: TemplateToken, _ expressions: inout TemplateExpressionParser
  ) throws -> TemplateNode {
    switch word.text {
    case "if": return try conditional(&expressions, openedAt: word.offset)
    case "for": return try loop(&expressions, openedAt: word.offset)
    case "set": return try assignment(&expressions, word.offset)
    case "break", "continue":
      try expressions.expectEnd()
      guard loops > 0 else { throw source.fault(word.offset, "{% \(word.text) %} outside of a loop") }
      return word.text == "break" ? .breakLoop : .continueLoop
    case "else", "elif", "endif", "endfor", "endset":
      throw source.fault(word.offset, "unexpected {% \(word.text) %}")
    default: throw source.unsupported(word.offset, "the statement {% \(word.text) %}")
    }
  }

  private mutating func conditional(
    _ expressions: inout TemplateExpressionParser, openedAt: Int
  ) throws -> TemplateNode {
    var branches: [(condition: TemplateExpression, body: [TemplateNode])] = []
    var condition = try expressions.tuple(withConditional: false)
    try expressions.expectEnd()
    while true {
      let (nodes, end) = try body(until: ["elif", "else", "endif"], openedAt: openedAt)
      branches.append((condition, nodes))
      guard var end else { preconditionFailure("a body with end words ends with one") }
      if end.word == "elif" {
        condition = try end.expressions.tuple(withConditional: false)
        try end.expressions.expectEnd()
        continue
      }
      try end.expressions.expectEnd()
      if end.word == "endif" { return .conditional(branches, otherwise: []) }
      let (otherwise, last) = try body(until: ["endif"], openedAt: openedAt)
      if var last { try last.expressions.expectEnd() }
      return .conditional(branches, otherwise: otherwise)
    }
  }

  private mutating func loop(_ expressions: inout TemplateExpressionParser, openedAt: Int) throws -> TemplateNode {
    let targets = try expressions.targets()
    guard expressions.take(name: "in") else { throw source.fault(expressions.current.offset, "expected \"in\"") }
    let items = try expressions.tuple(withConditional: false)
    let condition = expressions.take(name: "if") ? try expressions.expression() : nil
    if expressions.current.text == "recursive" {
      throw source.unsupported(expressions.current.offset, "a recursive loop")
    }
    try expressions.expectEnd()
    loops += 1
    let (nodes, end) = try body(until: ["else", "endfor"], openedAt: openedAt)
    loops -= 1
    if var end { try end.expressions.expectEnd() }
    var otherwise: [TemplateNode] = []
    if end?.word == "else" {
      let (nodes, last) = try body(until: ["endfor"], openedAt: openedAt)
      if var last { try last.expressions.expectEnd() }
      otherwise = nodes
    }
    return .loop(
      TemplateLoop(
        targets: targets, items: items, condition: condition, body: nodes, otherwise: otherwise, offset: openedAt))
  }

  private mutating func assignment(_ expressions: inout TemplateExpressionParser, _ offset: Int) throws -> TemplateNode
  {
    let targets = try expressions.targets()
    if targets.count == 1, expressions.take(symbol: ".") {
      let attribute = try expressions.name()
      try expressions.expect(symbol: "=")
      let value = try expressions.tuple()
      try expressions.expectEnd()
      return .attributeAssignment(targets[0], attribute, value, offset)
    }
    guard expressions.take(symbol: "=") else { throw source.unsupported(offset, "a {% set %} block without \"=\"") }
    let value = try expressions.tuple()
    try expressions.expectEnd()
    return .assignment(targets, value, offset)
  }
}
