/// The right answer of a prompt, bare or in `$`: what a span of a response is compared with.
struct RightAnswer {
  let text: [UInt8]
  /// Set where it is a plain number.
  let number: ExactNumber?
  /// Set where it is a choice, A to J.
  let choice: UInt8?
  /// Its letters, where it is words.
  private let words: [UInt8]?
  /// Whether `\text{}` says that the words are words.
  private let isText: Bool
  /// Letters in it, see ``MathLexer/bit(_:)``.
  private let variables: UInt64
  private let isPercentLenient: Bool

  /// Longer spans are no answer.
  static let spanLimit = 4096

  init(_ answer: [UInt8], isPercentLenient: Bool) {
    self.isPercentLenient = isPercentLenient
    text = MathText.prepared(answer)
    number = Self.plainNumber(text, 0..<text.count)
    guard number == nil else {
      (choice, words, isText, variables) = (nil, nil, false, 0)
      return
    }
    let canonical = Self.canonical(text, 0..<text.count)
    isText = text.first("\\text", in: 0..<text.count) != nil || text.first("\\mathrm", in: 0..<text.count) != nil
    choice = Self.choice(canonical, mayHaveValue: false)
    let isWords = canonical.count > 1 && canonical.allSatisfy { isLetter($0) || $0 == UInt8(ascii: "-") }
    words = isWords && (isText || canonical.count > 2) ? canonical.map(lowercased) : nil
    variables = Self.letters(text)
  }

  var isWords: Bool { words != nil }

  /// Whether a span is the right answer; nil where it is nothing that can be read as an answer. `isPlain`: text in
  /// which a comma between digits may be a decimal comma.
  func judge(_ response: [UInt8], _ range: Range<Int>, isPlain: Bool) -> Bool? {
    let range = Self.undecorated(response, range)
    guard !range.isEmpty else { return nil }
    if let number, let given = Self.plainNumber(response, range) {
      if isEqual(given, number) { return true }
      if number.isWhole || (given.isExact && number.isExact) || given.isWhole { return false }
    }
    guard range.count <= Self.spanLimit else { return nil }
    if let choice { return judge(choice, response, range, isPlain: isPlain) }
    if let words {
      if Self.canonical(response, range).map(lowercased) == words { return true }
      if isText { return isPlain ? nil : false }
    }
    return judgeParsed(response, range, isPlain: isPlain)
  }

  /// Whether a text ends in the words that are the right answer.
  func judgeClosing(_ response: [UInt8], _ range: Range<Int>) -> Bool? {
    guard let words else { return nil }
    let range = Self.undecorated(response, range)
    let last = range.count >= words.count ? range.upperBound - words.count : range.lowerBound
    let tail = response[last..<range.upperBound].map(lowercased)
    let isOwn = last == range.lowerBound || !isLetter(response[last - 1])
    return tail == words && isOwn && response.first(" not ", in: range) == nil
  }

  private func judge(_ choice: UInt8, _ response: [UInt8], _ range: Range<Int>, isPlain: Bool) -> Bool? {
    if let given = Self.choice(Self.canonical(response, range), mayHaveValue: true) { return given == choice }
    return isPlain ? nil : false
  }

  private func isEqual(_ given: ExactNumber, _ number: ExactNumber) -> Bool {
    if given.asFraction.hasSameValue(as: number.asFraction) { return true }
    guard isPercentLenient, given.percent != number.percent else { return false }
    return number.isAtLeastOne && given.hasSameValue(as: number)
  }

  private func judgeParsed(_ response: [UInt8], _ range: Range<Int>, isPlain: Bool) -> Bool? {
    var lexer = MathLexer(text, 0..<text.count, groupsByComma: true, variables: .max)
    var parser = MathParser(lexer)
    var root = lexer.isTooLong ? nil : parser.root()
    let isCollection = root.map { Self.isCollection(parser.tree[$0].kind) } ?? false
    // 100,200 is a number, unless it is the right answer to have two.
    lexer = MathLexer(text, 0..<text.count, groupsByComma: !isCollection, variables: .max)
    parser = MathParser(lexer)
    root = lexer.isTooLong ? nil : parser.root()
    guard let root else { return isSameText(response, range) ? true : (isPlain ? nil : false) }
    if case .emptySet = parser.tree[root].kind, Self.saysNothing(Self.canonical(response, range)) { return true }
    let found = compare(parser.tree, root, response, range, groupsByComma: !isCollection)
    if found == true { return true }
    if isCollection, response[range].contains(UInt8(ascii: ",")),
      compare(parser.tree, root, response, range, groupsByComma: true) == true
    {
      return true
    }
    if isPlain, let decimal = Self.decimalComma(response, range),
      compare(parser.tree, root, decimal, 0..<decimal.count, groupsByComma: false) == true
    {
      return true
    }
    return found ?? (isSameText(response, range) ? true : nil)
  }

  private func compare(
    _ gold: MathTree, _ root: Int, _ response: [UInt8], _ range: Range<Int>, groupsByComma: Bool
  ) -> Bool? {
    let lexer = MathLexer(response, range, groupsByComma: groupsByComma, variables: variables)
    guard !lexer.isTooLong else { return nil }
    var parser = MathParser(lexer)
    guard let given = parser.root(from: Self.choicePrefix(lexer.tokens, response)) else { return nil }
    var comparison = AnswerComparison(gold: gold, given: parser.tree, isPercentLenient: isPercentLenient)
    return comparison.isRight(root, given)
  }

  private func isSameText(_ response: [UInt8], _ range: Range<Int>) -> Bool {
    let wanted = Self.canonical(text, 0..<text.count)
    return !wanted.isEmpty && Self.canonical(response, range) == wanted
  }
}
