import Testing

/// A Swift file's bytes with the insides of comments and strings blanked, so that words and braces in it are code.
struct SwiftScanner {
  private(set) var code: [UInt8]
  private var at = 0

  init(_ text: String) {
    code = Array(text.utf8)
    while at < code.count { skipToken() }
  }

  private func starts(_ word: StaticString) -> Bool {
    code.count - at >= word.utf8CodeUnitCount
      && (0..<word.utf8CodeUnitCount).allSatisfy { code[at + $0] == word.utf8Start[$0] }
  }

  private mutating func blank(_ count: Int) {
    for _ in 0..<min(count, code.count - at) {
      if code[at] != 0x0A { code[at] = 0x20 }
      at += 1
    }
  }

  private mutating func skipToken() {
    if starts("//") {
      while at < code.count, code[at] != 0x0A { blank(1) }
    } else if starts("/*") {
      blankComment()
    } else if starts("#\"") || starts("##\"") || starts("\"") {
      blankString()
    } else {
      at += 1
    }
  }

  private mutating func blankComment() {
    var depth = 0
    repeat {
      if starts("/*") {
        depth += 1
        blank(2)
      } else if starts("*/") {
        depth -= 1
        blank(2)
      } else {
        blank(1)
      }
    } while depth > 0 && at < code.count
  }

  /// A string of any kind, its interpolations included.
  private mutating func blankString() {
    var marks = 0
    while starts("#") {
      marks += 1
      blank(1)
    }
    let long = starts("\"\"\"")
    blank(long ? 3 : 1)
    while at < code.count {
      if isEscape(marks) {
        blank(1 + marks)
        if starts("(") { blankInterpolation() } else { blank(1) }
      } else if !long && starts("\n") || isClosing(long ? 3 : 1, marks) {
        blank((long ? 3 : 1) + marks)
        return
      } else {
        blank(1)
      }
    }
  }

  private func isEscape(_ marks: Int) -> Bool {
    guard starts("\\"), at + marks < code.count else { return false }
    return (0..<marks).allSatisfy { code[at + 1 + $0] == UInt8(ascii: "#") }
  }

  private func isClosing(_ quotes: Int, _ marks: Int) -> Bool {
    guard at + quotes + marks <= code.count else { return false }
    return code[at..<at + quotes].allSatisfy { $0 == UInt8(ascii: "\"") }
      && code[at + quotes..<at + quotes + marks].allSatisfy { $0 == UInt8(ascii: "#") }
  }

  private mutating func blankInterpolation() {
    var depth = 0
    repeat {
      if starts("(") {
        depth += 1
      } else if starts(")") {
        depth -= 1
      } else if starts("\"") {
        blankString()
        continue
      }
      blank(1)
    } while depth > 0 && at < code.count
  }
}

/// A function, initialiser, subscript or computed property with a body.
struct FunctionSpan: Equatable {
  var name: String
  /// From 1.
  var line: Int
  var lines: Int
}

extension SwiftScanner {
  /// Every declaration with a body, found by its keyword and its braces.
  var functions: [FunctionSpan] {
    var found: [FunctionSpan] = [], line = 1, i = 0
    while i < code.count {
      if code[i] == 0x0A { line += 1 }
      guard let word = word(at: i) else {
        i += 1
        continue
      }
      let end = i + word.utf8.count
      let isMember = i > 0 && code[i - 1] == UInt8(ascii: ".")
      if ["func", "init", "deinit", "subscript", "var"].contains(word), !isMember,
        let body = body(after: end, property: word == "var") {
        let lines = code[i...body.upperBound].count { $0 == 0x0A } + 1
        found.append(FunctionSpan(name: "\(word) \(name(after: end))", line: line, lines: lines))
      }
      i = end
    }
    return found
  }

  private func isLetter(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "_") || (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z")
      || byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
  }

  /// The word that begins here.
  private func word(at i: Int) -> String? {
    guard isLetter(code[i]), i == 0 || !isLetter(code[i - 1]) else { return nil }
    return String(decoding: code[i...].prefix { isLetter($0) }, as: UTF8.self)
  }

  private func name(after i: Int) -> String {
    let rest = code[i...].drop { $0 == 0x20 }.prefix { $0 != UInt8(ascii: "(") && $0 != 0x0A }
    return String(decoding: rest.prefix(40), as: UTF8.self)
  }

  /// The braces of the declaration whose keyword ends here; nil if it has none (a requirement, a stored property).
  private func body(after start: Int, property: Bool) -> ClosedRange<Int>? {
    var depth = 0, i = start
    while i < code.count {
      switch code[i] {
      case UInt8(ascii: "("), UInt8(ascii: "["): depth += 1
      case UInt8(ascii: ")"), UInt8(ascii: "]"): depth -= 1
      case UInt8(ascii: "}"), UInt8(ascii: ";"): if depth <= 0 { return nil }
      case UInt8(ascii: "="): if depth == 0, property { return nil }
      case UInt8(ascii: "{"): if depth == 0 { return closing(i).map { i...$0 } }
      case 0x0A: if depth == 0, property || !continues(after: i) { return nil }
      default: break
      }
      if depth < 0 { return nil }
      i += 1
    }
    return nil
  }

  /// Whether a declaration goes on in the line after this line end.
  private func continues(after i: Int) -> Bool {
    let rest = code[i...].drop { $0 == 0x20 || $0 == 0x0A }.prefix(8)
    return ["{", "where", "->", "throws", "rethrows", ")"].contains { rest.starts(with: $0.utf8) }
  }

  private func closing(_ open: Int) -> Int? {
    var depth = 0
    for i in open..<code.count {
      if code[i] == UInt8(ascii: "{") { depth += 1 }
      if code[i] == UInt8(ascii: "}") {
        depth -= 1
        if depth == 0 { return i }
      }
    }
    return nil
  }
}

@Suite struct SwiftScannerTests {
  @Test func blanksCommentsAndStrings() {
    let text = #"""
      let a = "try! { \(f("}") + "{") } \" {" // fatalError( {
      /* { /* nested { */ { */ let b = 1
      let c = ##"raw " \( "## + "x"
      """#
    let code = String(decoding: SwiftScanner(text).code, as: UTF8.self)
    #expect(!code.contains("{") && !code.contains("}") && !code.contains("try!") && !code.contains("fatalError"))
    #expect(code.contains("let a =") && code.contains("let b = 1") && code.contains(#"+"#))
    #expect(code.utf8.count == text.utf8.count)
  }

  @Test func measuresFunctions() {
    let text = """
      protocol P {
        func required(a: Int) -> Int
        var value: Int { get }
      }
      struct S {
        var stored = 1
        var closure = { 5 }
        init(
          a: Int = { 3 }()
        )
        throws
        {
          self.init(b: a)
        }
        func one() { }
        func two<T>(_ x: T) -> [T]
        where T: P {
          func inner() {
            print("}")
          }
        }
      }
      """
    let found = SwiftScanner(text).functions.map { "\($0.line) \($0.name) \($0.lines)" }
    #expect(
      found == [
        "3 var value: Int { get } 1", "8 init  7", "15 func one 1", "16 func two<T> 6", "18 func inner 3",
      ])
  }
}
