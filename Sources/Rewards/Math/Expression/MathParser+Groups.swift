/// Brackets, sets, matrices.
extension MathParser {
  /// Behind an opening bracket: one element is itself, several are a tuple or an interval. `]1,4[` is open.
  mutating func bracket(_ open: Symbol) -> Int? {
    guard let inner = list() else { return nil }
    guard next < tokens.count else { return inner }
    let isOpenRight: Bool
    switch symbol {
    case .closeRound, .closeAngle, .openSquare: isOpenRight = true
    case .closeSquare: isOpenRight = false
    default: return nil
    }
    next += 1
    guard case .list = tree[inner].kind else { return inner }
    return tree.add(.bracket(isOpenLeft: open != .openSquare, isOpenRight: isOpenRight), tree[inner].children)
  }

  /// `{x}` is x, `{1, 2}` and `\{1\}` are sets, `\{x : 1 < x\}` is its condition.
  mutating func braces(_ open: Symbol) -> Int? {
    let close: Symbol = open == .openBrace ? .closeBrace : .closeSet
    if take(close) { return open == .openSet ? tree.add(.emptySet) : nil }
    guard var inner = list() else { return nil }
    var isBuilder = false
    if open == .openSet, symbol == .colon || symbol == .bar {
      next += 1
      guard let condition = list() else { return nil }
      inner = condition
      isBuilder = true
    }
    guard take(close) || next == tokens.count else { return nil }
    if isBuilder { return inner }
    if case .list = tree[inner].kind { return tree.add(.set, tree[inner].children) }
    return open == .openSet ? tree.add(.set, [inner]) : inner
  }

  mutating func matrix() -> Int? {
    guard depth < Self.depthLimit else { return nil }
    depth += 1
    defer { depth -= 1 }
    var elements: [Int] = []
    var (columns, row) = (0, 0)
    while elements.count < Self.elementLimit {
      guard let element = sum() else { return nil }
      elements.append(element)
      row += 1
      if take(.ampersand) { continue }
      guard columns == 0 || row == columns else { return nil }
      (columns, row) = (row, 0)
      if take(.row), symbol != .closeMatrix { continue }
      return take(.closeMatrix) ? tree.add(.matrix(columns: columns), elements) : nil
    }
    return nil
  }
}

/// Words: units behind a value, and numbers.
extension MathParser {
  /// Units and other words behind a value, up to the end of the element: they do not count, but known ones are kept.
  mutating func unit(behind node: Int) -> Int? {
    guard isUnit(at: next, behindNumber: true) else { return node }
    let start = next
    var words = 0
    loop: while next < tokens.count {
      switch tokens[next].kind {
      case .word:
        guard !Units.isClaim(text[tokens[next].range]) else { return nil }
        words += 1
      case .letter: break
      case .number:
        guard case .symbol(.power) = tokens[next - 1].kind else { return nil }
      case .symbol(.divide), .symbol(.power), .symbol(.times), .symbol(.degree), .symbol(.openBrace),
        .symbol(.closeBrace), .symbol(.minus):
        break
      case .symbol(.bang), .symbol(.colon): return nil
      default: break loop
      }
      next += 1
    }
    guard words <= 4 else { return nil }
    var name: [UInt8] = []
    for token in tokens[start..<next] { name += text[token.range] }
    return tree.add(.measure(tree.index(of: name)), [node])
  }

  /// Whether a unit begins at a token: a word, or a unit's letter that is no variable here.
  func isUnit(at index: Int, behindNumber: Bool) -> Bool {
    guard index < tokens.count else { return false }
    switch tokens[index].kind {
    case .word: return true
    case .letter(let letter):
      guard letter != 0, behindNumber, variables & MathLexer.bit(letter) == 0, Units.isLetter(letter) else {
        return false
      }
      // "5 m^2", "5 m/s", but not 5m + 2.
      guard index + 1 < tokens.count else { return true }
      switch tokens[index + 1].kind {
      case .symbol(.power), .symbol(.divide), .symbol(.comma), .symbol(.and), .symbol(.closeBrace): return true
      default: return false
      }
    default: return false
    }
  }

  /// "forty-two", "one half": the longest run of words that is a number.
  mutating func numberWords() -> Int? {
    var words = NumberWords()
    var taken = 0
    var index = next
    while index < tokens.count {
      if tokens[index].kind == .symbol(.minus), index + 1 < tokens.count, tokens[index + 1].kind == .word {
        index += 1
        continue
      }
      guard tokens[index].kind == .word, words.add(text[tokens[index].range]) else { break }
      index += 1
      taken = index
    }
    guard taken > next, let value = words.value else { return nil }
    next = taken
    return tree.add(value)
  }
}
