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
  /// Set where it is no plain number but something that can be parsed.
  private let parsed: Parsed?

  struct Parsed {
    let tree: MathTree
    let root: Int
    /// Whether commas part its elements: 100,200 is a number, unless the right answer has two.
    let isCollection: Bool

    init?(_ text: [UInt8]) {
      guard let first = Self.parse(text, groupsByComma: true) else { return nil }
      isCollection = RightAnswer.isCollection(first.tree[first.root].kind)
      let again = isCollection && text.contains(UInt8(ascii: ",")) ? Self.parse(text, groupsByComma: false) : nil
      (tree, root) = again ?? first
    }

    private static func parse(_ text: [UInt8], groupsByComma: Bool) -> (tree: MathTree, root: Int)? {
      guard text.count <= RightAnswer.spanLimit else { return nil }
      let lexer = MathLexer(text, 0..<text.count, groupsByComma: groupsByComma, variables: .max)
      guard !lexer.isTooLong else { return nil }
      var parser = MathParser(lexer)
      return parser.root().map { (parser.tree, $0) }
    }
  }

  /// Longer spans are no answer.
  static let spanLimit = 4096

  init(_ answer: [UInt8], isPercentLenient: Bool) {
    self.isPercentLenient = isPercentLenient
    text = MathText.prepared(answer)
    number = Self.plainNumber(text, 0..<text.count)
    guard number == nil else {
      (choice, words, isText, variables, parsed) = (nil, nil, false, 0, nil)
      return
    }
    let canonical = Self.canonical(text, 0..<text.count)
    isText = text.first("\\text", in: 0..<text.count) != nil || text.first("\\mathrm", in: 0..<text.count) != nil
    choice = Self.choice(canonical, mayHaveValue: false)
    let isWords = canonical.count > 1 && canonical.allSatisfy { isLetter($0) || $0 == UInt8(ascii: "-") }
    words = isWords && (isText || canonical.count > 2) ? canonical.map(lowercased) : nil
    variables = Self.letters(text)
    parsed = Parsed(text)
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
    guard let gold = number == nil ? parsed : Parsed(text) else {
      return isSameText(response, range) ? true : (isPlain ? nil : false)
    }
    if case .emptySet = gold.tree[gold.root].kind, Self.saysNothing(Self.canonical(response, range)) { return true }
    let found = compare(gold, response, range, groupsByComma: !gold.isCollection)
    if found == true { return true }
    if gold.isCollection, response[range].contains(UInt8(ascii: ",")),
      compare(gold, response, range, groupsByComma: true) == true
    {
      return true
    }
    if isPlain, let decimal = Self.decimalComma(response, range),
      compare(gold, decimal, 0..<decimal.count, groupsByComma: false) == true
    {
      return true
    }
    return found ?? (isSameText(response, range) ? true : nil)
  }

  private func compare(_ gold: Parsed, _ response: [UInt8], _ range: Range<Int>, groupsByComma: Bool) -> Bool? {
    let lexer = MathLexer(response, range, groupsByComma: groupsByComma, variables: variables)
    guard !lexer.isTooLong else { return nil }
    var parser = MathParser(lexer)
    guard let given = parser.root(from: Self.choicePrefix(lexer.tokens, response)) else { return nil }
    var comparison = AnswerComparison(gold: gold.tree, given: parser.tree, isPercentLenient: isPercentLenient)
    return comparison.isRight(gold.root, given)
  }

  private func isSameText(_ response: [UInt8], _ range: Range<Int>) -> Bool {
    let wanted = Self.canonical(text, 0..<text.count)
    return !wanted.isEmpty && Self.canonical(response, range) == wanted
  }
}
