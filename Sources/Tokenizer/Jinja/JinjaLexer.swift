import Formats

/// A token inside of `{{ … }}` or `{% … %}`.
struct JinjaToken: Sendable {
  enum Kind: Equatable, Sendable {
    case name
    case string
    case integer(Int)
    case float(Double)
    /// An operator or a bracket.
    case symbol
    /// The end of the tag.
    case end
  }

  let kind: Kind
  /// The name, the symbol, or the contents of the string.
  let text: String
  let offset: Int
}

/// What a template is made of, in order.
enum JinjaSegment: Sendable {
  case text(String)
  /// `{{ … }}`
  case output([JinjaToken])
  /// `{% … %}`
  case statement([JinjaToken])
}

/// Cuts a template into text and tags, with Jinja's white-space control: `trim_blocks` and `lstrip_blocks` are on, as
/// transformers sets them; "-" strips white space on its side, "+" keeps it.
struct JinjaLexer {
  /// Tokens in one tag that are accepted: expressions nest no deeper than that, whatever the text.
  private static let maximumTokens = 2000

  private let source: JinjaSource
  private var position = 0
  /// Whether the last thing read ended with a line end, or nothing was read yet.
  private var isLineStart = true
  private var segments: [JinjaSegment] = []

  init(_ source: JinjaSource) {
    self.source = source
  }

  private var bytes: [UInt8] { source.bytes }

  mutating func segmentsOfTemplate() throws -> [JinjaSegment] {
    while let tag = nextTag() {
      try read(tag)
      isLineStart = position > 0 && bytes[position - 1] == UInt8(ascii: "\n")
    }
    appendText(position..<bytes.count)
    return segments
  }

  private enum Tag: UInt8 {
    case comment = 0x23  // #
    case statement = 0x25  // %
    case output = 0x7B  // {
  }

  private func nextTag() -> (tag: Tag, offset: Int)? {
    var index = position
    while index + 1 < bytes.count {
      if bytes[index] == UInt8(ascii: "{"), let tag = Tag(rawValue: bytes[index + 1]) {
        return (tag, index)
      }
      index += 1
    }
    return nil
  }

  private mutating func read(_ tag: (tag: Tag, offset: Int)) throws {
    let sign = byte(tag.offset + 2)
    appendText(position..<textEnd(before: tag.offset, sign: sign, isOutput: tag.tag == .output))
    position = tag.offset + (sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") ? 3 : 2)
    switch tag.tag {
    case .comment: try skipComment(from: tag.offset)
    case .output: segments.append(.output(try tokens(of: tag, until: "}}")))
    case .statement:
      if try readRaw(from: tag.offset) { return }
      segments.append(.statement(try tokens(of: tag, until: "%}")))
    }
  }

  /// Where the text before a tag ends once white space is taken off.
  private func textEnd(before tag: Int, sign: UInt8, isOutput: Bool) -> Int {
    let text = bytes[position..<tag]
    if sign == UInt8(ascii: "-") { return JinjaSource.endWithoutSpace(text) }
    if sign == UInt8(ascii: "+") || isOutput { return tag }
    let newline = text.lastIndex(of: UInt8(ascii: "\n"))
    guard newline != nil || isLineStart else { return tag }
    let line = newline.map { $0 + 1 } ?? position
    return JinjaSource.endWithoutSpace(bytes[line..<tag]) == line ? line : tag
  }

  private mutating func appendText(_ range: Range<Int>) {
    if !range.isEmpty { segments.append(.text(String(decoding: bytes[range], as: UTF8.self))) }
  }

  private func byte(_ offset: Int) -> UInt8 { offset < bytes.count ? bytes[offset] : 0 }

  private func has(_ text: StaticString, at offset: Int) -> Bool {
    let count = text.utf8CodeUnitCount
    guard offset + count <= bytes.count else { return false }
    return (0..<count).allSatisfy { bytes[offset + $0] == text.utf8Start[$0] }
  }

  /// Takes the end of a tag at `position` with its sign, and the white space that goes with it; false if none is here.
  private mutating func takeEnd(_ end: StaticString) -> Bool {
    let sign = byte(position)
    if sign == UInt8(ascii: "-"), has(end, at: position + 1) {
      position = source.endOfSpace(position + 3)
    } else if sign == UInt8(ascii: "+"), end.utf8Start[0] != UInt8(ascii: "}"),
      has(end, at: position + 1)
    {
      position += 3
    } else if has(end, at: position) {
      position += 2
      if end.utf8Start[0] != UInt8(ascii: "}"), byte(position) == UInt8(ascii: "\n") {
        position += 1
      }
    } else {
      return false
    }
    return true
  }

  private mutating func skipComment(from start: Int) throws {
    while position < bytes.count {
      if takeEnd("#}") { return }
      position += 1
    }
    throw source.fault(start, "the comment that begins here has no end")
  }

  /// `{% raw %} … {% endraw %}`: text in which tags mean nothing. False if the tag is another.
  private mutating func readRaw(from start: Int) throws -> Bool {
    let opening = position
    guard takeWord("raw") else { return false }
    // The opening tag takes no line end along.
    if has("-%}", at: position) {
      position = source.endOfSpace(position + 3)
    } else if has("%}", at: position) {
      position += 2
    } else {
      position = opening
      return false
    }
    isLineStart = bytes[position - 1] == UInt8(ascii: "\n")
    var index = position
    while index < bytes.count {
      if has("{%", at: index) {
        let sign = byte(index + 2)
        let textRange = position..<textEnd(before: index, sign: sign, isOutput: false)
        let textStart = position
        position = index + (sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") ? 3 : 2)
        if takeWord("endraw"), takeEnd("%}") {
          appendText(textRange)
          return true
        }
        position = textStart
      }
      index += 1
    }
    throw source.fault(start, "expected {% endraw %} after this, found the end of the template")
  }

  /// Takes a word with the white space around it; leaves `position` alone if it is not here.
  private mutating func takeWord(_ word: StaticString) -> Bool {
    let start = source.endOfSpace(position)
    guard has(word, at: start) else { return false }
    position = source.endOfSpace(start + word.utf8CodeUnitCount)
    return true
  }

  private mutating func tokens(of tag: (tag: Tag, offset: Int), until end: StaticString) throws
    -> [JinjaToken]
  {
    var tokens: [JinjaToken] = []
    var brackets: [UInt8] = []
    var reader = JinjaTokenReader(source, position)
    while true {
      reader.skipSpace()
      position = reader.position
      let offset = position
      if brackets.isEmpty, takeEnd(end) {
        tokens.append(JinjaToken(kind: .end, text: "", offset: offset))
        return tokens
      }
      guard position < bytes.count else {
        throw source.fault(
          tag.offset, "expected \(end) after this tag, found the end of the template")
      }
      guard tokens.count < Self.maximumTokens else {
        throw source.fault(offset, "the tag is too long")
      }
      let token = try reader.next()
      if token.kind == .symbol { try Self.balance(token, &brackets, source) }
      tokens.append(token)
    }
  }

  /// A tag ends only where its brackets are closed: `{{ {'a': {}} }}`.
  private static func balance(_ token: JinjaToken, _ brackets: inout [UInt8], _ source: JinjaSource)
    throws
  {
    switch token.text {
    case "(": brackets.append(UInt8(ascii: ")"))
    case "[": brackets.append(UInt8(ascii: "]"))
    case "{": brackets.append(UInt8(ascii: "}"))
    case ")", "]", "}":
      guard brackets.popLast() == token.text.utf8.first else {
        throw source.fault(token.offset, "unexpected \(token.text)")
      }
    default: break
    }
  }
}
