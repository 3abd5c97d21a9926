import Formats

/// Parses the statements of a template. What Jinja has for templates of many files (include, import, extends, block)
/// is an error that names the place.
struct JinjaParser {
  /// Nesting that is accepted in statements and in expressions; deeper text is an error, not a stack overflow.
  static let maximumDepth = 100

  let source: JinjaSource
  private let segments: [JinjaSegment]
  private var next = 0
  private var loops = 0
  private var depth = 0

  static func parse(_ source: JinjaSource) throws -> [JinjaNode] {
    var lexer = JinjaLexer(source)
    var parser = JinjaParser(source: source, segments: try lexer.segmentsOfTemplate())
    let (nodes, end) = try parser.body(until: [], openedAt: 0)
    if let end { throw source.fault(end.offset, "unexpected {% \(end.word) %}") }
    return nodes
  }

  private init(source: JinjaSource, segments: [JinjaSegment]) {
    self.source = source
    self.segments = segments
  }

  /// The statement that ended a body, and the rest of its tag.
  struct BodyEnd {
    let word: String
    let offset: Int
    var expressions: JinjaExpressionParser
  }

  /// Reads up to one of the words (which ends the body) or to the end of the template.
  private mutating func body(until words: Set<String>, openedAt: Int) throws -> (
    [JinjaNode], BodyEnd?
  ) {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.maximumDepth else {
      throw source.fault(openedAt, "statements nested too deeply")
    }
    var nodes: [JinjaNode] = []
    while next < segments.count {
      let segment = segments[next]
      next += 1
      switch segment {
      case .text(let text): nodes.append(.text(text))
      case .output(let tokens):
        var expressions = JinjaExpressionParser(tokens, source)
        let offset = expressions.current.offset
        nodes.append(.output(try expressions.tuple(), offset))
        try expressions.expectEnd()
      case .statement(let tokens):
        var expressions = JinjaExpressionParser(tokens, source)
        let word = expressions.current
        guard case .name = word.kind else {
          throw source.fault(word.offset, "expected the name of a statement")
        }
        expressions.advance()
        if words.contains(word.text) {
          return (nodes, BodyEnd(word: word.text, offset: word.offset, expressions: expressions))
        }
        nodes.append(try statement(word, &expressions))
      }
    }
    if let word = words.sorted().first(where: { $0.hasPrefix("end") }) {
      throw source.fault(
        openedAt, "expected {% \(word) %} after this statement, found the end of the template")
    }
    return (nodes, nil)
  }

  /// Reads a body that ends with one word and nothing after it.
  mutating func body(until word: String, openedAt: Int) throws -> [JinjaNode] {
    let (nodes, end) = try body(until: [word], openedAt: openedAt)
    if var end {
      // Jinja lets the name of the macro follow its end.
      if word == "endmacro", case .name = end.expressions.current.kind { end.expressions.advance() }
      try end.expressions.expectEnd()
    }
    return nodes
  }

  private mutating func statement(
    _ word: JinjaToken, _ expressions: inout JinjaExpressionParser
  ) throws -> JinjaNode {
    switch word.text {
    case "if": return try conditional(&expressions, openedAt: word.offset)
    case "for": return try loop(&expressions, openedAt: word.offset)
    case "set": return try assignment(&expressions, word.offset)
    case "with": return try with(&expressions, word.offset)
    case "filter": return try filter(&expressions, word.offset)
    case "macro": return try macro(&expressions, word.offset)
    case "call": return try call(&expressions, word.offset)
    case "generation":
      try expressions.expectEnd()
      return .generation(
        try separateBody(until: "endgeneration", openedAt: word.offset), word.offset)
    case "break", "continue":
      try expressions.expectEnd()
      guard loops > 0 else {
        throw source.fault(word.offset, "{% \(word.text) %} outside of a loop")
      }
      return word.text == "break" ? .breakLoop : .continueLoop
    case "else", "elif": throw source.fault(word.offset, "unexpected {% \(word.text) %}")
    case _ where word.text.hasPrefix("end"):
      throw source.fault(word.offset, "unexpected {% \(word.text) %}")
    default: throw source.unsupported(word.offset, "the statement {% \(word.text) %}")
    }
  }

  /// Where reading goes on: for `names`.
  var nextSegment: Int { next }

  /// Which of the names with a meaning in macros stand in the tags from a segment on.
  func names(from start: Int) -> Set<String> {
    var found: Set<String> = []
    for case .output(let tokens) in segments[start..<next] { found.formUnion(tokens.map(\.text)) }
    for case .statement(let tokens) in segments[start..<next] {
      found.formUnion(tokens.map(\.text))
    }
    return found.intersection(["varargs", "kwargs", "caller"])
  }

  /// A body that is a function of its own in Jinja: a loop around it cannot be left from inside.
  mutating func separateBody(until word: String, openedAt: Int) throws -> [JinjaNode] {
    let outer = loops
    loops = 0
    defer { loops = outer }
    return try body(until: word, openedAt: openedAt)
  }

  private mutating func conditional(_ expressions: inout JinjaExpressionParser, openedAt: Int)
    throws -> JinjaNode
  {
    var branches: [(condition: JinjaExpression, body: [JinjaNode])] = []
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
      return .conditional(branches, otherwise: try body(until: "endif", openedAt: openedAt))
    }
  }

  private mutating func loop(_ expressions: inout JinjaExpressionParser, openedAt: Int) throws
    -> JinjaNode
  {
    let target = try expressions.target()
    guard expressions.take(name: "in") else { throw expressions.unexpected("expected \"in\"") }
    let items = try expressions.tuple(withConditional: false)
    let condition = expressions.take(name: "if") ? try expressions.expression() : nil
    let isRecursive = expressions.take(name: "recursive")
    try expressions.expectEnd()
    loops += 1
    let (nodes, end) = try body(until: ["else", "endfor"], openedAt: openedAt)
    loops -= 1
    if var end { try end.expressions.expectEnd() }
    let otherwise = end?.word == "else" ? try body(until: "endfor", openedAt: openedAt) : []
    return .loop(
      JinjaLoopNode(
        target: target, items: items, condition: condition, isRecursive: isRecursive, body: nodes,
        otherwise: otherwise, offset: openedAt))
  }
}
