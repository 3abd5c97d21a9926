/// Reads the text of a selection by recursive descent. `or` binds weakest, then `and`, then `not`.
struct SelectionParser {
  /// Conditions in one selection, and values of one `in`.
  private static let conditionLimit = 400
  /// Parentheses and `not` inside one another: SQLite's parser has a stack of 100, of which each takes up to three.
  private static let depthLimit = 24

  private let text: String
  private let tokens: [SelectionToken]
  private var next = 0
  private var conditions = 0
  private var depth = 0

  init(_ text: String) throws {
    self.text = text
    tokens = try SelectionToken.tokens(of: text)
  }

  private var token: SelectionToken { tokens[next] }

  private func fault(_ message: String) -> RollbookError {
    Selection.fault(text, token.column, "\(message), found \(token.description)")
  }

  /// Takes the next token if it is this word or sign.
  private mutating func take(_ word: String) -> Bool {
    guard token.isWord(word) || token.isSign(word) else { return false }
    next += 1
    return true
  }

  private mutating func expect(_ word: String) throws {
    guard take(word) else { throw fault("expected '\(word)'") }
  }

  mutating func selection() throws -> Selection.Node {
    guard token.kind != .end else { throw fault("expected a condition") }
    let node = try disjunction()
    guard token.kind == .end else { throw fault("expected 'and', 'or' or the end") }
    return node
  }

  private mutating func disjunction() throws -> Selection.Node {
    var node = try conjunction()
    while take("or") { node = .or(node, try conjunction()) }
    return node
  }

  private mutating func conjunction() throws -> Selection.Node {
    var node = try negation()
    while take("and") { node = .and(node, try negation()) }
    return node
  }

  private mutating func negation() throws -> Selection.Node {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.depthLimit else { throw fault("expected at most \(Self.depthLimit) levels") }
    if take("not") { return .not(try negation()) }
    guard take("(") else { return try condition() }
    let node = try disjunction()
    try expect(")")
    return node
  }

  private mutating func condition() throws -> Selection.Node {
    conditions += 1
    guard conditions <= Self.conditionLimit else { throw fault("expected at most \(Self.conditionLimit) conditions") }
    let name = try name()
    if take("is") {
      let negated = take("not")
      try expect("null")
      return negated ? .not(.isNull(name)) : .isNull(name)
    }
    let negated = take("not")
    if take("between") {
      let low = try value()
      try expect("and")
      let node = Selection.Node.between(name, low, try value())
      return negated ? .not(node) : node
    }
    if take("in") {
      try expect("(")
      var values = [try value()]
      while take(",") { values.append(try value()) }
      guard values.count <= Self.conditionLimit else { throw fault("expected at most \(Self.conditionLimit) values") }
      try expect(")")
      return negated ? .not(.among(name, values)) : .among(name, values)
    }
    guard !negated else { throw fault("expected 'between' or 'in'") }
    for sign in Selection.Operator.allCases where take(sign.rawValue) {
      return .compare(name, sign, try value())
    }
    if token.kind == .end || [")", "and", "or"].contains(where: { token.isSign($0) || token.isWord($0) }) {
      return .isTrue(name)
    }
    throw fault("expected a comparison such as = or <")
  }

  private mutating func name() throws -> Selection.Name {
    let column = token.column
    switch token.kind {
    case .word(let word) where !SelectionToken.keywords.contains(word.lowercased()), .quoted(let word):
      next += 1
      return Selection.Name(text: word, column: column)
    default: throw fault("expected a field such as reward or step")
    }
  }

  private mutating func value() throws -> Selection.Value {
    let column = token.column
    switch token.kind {
    case .word(let word) where !SelectionToken.keywords.contains(word.lowercased()):
      next += 1
      return Selection.Value(kind: .text(word), column: column, text: word)
    case .quoted(let word):
      next += 1
      return Selection.Value(kind: .text(word), column: column, text: word)
    case .number(let number, let written):
      next += 1
      return Selection.Value(kind: .number(number), column: column, text: written)
    default: throw fault("expected a number or a text")
    }
  }
}
