/// A word, number, text or sign of a selection.
struct SelectionToken {
  enum Kind: Equatable {
    case word(String)
    case number(Double, String)
    case quoted(String)
    case sign(String)
    case end
  }

  var kind: Kind
  /// From 1, in characters.
  var column: Int

  /// Words that are neither fields nor values; in quotes they are.
  static let keywords: Set<String> = ["and", "or", "not", "between", "in", "is", "null"]
  private static let signs = ["!=", "<>", "<=", ">=", "==", "!~", "=", "<", ">", "~", "(", ")", ","]
  /// Bytes of a selection.
  private static let lengthLimit = 65536

  func isWord(_ word: String) -> Bool {
    if case .word(let found) = kind { found.lowercased() == word } else { false }
  }

  func isSign(_ sign: String) -> Bool { kind == .sign(sign) }

  var description: String {
    switch kind {
    case .word(let word): "'\(word)'"
    case .number(_, let written): "'\(written)'"
    case .quoted(let text): "the text '\(text)'"
    case .sign(let sign): "'\(sign)'"
    case .end: "the end"
    }
  }

  /// The tokens of a text, the last one `end`.
  static func tokens(of text: String) throws -> [SelectionToken] {
    guard text.utf8.count <= lengthLimit else {
      throw RollbookError.usage("expected a selection of at most \(lengthLimit) bytes, found \(text.utf8.count)")
    }
    let characters = Array(text)
    var tokens: [SelectionToken] = []
    var index = 0
    while index < characters.count {
      let start = index
      let character = characters[index]
      if character.isWhitespace {
        index += 1
        continue
      }
      let kind: Kind
      if character == "'" || character == "\"" {
        kind = .quoted(try quoted(characters, &index, text))
      } else if let sign = signs.first(where: { characters[index...].starts(with: $0) }) {
        index += sign.count
        kind = .sign(sign == "==" ? "=" : sign == "<>" ? "!=" : sign)
      } else {
        while index < characters.count, isPart(characters[index]) { index += 1 }
        guard index > start else { throw Selection.fault(text, start + 1, "expected a field, a value or a sign") }
        let word = String(characters[start..<index])
        kind = number(word).map { .number($0, word) } ?? .word(word)
      }
      tokens.append(SelectionToken(kind: kind, column: start + 1))
    }
    return tokens + [SelectionToken(kind: .end, column: characters.count + 1)]
  }

  /// What words and numbers consist of: names of tasks, prompts and components, with the wildcards.
  private static func isPart(_ character: Character) -> Bool {
    character.isLetter || character.isNumber || "_-.+:/@#*?%".contains(character)
  }

  /// Decimal, with a fraction and an exponent or without; neither hexadecimal nor `nan`.
  private static func number(_ word: String) -> Double? {
    guard let first = word.unicodeScalars.first(where: { $0 != "-" && $0 != "+" && $0 != "." }),
      ("0"..."9").contains(first), word.utf8.allSatisfy({ "0123456789+-.eE".utf8.contains($0) }),
      let number = Double(word), number.isFinite
    else { return nil }
    return number
  }

  private static func quoted(_ characters: [Character], _ index: inout Int, _ text: String) throws -> String {
    let start = index
    let quote = characters[index]
    var content = ""
    index += 1
    while index < characters.count {
      if characters[index] == quote {
        guard index + 1 < characters.count, characters[index + 1] == quote else {
          index += 1
          return content
        }
        index += 1
      }
      content.append(characters[index])
      index += 1
    }
    throw Selection.fault(text, start + 1, "expected the closing \(quote)")
  }
}
