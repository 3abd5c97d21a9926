/// Three tasks as reasoning-gym scores them, with the same numbers. The candidate is the whole response or, with
/// `from=tag`, the last answer tag; 0 where there is none.
///
/// - `chain-sum`: 1 when the candidate is the answer as a decimal number: commas and underscores are dropped anywhere,
///   sign, leading zeros, trailing decimals, an exponent and digits of other scripts are allowed. Else, where the
///   answer occurs in the candidate, its share of the candidate's characters (a partial credit that pays for padding), else 0.
/// - `number-sorting`: 1 when the candidate is a JSON list (' counts as ") of as many numbers as the answer, in
///   `meta.direction` (ascending, descending), each at most 1 away from the answer's; else 0. NaN is no number here.
/// - `gsm-symbolic`: by the first number of the text, without its sign: 1 the answer, 0.01 another, 0 none.
///
/// nil: no answer, or one that the task cannot read.
package struct ReasoningGymReward: RolloutReward {
  enum Task: String, Sendable {
    case chainSum = "chain-sum"
    case numberSorting = "number-sorting"
    case gsmSymbolic = "gsm-symbolic"
  }

  let task: Task
  let source: Source

  package var name: String { task.rawValue }
  package let version = 1
  package var needs: RewardNeeds { task == .numberSorting ? .meta : [] }
  package let judgesCorrectness = true
  package var parameters: [(name: String, value: String)] { [("from", source.rawValue)] }

  static let chainSum = entry(.chainSum, "1 for the number, partial credit where the response holds it")
  static let numberSorting = entry(.numberSorting, "1 when the response is the sorted list")
  static let gsmSymbolic = entry(.gsmSymbolic, "1 when the first number is the answer, 0.01 for another")

  private static func entry(_ task: Task, _ summary: String) -> RewardRegistry.Entry {
    RewardRegistry.Entry(
      name: task.rawValue, summary: summary, keys: [("from", Source.explanation)],
      make: { (options) throws(RewardError) in
        ReasoningGymReward(task: task, source: try options.choice("from", default: .response))
      })
  }

  package func score(_ input: RewardInput) -> RewardOutput {
    guard let answer = input.answer else { return RewardOutput(nil) }
    let range = source.range(in: input.response) ?? 0..<0
    let candidate = source == .tag ? input.response.trimmed(range) : range
    let value =
      switch task {
      case .chainSum: Self.chainSum(input.response[candidate], answer)
      case .numberSorting: Self.numberSorting(input.response[candidate], answer, input.meta)
      case .gsmSymbolic: Self.gsmSymbolic(input.response[candidate], answer)
      }
    return RewardOutput(value, extracted: input.response[candidate])
  }

  // MARK: - Chain sum

  private static func chainSum(_ candidate: ArraySlice<UInt8>, _ answer: [UInt8]) -> Double? {
    let comma = UInt8(ascii: ",")
    let text = Array(String(decoding: candidate.filter { $0 != comma }, as: UTF8.self).unicodeScalars)
    let wanted = Array(String(decoding: answer.filter { $0 != comma }, as: UTF8.self).unicodeScalars)
    guard let number = decimal(wanted) else { return nil }
    if decimal(text) == number { return 1 }
    return occurrences(of: wanted, in: text).isEmpty ? 0 : Double(wanted.count) / Double(text.count)
  }

  private static func digit(_ scalar: Unicode.Scalar) -> UInt8? {
    if scalar.isASCII { return isDigit(UInt8(scalar.value)) ? UInt8(scalar.value) - 0x30 : nil }
    guard scalar.properties.numericType == .decimal, let value = scalar.properties.numericValue else { return nil }
    return UInt8(exactly: value)
  }

  /// What Python's `Decimal` reads; nil for anything else, for infinity and NaN too.
  private static func decimal(_ text: [Unicode.Scalar]) -> ExactNumber? {
    var rest = text.drop { $0.properties.isWhitespace }
    while let last = rest.last, last.properties.isWhitespace { rest.removeLast() }
    var scalars = rest.filter { $0 != "_" }[...]
    let negative = scalars.first == "-"
    if negative || scalars.first == "+" { scalars.removeFirst() }
    var digits: [UInt8] = []
    var exponent = 0
    var hasPoint = false
    while let first = scalars.first {
      if let digit = digit(first) {
        digits.append(digit)
        exponent -= hasPoint ? 1 : 0
      } else if first == ".", !hasPoint {
        hasPoint = true
      } else {
        break
      }
      scalars.removeFirst()
    }
    guard !digits.isEmpty else { return nil }
    if let first = scalars.first {
      guard first == "e" || first == "E" else { return nil }
      scalars.removeFirst()
      let isSmall = scalars.first == "-"
      if isSmall || scalars.first == "+" { scalars.removeFirst() }
      guard !scalars.isEmpty else { return nil }
      var value = 0
      for scalar in scalars {
        guard let digit = digit(scalar) else { return nil }
        value = min(value * 10 + Int(digit), 1 << 40)
      }
      exponent += isSmall ? -value : value
    }
    return ExactNumber(negative: negative, top: DecimalDigits(digits, exponent: exponent))
  }

  // MARK: - Sorting

  private static func numberSorting(_ candidate: ArraySlice<UInt8>, _ answer: [UInt8], _ meta: Fact) -> Double? {
    guard let wanted = numbers(answer[...]) else { return nil }
    guard let got = numbers(candidate), got.count == wanted.count else { return 0 }
    let isDescending = meta["direction"]?.text == "descending"
    guard zip(got, got.dropFirst()).allSatisfy({ isDescending ? $0 >= $1 : $0 <= $1 }) else { return 0 }
    return zip(got, wanted).allSatisfy { ($0 - $1).magnitude <= 1 } ? 1 : 0
  }

  private static func numbers(_ text: ArraySlice<UInt8>) -> [Double]? {
    let bytes = text.map { $0 == UInt8(ascii: "'") ? UInt8(ascii: "\"") : $0 }
    guard let list = (try? JSONText.parse(bytes, in: 0..<bytes.count))?.list else { return nil }
    let numbers = list.compactMap { item -> Double? in
      if let text = item.text {
        let digits = Array(text.utf8)
        let trimmed = digits[digits.trimmed(0..<digits.count)]
        // Neither hexadecimal, infinity nor NaN.
        guard trimmed.allSatisfy({ isDigit($0) || "+-.eE".utf8.contains($0) }) else { return nil }
        return Double(String(decoding: trimmed, as: UTF8.self))
      }
      return item.number
    }
    return numbers.count == list.count && numbers.allSatisfy(\.isFinite) ? numbers : nil
  }

  // MARK: - GSM symbolic

  private static func gsmSymbolic(_ candidate: ArraySlice<UInt8>, _ answer: [UInt8]) -> Double? {
    guard let wanted = decimal(Array(String(decoding: answer, as: UTF8.self).unicodeScalars)) else { return nil }
    guard let number = firstNumber(Array(String(decoding: candidate, as: UTF8.self).unicodeScalars)) else { return 0 }
    return number == wanted ? 1 : 0.01
  }

  /// The first match of `\b-?\d+(?:\.\d+)?\b`.
  private static func firstNumber(_ text: [Unicode.Scalar]) -> ExactNumber? {
    func isWord(_ index: Int) -> Bool {
      guard text.indices.contains(index) else { return false }
      return text[index] == "_" || (text[index].isWord && !text[index].properties.generalCategory.isMark)
    }
    func run(_ start: Int) -> Int { text[start...].firstIndex { digit($0) == nil } ?? text.count }
    var index = 0
    while index < text.count {
      guard digit(text[index]) != nil else {
        index += 1
        continue
      }
      // A sign counts only where a word character stands before it.
      let isSigned = index > 1 && text[index - 1] == "-" && isWord(index - 2)
      let whole = run(index)
      let fraction = whole + 1 < text.count && text[whole] == "." ? run(whole + 1) : whole
      if isSigned || !isWord(index - 1) {
        for stop in [fraction, whole] where (stop == whole || stop > whole + 1) && !isWord(stop) {
          return decimal(Array(text[(isSigned ? index - 1 : index)..<stop]))
        }
      }
      index = whole
    }
    return nil
  }
}
