/// Cuts the program out of a response.
enum CodeExtraction {
  /// A longer program is no program.
  static let limit = 1 << 20

  /// - `fence`: the content of the last closed code block that names no language or one of `languages` (`*`: any).
  /// - `tag`: the content of the last closed `<answer>`; if that holds such a block, the block's.
  /// - `text`: the whole response, without blocks being looked for.
  ///
  /// - Returns: nil where there is none, or it is blank. Linear in the text.
  static func program(in response: [UInt8], _ settings: CodeSettings) -> String? {
    var found: [UInt8]?
    switch settings.source {
    case .fence: found = block(in: response[...], settings.languages)
    case .tag: found = tag(in: response).map { block(in: $0, settings.languages) ?? Array($0) }
    case .text: found = response
    }
    guard let found, found.count <= limit, !found.allSatisfy({ $0 <= 0x20 }) else { return nil }
    return String(decoding: found, as: UTF8.self)
  }

  /// A block opens at the end of a line with three or more backticks and perhaps a word, and closes at a line that
  /// begins with as many and no word after them, or ends with them. Lines lose the opening line's indentation.
  private static func block(in text: ArraySlice<UInt8>, _ languages: [String]) -> [UInt8]? {
    var last: [UInt8]?
    var open: (ticks: Int, indent: Int, counts: Bool)?
    var content: [UInt8] = []
    for line in text.split(separator: 0x0A, omittingEmptySubsequences: false) {
      let inner = trimmed(line)
      guard let opened = open else {
        open = opening(line, languages)
        content.removeAll()
        continue
      }
      let ticks = inner.prefix { $0 == tick }.count
      let tail = inner.reversed().prefix { $0 == tick }.count
      let body = line.dropFirst(min(opened.indent, line.prefix { $0 == 0x20 || $0 == 0x09 }.count))
      if ticks >= opened.ticks, !isWord(inner.dropFirst(ticks).first) {
        if opened.counts { last = content }
        open = nil
      } else if ticks == 0, tail == opened.ticks {
        if opened.counts { last = content + trimmed(body, front: false).dropLast(tail) }
        open = nil
      } else {
        content += body + [0x0A]
      }
    }
    return last
  }

  private static let tick = UInt8(ascii: "`")

  private static func opening(
    _ line: ArraySlice<UInt8>, _ languages: [String]
  ) -> (ticks: Int, indent: Int, counts: Bool)? {
    guard let last = line.lastIndex(of: tick) else { return nil }
    let ticks = line[...last].reversed().prefix { $0 == tick }.count
    guard ticks >= 3, !line[..<(last + 1 - ticks)].contains(tick) else { return nil }
    let word = trimmed(line[(last + 1)...]).prefix {
      $0 > 0x20 && $0 != UInt8(ascii: "{") && $0 != UInt8(ascii: ":")
    }
    let indent = line.prefix { $0 == 0x20 || $0 == 0x09 }.count
    let counts =
      word.isEmpty || languages.contains("*")
      || languages.contains(String(decoding: word, as: UTF8.self).lowercased())
    return (ticks, indent, counts)
  }

  private static func isWord(_ byte: UInt8?) -> Bool {
    byte.map { UInt8(ascii: "a")...UInt8(ascii: "z") ~= $0 | 0x20 } ?? false
  }

  private static func tag(in text: [UInt8]) -> ArraySlice<UInt8>? {
    let (open, close) = (Array("<answer>".utf8), Array("</answer>".utf8))
    guard let end = lastIndex(of: close, in: text[...]),
      let start = lastIndex(of: open, in: text[..<end])
    else {
      return nil
    }
    return text[(start + open.count)..<end]
  }

  private static func lastIndex(of word: [UInt8], in text: ArraySlice<UInt8>) -> Int? {
    guard text.count >= word.count else { return nil }
    return (text.startIndex...(text.endIndex - word.count)).last {
      text[$0] == word[0] && text[$0...].starts(with: word)
    }
  }

  private static func trimmed(_ text: ArraySlice<UInt8>, front: Bool = true) -> ArraySlice<UInt8> {
    var text = text
    while front, let first = text.first, first <= 0x20 { text.removeFirst() }
    while let last = text.last, last <= 0x20 { text.removeLast() }
    return text
  }
}
